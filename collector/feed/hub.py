"""The one reader of the feed in a web process.

It reads the ring once, however many clients there are, and fans out in memory. Whatever interrupts it, it goes on from its own
position: through the ring, or through the rows behind it after a flush, a restart or a long outage. Where even these have a hole,
it closes every connection, and their resumes find out what each of them misses.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import redis.asyncio
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from redis import RedisError

from collector.feed.batches import Batch
from collector.feed.fanout import Fanout
from collector.feed.frames import CloseCode
from collector.feed.history import History
from collector.feed.limits import Limits
from collector.feed.peers import Peers
from collector.feed.position import Position, epoch_opened_ms
from collector.feed.ring import LOOK, PENDING, SOCKET_TIMEOUT_SECONDS, STATE, STREAM, FeedUnavailable, Ring, batch_of
from marketdata_site.observability import clock
from providers.market.types import Micros

logger = logging.getLogger(__name__)
T = TypeVar("T")
BLOCK_MS = 1_000
"""How long a read waits. Below the socket's time-out, and how soon a flush is noticed when nothing is published after it."""
READ_BATCHES = 50
RUN_BYTES = 262_144
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0)
CATCH_UP_MESSAGES = 1_000_000
"""How far the hub itself reads on after an outage: all clients wait for the same messages, and each frame is bounded."""
OUTAGES = (FeedUnavailable, RedisError, OSError, DatabaseError, InterfaceError)


