"""What must hold of everything that a client got, whatever was done to it. Pure: the publisher's log and a client's report, and what is wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Key = tuple[str, str]
"""Symbol and start: here all series are alike but for the symbol."""


class Place(NamedTuple):
    """A position. Positions of the feed compare in this order."""

    epoch: str
    seq: int


class Said(NamedTuple):
    """A revision of a bar."""

    symbol: str
    start: str
    rev: int
    close: float

    @property
    def key(self) -> Key:
        """Which bar."""
        return self.symbol, self.start


class Taken(NamedTuple):
    """A bar that a client took, at its position. `is_live`: from the feed, where `place` is that of the message itself."""

    place: Place
    said: Said
    is_live: bool


class Hole(NamedTuple):
    """A gap that the server told of: what follows `after` up to `upto` is missing on the feed."""

    after: Place
    upto: Place


class Began(NamedTuple):
    """A client with nothing but what it had stored."""


Event = Taken | Hole | Began


@dataclass
class Report:
    """What a client has to say, in its order."""

    name: str
    channels: Sequence[str]
    start: Place
    end: Place
    events: list[Event] = field(default_factory=list)
    is_deduplicated: bool = False
    """It drops repeats itself."""

    def wants(self, said: Said) -> bool:
        """True for a bar of its channels."""
        return not {f"bars.1m.{said.symbol}", "bars.1m.*", "bars.*.*"}.isdisjoint(self.channels)

    @property
    def taken(self) -> Iterator[Taken]:
        """All bars."""
        return (event for event in self.events if isinstance(event, Taken))

    @property
    def holes(self) -> list[Hole]:
        """All gaps."""
        return [event for event in self.events if isinstance(event, Hole)]


def faults(log: Mapping[Place, Said], report: Report) -> list[str]:
    """What is wrong, one sentence each."""
    wanted = {place: said for place, said in log.items() if place > report.start and report.wants(said)}
    newest = newest_of(log.values())
    last = max(log)
    return [
        *([f"it ended at {report.end}, before {last}"] if report.end < last else []),
        *_invented(log, report),
        *_unannounced(wanted, report),
        *_missing({said.key: newest[said.key] for said in wanted.values()}, report),
        *(_repeated_revs(report) if report.is_deduplicated else _repeated_numbers(report)),
    ]


def newest_of(every: Iterable[Said]) -> dict[Key, Said]:
    found: dict[Key, Said] = {}
    for said in every:
        if said.key not in found or found[said.key].rev < said.rev:
            found[said.key] = said
    return found


def _invented(log: Mapping[Place, Said], report: Report) -> Iterator[str]:
    """What was never published, or under another number. A repeat may have a number that a flush took from it."""
    known = set(log.values())
    for event in report.taken:
        if event.said not in known:
            yield f"{event.said} was never published"
        elif not report.wants(event.said):
            yield f"{event.said} is of no channel of {report.channels}"
        elif event.is_live and log.get(event.place, event.said) != event.said:
            yield f"{event.place} is {log[event.place]}, not {event.said}"


def _unannounced(wanted: Mapping[Place, Said], report: Report) -> Iterator[str]:
    """What did not come on the feed, though no gap was told there.

    A client that drops repeats keeps to itself what a fill had told before, so that much is forgiven.
    """
    live = {event.said for event in report.taken if event.is_live}
    holes = report.holes
    filled: dict[Key, list[Taken]] = {}
    for event in report.taken:
        if not event.is_live:
            filled.setdefault(event.said.key, []).append(event)
    for place, said in wanted.items():
        if said in live or any(hole.after < place <= hole.upto for hole in holes):
            continue
        earlier = [event for event in filled.get(said.key, ()) if event.place < place and event.said.rev >= said.rev]
        if not (report.is_deduplicated and earlier):
            yield f"{said} at {place} never came, and nobody was told"


def _missing(newest: Mapping[Key, Said], report: Report) -> Iterator[str]:
    """Merged by key and rev, what the client holds is what was published."""
    held = newest_of(event.said for event in report.taken)
    for key, said in newest.items():
        if held.get(key) != said:
            yield f"it holds {held.get(key)} instead of {said}"


def _repeated_numbers(report: Report) -> Iterator[str]:
    """Resumed from what was taken, no number comes twice."""
    for place, count in Counter(event.place for event in report.taken if event.is_live).items():
        if count > 1:
            yield f"{place} came {count} times"


def _repeated_revs(report: Report) -> Iterator[str]:
    """No revision twice, and none behind a higher one, as long as the client lives."""
    revs: dict[Key, int] = {}
    for event in report.events:
        if isinstance(event, Began):
            revs = {}
        elif isinstance(event, Taken):
            if event.said.rev <= revs.get(event.said.key, 0):
                yield f"{event.said} came behind rev {revs[event.said.key]}"
            revs[event.said.key] = event.said.rev
