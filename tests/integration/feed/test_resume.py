"""A client that comes back gets what it missed, once, or is told what is missing."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db.models import F

from collector.feed.hub import Hub, in_thread
from collector.feed.position import Position
from collector.feed.resume import send_history
from collector.feed.subscriber import Subscriber
from collector.models import FeedBatch
from marketdata_site.observability import clock
from tests.feed_support import PATIENCE_SECONDS, Ledger, Wire, add_batch, bar, key_of, new_ring, valkey
from tests.integration.feed.publishing import evict_all, put

pytestmark = [pytest.mark.asyncio, pytest.mark.any_postgres]
Hubs = Callable[..., Hub]


@pytest.mark.parametrize("source", ["ring", "rows", "both"])
async def test_resume_brings_everything_behind_the_position_once(hubs: Hubs, source: str) -> None:
    hub = hubs()
    first, ledger = Wire(hub), Ledger()
    ledger.take(await first.subscribe("bars.1m.AAPL"))
    await put(range(5), size=5)
    await first.follow(ledger, until=5)
    await first.hang_up()
    ledger.seq, ledger.numbers = 2, []  # as if the last frame had been cut: a position inside a batch
    await put(range(5, 9))
    await put(range(9, 12), "MSFT")
    if source != "ring":
        await evict_all()
    if source == "both":
        await put(range(9, 12))
    second = Wire(hub)
    answer = await second.subscribe("bars.1m.AAPL", since=ledger.since)
    assert answer["recovered"] is True
    assert (answer["epoch"], answer["seq"]) == (ledger.epoch, 2)
    ledger.take(answer)
    await second.follow(ledger, until=12 if source == "both" else 9)
    while ledger.seq < hub.position.seq:
        ledger.take(await second.frame())
    assert ledger.numbers == [3, 4, 5, 6, 7, 8, 9, *([13, 14, 15] if source == "both" else [])]


@pytest.mark.parametrize(
    ("reason", "since"),
    [
        ("ahead", {"seq": 999}),
        ("epoch_changed", {"epoch": "19000000000-aaaaaa", "seq": 3}),
        ("epoch_changed", {"epoch": "of another service", "seq": 3}),
        ("too_many", {"seq": 1}),
        ("too_old", {"seq": 5}),
    ],
)
async def test_resume_says_what_is_missing_and_goes_on_live_when_it_cannot_bring_everything(
    hubs: Hubs, reason: str, since: dict[str, Any]
) -> None:
    await put(range(10))
    hub = hubs(max_replay_messages=6)
    if reason == "too_old":
        await evict_all()
        await in_thread(FeedBatch.objects.filter(seq_from__lt=8).delete)
    top = await hub.ready()
    wire, ledger = Wire(hub), Ledger()
    answer = await wire.subscribe("bars.1m.AAPL", since={"epoch": top.epoch, **since})
    assert (answer["recovered"], answer["reason"], answer["seq"]) == (False, reason, 10)
    assert answer["gap"]["to"].endswith("Z")
    assert (answer["gap"]["from"] is None) == (since.get("epoch") == "of another service")
    assert answer["fill_url"].startswith("/bars?recorded_since=")
    assert answer["fill_url"].endswith("&interval=1m&symbol=AAPL")
    ledger.take(answer)
    await put(range(10, 12))
    await wire.follow(ledger, until=2)
    assert ledger.numbers == [11, 12]


async def test_gap_begins_at_the_clients_own_time_when_it_tells_it(hubs: Hubs) -> None:
    await put(range(2))
    top = await hubs().ready()
    at = "2026-11-22T14:30:00.5Z"
    answer = await Wire(hubs()).subscribe("bars.*.*", since={"epoch": top.epoch, "seq": 99, "at": at})
    assert answer["gap"]["from"] == "2026-11-22T14:30:00.500000Z"


async def test_gap_is_filled_from_before_what_an_outage_kept_back_when_that_is_in_the_ring_and_not_stamped_yet(
    hubs: Hubs,
) -> None:
    """Recorded an hour ago, published now: the client is behind it in the ring, so only the address brings it."""
    await put(range(2))
    kept_back = await in_thread(add_batch, [bar(number=2)], age_s=3600)
    await in_thread(
        new_ring().append, batch_id=kept_back, count=1, payload=json.dumps([bar(number=2)]).encode(), now=1, keep=1000
    )
    top = await hubs().ready()
    since = {"epoch": top.epoch, "seq": 99, "at": clock.now().isoformat()}
    answer = await Wire(hubs()).subscribe("bars.1m.AAPL", since=since)
    assert (answer["recovered"], answer["seq"]) == (False, 3)
    begin = parse_qs(urlsplit(answer["fill_url"]).query)["recorded_since"][0]
    assert datetime.fromisoformat(begin) <= (await in_thread(FeedBatch.objects.get, pk=kept_back)).recorded_at


@pytest.mark.parametrize("kept_in", ["ring", "rows", "rows of older epochs"])
async def test_resume_by_time_brings_everything_published_since_then(hubs: Hubs, kept_in: str) -> None:
    await put(range(4))
    await in_thread(_age, 3600)
    if kept_in == "rows of older epochs":
        await in_thread(valkey().flushall)
    since = clock.now()
    await put(range(4, 10))
    if kept_in != "ring":
        await evict_all()
    wire, ledger = Wire(hubs()), Ledger()
    ledger.take(answer := await wire.subscribe("bars.1m.AAPL", since={"time": since.isoformat()}))
    assert answer["recovered"] is True
    await wire.follow(ledger, until=6)
    await put(range(10, 12))
    await wire.follow(ledger, until=8 if kept_in != "ring" else 12)
    expected = {key_of(bar(number=number)) for number in range(0 if kept_in == "ring" else 4, 12)}
    assert ledger.seen == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(
    ("reason", "hours", "deleted"),
    [("too_old", 50, 0), ("too_old", 1, 2), ("too_many", 1, 0), (None, 3, 0), (None, 1, 0), (None, -1, 0)],
)
async def test_resume_by_time_says_when_something_of_it_is_not_kept(
    hubs: Hubs, reason: str | None, hours: int, deleted: int
) -> None:
    """Ten messages: of two hours ago the first two, of now the others."""
    await put(range(2))
    await in_thread(_age, 7200)
    await put(range(2, 10))
    await evict_all()
    await in_thread(FeedBatch.objects.filter(seq_from__lt=deleted).delete)
    since = clock.now() - timedelta(hours=hours)
    wire = Wire(hubs(max_replay_messages=7 if reason == "too_many" else 10))
    answer = await wire.subscribe("bars.1m.AAPL", since={"time": since.isoformat()})
    assert (answer["recovered"], answer.get("reason")) == (reason is None, reason)
    if reason is not None:
        assert answer["gap"]["from"] == since.isoformat().replace("+00:00", "Z")
        assert answer["fill_url"].startswith("/bars?recorded_since=")
        assert answer["seq"] == 10
    else:
        assert answer["seq"] == {3: 0, 1: 2, -1: 10}[hours]


def _age(seconds: int) -> None:
    """What is published so far was so a while ago."""
    FeedBatch.objects.update(published_at=F("published_at") - timedelta(seconds=seconds))


async def test_resume_while_batches_are_published_joins_without_hole_or_repeat(hubs: Hubs) -> None:
    hub = hubs()
    await put(range(40))
    epoch = (await hub.ready()).epoch
    publishing = asyncio.create_task(put(range(40, 120)))
    wires = [Wire(hub) for _ in range(8)]
    ledgers = [Ledger(epoch, 3 * number) for number in range(8)]
    for wire, ledger in zip(wires, ledgers, strict=True):
        ledger.take(await wire.subscribe("bars.1m.AAPL", since=ledger.since))
    await publishing
    for wire, ledger in zip(wires, ledgers, strict=True):
        begin = ledger.seq
        await wire.follow(ledger, until=120 - begin)
        assert ledger.numbers == list(range(begin + 1, 121))


async def test_client_that_is_ahead_of_this_process_gets_nothing_twice(hubs: Hubs) -> None:
    """It comes from another web process that has read further than this one."""
    hub = hubs()
    await hub.ready()
    await hub.stop()  # until the connection below starts it again
    await put(range(4))
    ledger = Ledger((await hubs().ready()).epoch, 4)
    wire = Wire(hub)
    ledger.take(await wire.subscribe("bars.1m.*", since=ledger.since))
    await put(range(4, 6))
    await wire.follow(ledger, until=2)
    assert ledger.numbers == [5, 6]


async def test_hub_that_comes_back_hands_on_what_it_missed_in_few_frames(hubs: Hubs) -> None:
    hub = hubs()
    began = await hub.ready()
    await hub.stop()
    await put(range(40))
    subscriber = Subscriber(position=began, limits=hub.limits)
    hub.fanout.put(subscriber, frozenset({"bars.1m.*"}))
    await hub.ready(at_least=Position(began.epoch, 40))
    frames = [json.loads(one.text) for one in subscriber._queue]
    assert [(frame["from"], frame["to"], len(frame["messages"])) for frame in frames] == [(began.seq, 40, 40)]


async def test_history_ends_where_the_live_feed_takes_over_however_far_the_ring_is_by_then(hubs: Hubs) -> None:
    hub = hubs()
    began = await hub.ready()
    for number in range(6):
        await put(range(number, number + 1))
    subscriber = Subscriber(position=began, limits=hub.limits)
    subscriber.channels = frozenset({"bars.1m.*"})
    subscriber.begin(began)
    top = Position(began.epoch, began.seq + 2)
    await send_history(hub, subscriber, since=began, top=top)
    frames = [json.loads(one.text) for one in subscriber._queue]
    assert [(frame["from"], frame["to"]) for frame in frames] == [(began.seq, began.seq + 1), (began.seq + 1, top.seq)]


async def test_history_goes_on_when_live_frames_that_wait_for_it_fill_most_of_what_may_be_outstanding(hubs: Hubs) -> None:
    hub = hubs(max_outstanding_bytes=20_000)
    began = await hub.ready()
    await put(range(60), size=1)  # more than may be outstanding
    top = await hub.ready(at_least=Position(began.epoch, 60))
    subscriber = Subscriber(position=top, limits=hub.limits)
    subscriber.channels = frozenset({"bars.1m.*"})
    subscriber.begin(began)
    subscriber.hold()
    for number in range(60, 110):
        subscriber.live(" " * 300, position=Position(began.epoch, number + 1))
    sending = asyncio.create_task(send_history(hub, subscriber, since=began, top=top))
    async with asyncio.timeout(PATIENCE_SECONDS):
        for number in range(1, 61):
            assert json.loads((await subscriber.next()).text)["to"] == number
            subscriber.acknowledge(number)
        await sending
    assert subscriber.closing is None
