"""What a subscriber gets for its `since`: all of it, or what is missing and where to fetch it."""

from collections.abc import AsyncIterator

from collector.feed import log
from collector.feed.batches import Batch, Tail, empty_tail, tails, view
from collector.feed.filling import fill_urls, recorded_since
from collector.feed.hub import Hub, in_thread
from collector.feed.position import Position
from collector.feed.protocol import Missing, Since, epoch_began
from collector.feed.subscriber import Subscriber
from marketdata_site.observability import clock
from providers.market.types import EPOCH, Micros, to_us


class HistoryMoved(Exception):
    """What was there when the resume began is not any more. Retryable: a new resume judges anew."""


async def judge(hub: Hub, since: Since, channels: frozenset[str]) -> Missing | None:
    """None when everything behind `since` can be sent; waits until the hub stands at least there. `channels` must be filled else."""
    now = clock.now_us()
    reason = await in_thread(hub.history.judge, since.position, now=now, max_messages=hub.limits.max_replay_messages)
    if reason is None:
        # Another web process may have been ahead of this one: what this client has already must not come again.
        await hub.ready(at_least=since.position)
        return None
    begin = await _gap_from(hub, since)
    return Missing(reason, begin, now, await in_thread(_fill_urls, channels, begin, now))


async def _gap_from(hub: Hub, since: Since) -> Micros | None:
    begin = _micros(since.at) if since.at is not None else None
    return begin if begin is not None else await in_thread(hub.history.known_since, since.position)


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

    Raises: HistoryMoved, FeedUnavailable.
    """
    sender = _Sender(hub, subscriber, since)
    async with hub.replays:
        async for batches, onward in _walk(hub, since, top):
            if subscriber.closing is not None:
                return
            if onward is not None:
                sender.begin_epoch(onward)
            else:
                await sender.send(batches, top)
    sender.finish(top)


async def _walk(hub: Hub, since: Position, top: Position) -> AsyncIterator[tuple[list[Batch], Position | None]]:
    position = since
    while position < top:
        step = await in_thread(hub.history.step, position)
        if step.onward is not None:
            if position.epoch == top.epoch:
                return  # flushed since: what was not stamped comes again in the epoch that the held frames tell of
            position = step.onward
            yield [], position
            continue
        batches = list(step.batches)
        if not batches:
            raise HistoryMoved
        for batch in batches:
            if batch.seq_from > position.seq:
                raise HistoryMoved
            position = max(position, batch.end)
        yield batches, None


class _Sender:
    """Where the history's frames have come to."""

    def __init__(self, hub: Hub, subscriber: Subscriber, since: Position) -> None:
        self._hub, self._subscriber, self._position = hub, subscriber, since
        self._at: Micros = 0
        self._sent = since

    async def send(self, batches: list[Batch], top: Position) -> None:
        """Queue batches, no further than `top`."""
        for batch in batches:
            upto = min(batch.end, top)
            if upto <= self._position:
                continue
            for tail in await in_thread(self._encode, batch, upto):
                await self._subscriber.room()
                self._queue(tail)
            self._position, self._at = upto, batch.at

    def _encode(self, batch: Batch, upto: Position) -> list[Tail]:
        seen = view(batch, after=self._position.seq, upto=upto.seq)
        limit = self._hub.limits.data_frame_bytes
        return list(tails(seen, channels=self._subscriber.channels, upto=upto.seq, max_bytes=limit))

    def begin_epoch(self, position: Position) -> None:
        """Everything of the epoch before has been queued."""
        self.finish(self._position)
        self._subscriber.now(epoch_began(position=position, previous=self._sent), position=position)
        self._position = self._sent = position

    def finish(self, top: Position) -> None:
        """Bring the client to `top`, where nothing more matched."""
        if self._sent < top:
            self._queue(empty_tail(upto=top.seq, at=self._at or self._hub.at))

    def _queue(self, tail: Tail) -> None:
        position = Position(self._sent.epoch, tail.seq_to)
        self._subscriber.now(tail.frame(self._sent.seq), position=position)
        self._sent = position
