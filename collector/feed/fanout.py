"""From a batch to the subscribers' queues: filtered and encoded once for each distinct set of channels."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from collector.feed.batches import Batch, Tail, empty_tail, tails, view
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
            frames = list(tails(seen, channels=channels, upto=end.seq, max_bytes=self._limits.data_frame_bytes))
            if frames:
                self._queue(group, frames, end.epoch)

    def _queue(self, group: Iterable[Subscriber], frames: list[Tail], epoch: str) -> None:
        firsts: dict[int, str] = {}
        rest = [(frame.frame(before.seq_to), Position(epoch, frame.seq_to)) for before, frame in pairwise(frames)]
        end = Position(epoch, frames[0].seq_to)
        for subscriber in group:
            begin = subscriber.position.seq
            if begin not in firsts:
                firsts[begin] = frames[0].frame(begin)
            subscriber.live(firsts[begin], position=end)
            for text, position in rest:
                subscriber.live(text, position=position)

    def epoch(self, position: Position, *, previous: Position, at: Micros) -> None:
        """Bring everybody to the end of the old epoch and tell them of the new one."""
        for subscriber in self:
            advance(subscriber, to=previous, at=at)
            subscriber.live(epoch_began(position=position, previous=subscriber.position), position=position)

    def heartbeat(self, position: Position, *, at: Micros) -> None:
        """An empty frame up to `position` to everybody who got nothing since the last one."""
        for subscriber in self:
            if subscriber.is_idle and not subscriber.is_held:
                subscriber.live(empty_tail(upto=position.seq, at=at).frame(subscriber.position.seq), position=position)
            subscriber.is_idle = True


def advance(subscriber: Subscriber, *, to: Position, at: Micros) -> None:
    """An empty frame that brings a subscriber to a later position of its epoch; none when it is there."""
    if subscriber.position < to:
        subscriber.live(empty_tail(upto=to.seq, at=at).frame(subscriber.position.seq), position=to)
