"""A feed whose ring was emptied, or has let go of a batch whose stamp is under way: nothing is lost."""

import asyncio
import json
from collections.abc import Callable

import pytest

from collector.feed import log, publisher
from collector.feed.hub import Hub, in_thread
from collector.feed.position import Position
from collector.models import FeedBatch
from tests.feed_support import PATIENCE_SECONDS, Ledger, Wire, add_batch, bar, new_ring, valkey
from tests.integration.feed.publishing import evict_all, put

Hubs = Callable[..., Hub]
pytestmark = [pytest.mark.asyncio, pytest.mark.any_postgres]


WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def test_resume_over_two_flushes_brings_everything_from_the_rows(hubs: Hubs) -> None:
    hub = hubs()
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe("bars.1m.AAPL"))
    await put(range(3))
    await wire.follow(ledger, until=3)
    await wire.hang_up()
    await put(range(3, 6))
    await in_thread(valkey().flushall)
    await put(range(6, 9))
    await in_thread(valkey().flushall)
    await put(range(9, 12))
    fresh = hubs()
    resumed = Wire(fresh)
    answer = await resumed.subscribe("bars.1m.AAPL", since=ledger.since)
    assert answer["recovered"] is True
    ledger.take(answer)
    await resumed.follow(ledger, until=12)
    assert set(ledger.seen.values()) == {1}
    await put(range(12, 14))
    await resumed.follow(ledger, until=14)
    assert set(ledger.seen.values()) == {1}


async def test_flush_is_announced_to_those_connected_and_nothing_is_lost(hubs: Hubs) -> None:
    wire, ledger = Wire(hubs()), Ledger()
    ledger.take(await wire.subscribe("bars.1m.AAPL"))
    await put(range(4))
    await wire.follow(ledger, until=4)
    before = ledger.epoch
    await in_thread(valkey().flushall)
    await put(range(4, 8))
    await wire.follow(ledger, until=8)
    assert ledger.epoch > before
    assert set(ledger.seen.values()) == {1}


async def test_flush_is_announced_when_nothing_is_published_after_it(hubs: Hubs) -> None:
    wire, ledger = Wire(hubs()), Ledger()
    ledger.take(await wire.subscribe("bars.1m.AAPL"))
    await put(range(4))
    await in_thread(valkey().flushall)
    frame = await wire.frame()
    while frame["op"] != "epoch":
        ledger.take(frame)
        frame = await wire.frame()
    ledger.take(frame)
    assert len(ledger.seen) == 4


async def test_hub_waits_for_stamps_under_way_so_that_a_flush_between_script_and_stamp_loses_nothing(hubs: Hubs) -> None:
    """A publisher has run its script, Valkey is flushed, another publishes in the new epoch; only then the first one commits."""
    from django.db import transaction

    wire, ledger = Wire(hubs()), Ledger()
    ledger.take(await wire.subscribe("bars.1m.AAPL"))
    scripted, may_commit = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow_publisher() -> None:
        row = FeedBatch.objects.get(pk=add_batch([bar(number=0), bar(number=1)]))
        with transaction.atomic():
            log.hold_stamp_lock()
            place = new_ring().append(batch_id=row.pk, count=2, payload=bytes(row.messages), now=1, keep=1000)
            valkey().flushall()
            loop.call_soon_threadsafe(scripted.set)
            asyncio.run_coroutine_threadsafe(may_commit.wait(), loop).result(PATIENCE_SECONDS)
            FeedBatch.objects.filter(pk=row.pk).update(
                epoch=place.epoch, seq_from=place.seq_from, seq_to=place.seq_to, published_at=row.recorded_at
            )

    slow = asyncio.create_task(in_thread(slow_publisher))
    await scripted.wait()
    await in_thread(new_ring().append, batch_id=10**9, count=1, payload=json.dumps([bar(number=9)]).encode(), now=1, keep=9)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS / 2):
            while not await in_thread(_has_rows, WAITS):
                await asyncio.sleep(0.01)
    finally:
        may_commit.set()
    await slow
    await wire.follow(ledger, until=3)
    assert set(ledger.seen.values()) == {1}


async def test_resume_waits_for_a_stamp_under_way_when_the_ring_has_let_go_of_its_batch(hubs: Hubs) -> None:
    """A short ring and a busy database: the batch is in neither yet, and yet nothing is missing."""
    from django.db import transaction

    await put(range(2))
    hub = hubs()
    since = {"epoch": (await hub.ready()).epoch, "seq": 2}
    batch_id = await in_thread(add_batch, [bar(number=2), bar(number=3)])
    scripted, may_commit = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow_publisher() -> None:
        with transaction.atomic():
            log.hold_stamp_lock()
            publisher._publish_row(new_ring(), FeedBatch.objects.get(pk=batch_id))
            loop.call_soon_threadsafe(scripted.set)
            asyncio.run_coroutine_threadsafe(may_commit.wait(), loop).result(PATIENCE_SECONDS)

    slow = asyncio.create_task(in_thread(slow_publisher))
    await scripted.wait()
    await hub.ready(at_least=Position(since["epoch"], 4))
    await evict_all()
    wire, ledger = Wire(hub), Ledger(since["epoch"], 2)
    answering = asyncio.create_task(wire.subscribe("bars.1m.AAPL", since=since))
    try:
        while not answering.done() and not await in_thread(_has_rows, WAITS):
            await asyncio.sleep(0.01)
    finally:
        may_commit.set()
    await slow
    ledger.take(answer := await answering)
    assert answer["recovered"] is True
    await wire.follow(ledger, until=2)
    assert ledger.numbers == [3, 4]


def _has_rows(query: str) -> bool:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone() is not None
