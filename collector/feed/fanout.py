"""From a batch to the subscribers' queues: filtered and encoded once for each distinct set of channels."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from collector.feed.batches import Batch, Tail, View, empty_tail, tails, view
from collector.feed.conflating import messages_of
from collector.feed.limits import Limits
from collector.feed.position import Position
from collector.feed.protocol import epoch_began
from collector.feed.subscriber import Subscriber
from providers.market.types import Micros


class Fanout:
    """Subscribers, grouped by what they want."""

    def __init__(self, *, limits: Limits) -> None:
        self._limits = limits
        self._groups: dict[frozenset[str], set[Subscriber]] = {}

    def __iter__(self) -> Iterator[Subscriber]:
        return iter([subscriber for group in self._groups.values() for subscriber in group])

    def put(self, subscriber: Subscriber, channels: frozenset[str]) -> None:
        """Move a subscriber to the group of `channels`; with none it gets no data frames."""
        self.drop(subscriber)
        subscriber.channels = channels
        if channels:
            self._groups.setdefault(channels, set()).add(subscriber)

    def drop(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        group = self._groups.get(subscriber.channels)
        if group is not None:
            group.discard(subscriber)
            if not group:
                del self._groups[subscriber.channels]

    def batches(self, batches: Sequence[Batch], *, after: int) -> None:
        """Queue what is behind `after` to everybody who wants some of it. Who wants nothing of it is told by a later frame's range.

        Batches that were read together go out together: many small writes at once cost one frame a client, not one each.
        """
        seen, end = view(*batches, after=after), batches[-1].end
        for channels, group in self._groups.items():
            frames = list(tails(seen, channels=channels, upto=end.seq, max_bytes=self._limits.frame_bytes))
            if frames:
                folding = [subscriber for subscriber in group if subscriber.is_folding]
                _queue(group.difference(folding) if folding else group, frames, epoch=end.epoch, committed=seen.committed)
                _fold(folding, seen, channels, end)

    def epoch(self, position: Position, *, previous: Position, at: Micros) -> None:
        """Bring everybody to the end of the old epoch and tell them of the new one."""
        for subscriber in self:
            advance(subscriber, to=previous, at=at)
            subscriber.live(epoch_began(position=position, previous=subscriber.position), position=position)

    def heartbeat(self, position: Position, *, at: Micros) -> None:
        """An empty frame up to `position` to everybody who got nothing since the last one."""
        for subscriber in self:
            if subscriber.is_idle and not subscriber.is_held and not subscriber.is_folding:
                subscriber.live(empty_tail(upto=position.seq, at=at).frame(subscriber.position.seq), position=position)
            subscriber.is_idle = True


def _queue(group: Iterable[Subscriber], frames: list[Tail], *, epoch: str, committed: Micros) -> None:
    firsts: dict[int, str] = {}
    first, end = frames[0], Position(epoch, frames[0].seq_to)
    rest = [(frame.frame(before.seq_to), frame) for before, frame in pairwise(frames)]
    for subscriber in group:
        begin = subscriber.position.seq
        if begin not in firsts:
            firsts[begin] = first.frame(begin)
        subscriber.live(firsts[begin], position=end, count=first.count, committed=committed)
        for text, frame in rest:
            subscriber.live(text, position=Position(epoch, frame.seq_to), count=frame.count, committed=committed)


def _fold(group: list[Subscriber], seen: View, channels: frozenset[str], end: Position) -> None:
    messages = messages_of(seen, channels=channels) if group else []
    for subscriber in group:
        subscriber.fold(messages, upto=end, at=seen.at)


def advance(subscriber: Subscriber, *, to: Position, at: Micros) -> None:
    """What is held back, and an empty frame that brings a subscriber to a later position of its epoch; none when it is there."""
    subscriber.settle()
    if subscriber.position < to:
        subscriber.live(empty_tail(upto=to.seq, at=at).frame(subscriber.position.seq), position=to)
