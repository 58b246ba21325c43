"""What a subscriber gets for its `since`: all of it, or what is missing and where to fetch it."""

from collector.feed import log
from collector.feed.batches import Batch, Tail, empty_tail, tails, view
from collector.feed.filling import fill_urls, recorded_since
from collector.feed.frames import Reason
from collector.feed.hub import Hub, in_thread
from collector.feed.position import Position
from collector.feed.protocol import Missing, Since, epoch_began
from collector.feed.subscriber import Subscriber
from marketdata_site.observability import clock
from providers.market.types import EPOCH, MINUTE_US, Micros, to_us

CLOCKS_US = MINUTE_US
"""How far the clocks of two machines that publish may differ: a time may stand in an earlier epoch than an earlier time."""


class HistoryMoved(Exception):
    """What was there when the resume began is not any more. Retryable: a new resume judges anew."""


async def judge(hub: Hub, since: Since, channels: frozenset[str]) -> Position | Missing:
    """The position behind which everything can be sent, or what is missing of `channels`. Waits until the hub stands there at least."""
    now = clock.now_us()
    begin, reason = await in_thread(_begin, hub, since, now)
    if reason is None:
        # Another web process may have been ahead of this one: what this client has already must not come again.
        await hub.ready(at_least=begin)
        return begin
    gap_from = await in_thread(_gap_from, hub, since)
    return Missing(reason, gap_from, now, await in_thread(_fill_urls, channels, gap_from, now))


def _begin(hub: Hub, since: Since, now: Micros) -> tuple[Position, Reason | None]:
    """The position that `since` means, and why what follows it can't be sent, if it can't."""
    begin, most = since.position, hub.limits.max_replay_messages
    if begin is None:
        begin, is_whole = hub.history.begin_at(max(_time(since) - CLOCKS_US, 0), now=now)
        if not is_whole:
            return begin, "too_old"
    return begin, hub.history.judge(begin, now=now, max_messages=most)


def _time(since: Since) -> Micros:
    return 0 if since.time is None else max(to_us(since.time), 0)


def _gap_from(hub: Hub, since: Since) -> Micros | None:
    if since.position is None:
        return _time(since)
    begin = _micros(since.at) if since.at is not None else None
    return begin if begin is not None else hub.history.known_since(since.position)


def _fill_urls(channels: frozenset[str], begin: Micros | None, now: Micros) -> tuple[str, ...]:
    if begin is None:
        return fill_urls(channels=channels, since=0)
    oldest = log.oldest_recorded(since=min(begin, now))
    return fill_urls(channels=channels, since=recorded_since(gap_from=begin, oldest_kept=oldest, now=now))


def _micros(text: str) -> Micros | None:
    """A client's time, None when it is none: it only sharpens a gap that is told anyway."""
    from django.utils.dateparse import parse_datetime

    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None or moment < EPOCH else to_us(moment)


async def send_history(hub: Hub, subscriber: Subscriber, *, since: Position, top: Position) -> None:
    """Queue everything in `(since, top]` that the subscriber wants. It is held, so the live feed follows from `top`.

    Waits for the client's acknowledgements, and takes no part in what the process can read at once while it waits.

    Raises: HistoryMoved, FeedUnavailable.
    """
    sender = _Sender(hub, subscriber, since)
    while sender.position < top:
        await subscriber.room()
        if subscriber.closing is not None:
            return
        async with hub.replays:
            if not await sender.go_on(top):
                break
    sender.finish(top)


class _Sender:
    """Where the history's frames have come to."""

    def __init__(self, hub: Hub, subscriber: Subscriber, since: Position) -> None:
        self._hub, self._subscriber = hub, subscriber
        self.position = since
        """Up to where history was read."""
        self._at: Micros = 0
        self._sent = since

    async def go_on(self, top: Position) -> bool:
        """Read and queue the next batches, no further than `top` and than the client has room; False when there are no more."""
        step = await in_thread(self._hub.history.step, self.position)
        if step.onward is not None:
            if self.position.epoch == top.epoch:
                return False  # flushed since: what was not stamped comes again in the epoch that the held frames tell of
            self._begin_epoch(step.onward)
            return True
        if not step.batches:
            raise HistoryMoved
        for batch in step.batches:
            if self.position >= top:
                break  # what follows comes by the live feed
            if batch.seq_from > self.position.seq:
                raise HistoryMoved
            if not await self._send(batch, min(batch.end, top)):
                break
        return True

    async def _send(self, batch: Batch, upto: Position) -> bool:
        """Queue a batch as far as there is room; False when it was not all of it."""
        if upto <= self.position:
            return True
        self._at = batch.at
        for tail in await in_thread(self._encode, batch, upto):
            if not self._subscriber.has_room:
                return False
            self._queue(tail)
            self.position = self._sent
        self.position = upto
        return True

    def _encode(self, batch: Batch, upto: Position) -> list[Tail]:
        seen = view(batch, after=self.position.seq, upto=upto.seq)
        limit = self._hub.limits.frame_bytes
        return list(tails(seen, channels=self._subscriber.channels, upto=upto.seq, max_bytes=limit))

    def _begin_epoch(self, position: Position) -> None:
        """Everything of the epoch before has been queued."""
        self.finish(self.position)
        self._subscriber.now(epoch_began(position=position, previous=self._sent), position=position)
        self.position = self._sent = position

    def finish(self, top: Position) -> None:
        """Bring the client to `top`, where nothing more matched."""
        if self._sent < top:
            self._queue(empty_tail(upto=top.seq, at=self._at or self._hub.at))

    def _queue(self, tail: Tail) -> None:
        position = Position(self._sent.epoch, tail.seq_to)
        self._subscriber.now(tail.frame(self._sent.seq), position=position)
        self._sent = position