async def in_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run blocking reads in a thread of the pool, with its database connection looked after."""
    call: Callable[..., Any] = database_sync_to_async(function, thread_sensitive=False)
    answer: T = await call(*arguments, **named)
    return answer


class Hub:
    """Reads on for ever once started; `position` is where it stands, and every subscriber's queue reaches up to there."""

    def __init__(self, *, url: str, ring: Ring, limits: Limits) -> None:
        self.limits = limits
        self.history = History(ring)
        self.ring = ring
        self.fanout = Fanout(limits=limits)
        self.peers = Peers(most=limits.max_connections)
        self.replays = asyncio.Semaphore(limits.concurrent_replays)
        self.position: Position | None = None
        self.at: Micros = 0
        """When the newest batch at `position` was published."""
        self._url = url
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def ready(self, *, at_least: Position | None = None) -> Position:
        """Start when not running; wait until the hub has reached a position (any when None), and answer where it stands.

        Raises: TimeoutError.
        """
        self._start()
        async with asyncio.timeout(self.limits.ready_timeout_s):
            while self.position is None or (at_least is not None and self.position < at_least):
                moved = self._moved
                await moved.wait()
        return self.position

    async def stop(self) -> None:
        """Stop reading; for tests and benchmarks, the server just cancels."""
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=1)  # and again: a library may swallow a cancellation

    def _start(self) -> None:
        if not self._tasks or any(task.done() for task in self._tasks):
            for task in self._tasks:
                task.cancel()
            self._tasks = [asyncio.create_task(self._read_on()), asyncio.create_task(self._beat())]

    async def _read_on(self) -> None:
        """Catch up, follow, and begin again whenever that ends. Ends itself only by cancellation or a defect."""
        failures = 0
        try:
            while True:
                try:
                    await self._catch_up()
                    failures = 0
                    await self._follow()
                except OUTAGES as error:
                    logger.warning("The feed can't be read, trying again: %s", error, extra={"action": "feed_hub_outage"})
                    await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                    failures += 1
        finally:
            self._close_all(CloseCode.TRY_AGAIN, "the feed's reader ended")

    async def _catch_up(self) -> None:
        """Read from the own position to the ring's top, over whatever epochs lie between."""
        state = await in_thread(self.ring.look)
        await in_thread(self.history.settle, state.top.epoch)
        if self.position is None:
            self._move(state.top, state.at)
            return
        reason = await in_thread(self.history.judge, self.position, now=clock.now_us(), max_messages=CATCH_UP_MESSAGES)
        if reason is not None:
            self._lose_place(state.top, state.at, reason)
            return
        while self.position < state.top:
            step = await in_thread(self.history.step, self.position)
            if step.onward is not None:
                self._begin_epoch(step.onward)
            elif not step.batches:
                return
            for run in _runs(step.batches):
                if not self._take(run):
                    return  # deleted or evicted in between: the next round judges anew
                await asyncio.sleep(0)

    async def _follow(self) -> None:
        """Hand on what is published, until something does not join."""
        client = redis.asyncio.Redis.from_url(self._url, socket_timeout=SOCKET_TIMEOUT_SECONDS, retry=None)
        async with client:
            look = client.register_script(LOOK)
            while self.position is not None:
                opened = epoch_opened_ms(self.position.epoch)
                found: Any = await client.xread({STREAM: f"{opened}-{self.position.seq}"}, count=READ_BATCHES, block=BLOCK_MS)
                if not found:
                    answer = await look(keys=[STREAM, STATE, PENDING], args=[""])
                    if answer[0] != self.position.epoch.encode() or int(answer[1]) != self.position.seq:
                        return
                for run in _runs([batch_of(fields) for _, fields in found[0][1]] if found else []):
                    if not self._take(run):
                        return
                    await asyncio.sleep(0)  # much at once must not keep the sockets waiting

    def _take(self, batches: Sequence[Batch]) -> bool:
        """Hand on batches as far as they join the position; False when one does not. No await: nobody can join in between."""
        here = begin = self.position
        if here is None or begin is None:
            return False
        joining: list[Batch] = []
        for batch in batches:
            if batch.epoch != here.epoch or batch.seq_from > here.seq:
                break
            if batch.seq_to > here.seq:
                joining.append(batch)
                here = batch.end
        if joining:
            self.fanout.batches(joining, after=begin.seq)
            self._move(here, joining[-1].at)
        return not batches or here >= batches[-1].end

    def _begin_epoch(self, position: Position) -> None:
        if self.position is not None:
            self.fanout.epoch(position, previous=self.position, at=self.at)
            logger.info("The feed goes on in a new epoch", extra={"action": "feed_epoch_began", "epoch": position.epoch})
        self._move(position, self.at)

    def _lose_place(self, top: Position, at: Micros, reason: str) -> None:
        logger.error("The feed can't go on without a hole: %s", reason, extra={"action": "feed_place_lost", "reason": reason})
        self._close_all(CloseCode.LOST_PLACE, f"messages are missing here: {reason}")
        self._move(top, at)

    def _close_all(self, code: CloseCode, reason: str) -> None:
        for subscriber in self.fanout:
            self.fanout.drop(subscriber)
            subscriber.close(code, reason=reason, retry_in=1)

    def _move(self, position: Position, at: Micros) -> None:
        self.position, self.at = position, at
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.limits.heartbeat_s)
            if self.position is not None:
                self.fanout.heartbeat(self.position, at=self.at)


def _runs(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """The batches in groups of about RUN_BYTES, so that the loop is not held for long."""
    run: list[Batch] = []
    size = 0
    for batch in batches:
        if run and size + len(batch.payload) > RUN_BYTES:
            yield run
            run, size = [], 0
        run.append(batch)
        size += len(batch.payload)
    if run:
        yield run


def _limits() -> Limits:
    """The settings' where a machine's memory or its clients decide."""
    return Limits(max_outstanding_bytes=settings.FEED_OUTSTANDING_BYTES, max_connections=settings.FEED_CLIENT_CONNECTIONS)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def shared_hub() -> Hub:
    """The hub of the running event loop: one a web process."""
    from collector.feed.ring import shared_ring

    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        for ended in [other for other in _hubs if other.is_closed()]:
            with suppress(KeyError):
                del _hubs[ended]
        _hubs[loop] = Hub(url=settings.REDIS_URL, ring=shared_ring(), limits=_limits())
    return _hubs[loop]
