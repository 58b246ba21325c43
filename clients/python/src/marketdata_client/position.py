"""Where a subscriber stands, and the proof that it got there without a hole. No sockets."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from marketdata_client.errors import HoleFound
from marketdata_client.models import Gap, Json, moment


@dataclass(frozen=True, slots=True)
class Position:
    """Everything up to and including `seq` of `epoch` was taken, but for what the `fills` still list.

    Store it with what you made of the messages, in one transaction, and a crash is a disconnect like any other.
    """

    epoch: str
    seq: int
    at: str | None = None
    fills: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For storing."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Json) -> "Position":
        """What `as_json` gave, also after a way through JSON text."""
        return cls(stored["epoch"], stored["seq"], stored.get("at"), tuple(stored.get("fills", ())))

    @property
    def since(self) -> dict[str, Any]:
        """As a subscribe frame says it."""
        return {"epoch": self.epoch, "seq": self.seq, **({} if self.at is None else {"at": self.at})}


class Tracker:
    """Follows one feed over all its connections; every method raises HoleFound when a frame does not join the one before."""

    def __init__(self, position: Position | None) -> None:
        self.position = position

    def subscribed(self, frame: Json) -> Gap | None:
        """The answer to a subscribe; what is missing, if something is."""
        told = Position(frame["epoch"], frame["seq"], None if self.position is None else self.position.at)
        if frame["recovered"]:
            self._check(frame, told.epoch, told.seq)
            self.position = self.position or told
            return None
        self.position = told
        return read_gap(frame)

    def epoch(self, frame: Json) -> None:
        """Numbers start anew; nothing of the epoch before is missing."""
        previous = frame["previous"]
        self._check(frame, previous["epoch"], previous["seq"])
        at = None if self.position is None else self.position.at
        self.position = Position(frame["epoch"], frame["seq"], at)

    def data(self, frame: Json) -> Sequence[Json]:
        """The frame's messages."""
        if self.position is None:
            raise HoleFound("data came before subscribed")
        self._check(frame, self.position.epoch, frame["from"])
        self.position = replace(self.position, seq=frame["to"], at=frame["at"])
        messages: Sequence[Json] = frame["messages"]
        return messages

    def _check(self, frame: Json, epoch: str, seq: int) -> None:
        here = self.position
        if here is not None and (here.epoch, here.seq) != (epoch, seq):
            raise HoleFound(f"at {here.epoch}.{here.seq} came {frame['op']} for {epoch}.{seq}")


def read_gap(frame: Json) -> Gap:
    """What a `subscribed` frame says is missing."""
    begin, end = frame["gap"]["from"], frame["gap"]["to"]
    return Gap(frame["reason"], None if begin is None else moment(begin), moment(end), tuple(frame["fill_urls"]))
