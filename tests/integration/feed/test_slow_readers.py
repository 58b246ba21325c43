"""Clients that read slowly, say too much or too little: what happens to them, and that nothing happens to the others."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from collector.feed.frames import CloseCode
from collector.feed.hub import Hub, in_thread
from collector.feed.position import Position
from collector.feed.publisher import publish
from tests.feed_support import PATIENCE_SECONDS, Ledger, Wire, add_batch, bar, valkey
from tests.integration.feed.publishing import put

Hubs = Callable[..., Hub]
pytestmark = [pytest.mark.asyncio, pytest.mark.any_postgres]
BARS = "bars.1m.*"


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def outstanding(hub: Hub) -> list[int]:
    return [subscriber.outstanding.bytes for subscriber in hub.fanout]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


async def test_reader_that_acknowledges_nothing_is_closed_and_resumes_while_others_get_everything(hubs: Hubs) -> None:
    hub = hubs(max_outstanding_bytes=6_000)
    silent, honest, behind, ledger = Wire(hub), Wire(hub), Ledger(), Ledger()
    behind.take(await silent.subscribe(BARS))
    ledger.take(await honest.subscribe(BARS))
    before = counted("ws_dropped_messages_total"), counted("ws_closed_total", code="4008")
    for number in range(40):  # far more than the bound in all
        await put(range(number, number + 1))
        await honest.follow(ledger, until=number + 1, pongs=True)
    assert set(ledger.seen.values()) == {1}
    while (frame := await silent.frame())["op"] != "bye":
        behind.take(frame)
    assert (frame["code"], frame["epoch"], frame["seq"], frame["retry_in"]) == (4008, behind.epoch, behind.seq, 1)
    with pytest.raises(ConnectionError, match="4008"):
        await silent.frame()
    await until(lambda: len(list(hub.fanout)) == 1)
    assert counted("ws_closed_total", code="4008") == before[1] + 1
    again = Wire(hub)
    behind.take(await again.subscribe(BARS, since=behind.since))
    await again.follow(behind, until=40, pongs=True)
    assert set(behind.seen.values()) == {1}


async def test_pong_releases_what_is_acknowledged_and_one_of_what_was_never_sent_is_an_error(hubs: Hubs) -> None:
    hub = hubs()
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe(BARS))
    await put(range(4))
    await wire.follow(ledger, until=4)
    assert outstanding(hub)[0] > 4 * 200
    wire.say(op="pong", to=5)
    error = await wire.frame("error")
    assert (error["code"], "at most 4" in error["message"]) == ("never_sent", True)
    wire.say(op="pong", to=4)
    await until(lambda: outstanding(hub) == [0])


async def test_latest_skips_what_newer_messages_replace_and_tells_how_many_while_ranges_go_on_joining(hubs: Hubs) -> None:
    hub = hubs(latest_outstanding_bytes=3_000)
    slow, every, ledger, whole = Wire(hub), Wire(hub), Ledger(), Ledger()
    ledger.take(await slow.subscribe(BARS, mode="latest"))
    whole.take(await every.subscribe(BARS))
    before = counted("ws_dropped_messages_total")
    for number in range(30):
        for symbol in ("AAPL", "MSFT"):
            await put(range(number, number + 1), symbol)
        await every.follow(whole, until=2 * (number + 1), pongs=True)
    await put(range(29, 30), "AAPL", rev=2)
    await put(range(5, 6), "MSFT", rev=7)  # of an older bar: it gives way
    await hub.ready(at_least=Position(ledger.epoch, 62))
    assert max(outstanding(hub)) < 4_000
    while ledger.seq < 62:
        ledger.take(await slow.frame())
        slow.say(op="pong", to=ledger.seq)
    newest = {key[0]: key[5:] for key in ledger.seen}
    assert newest == {"AAPL": ("2026-11-22T00:29:00Z", "2"), "MSFT": ("2026-11-22T00:29:00Z", "1")}
    assert ledger.skipped > 30
    assert ledger.skipped + len(ledger.numbers) == 62
    assert counted("ws_dropped_messages_total") == before + ledger.skipped
    await put(range(40, 44))
    await slow.follow(ledger, until=len(ledger.seen) + 4, pongs=True)
    assert ledger.seq == 66


async def test_latest_that_goes_on_in_a_new_epoch_has_got_what_was_held_back(hubs: Hubs) -> None:
    hub = hubs(latest_outstanding_bytes=1_000)
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe(BARS, mode="latest"))
    await put(range(12), size=1)
    await in_thread(valkey().flushall)
    await put(range(12, 14))
    begin = ledger.epoch
    while ledger.epoch == begin or ledger.seq < 2:
        ledger.take(await wire.frame())
        wire.say(op="pong", to=ledger.seq)
    assert max(key[5] for key in ledger.seen) == "2026-11-22T00:13:00Z"
    assert ledger.skipped + len(ledger.numbers) == 14


async def test_history_waits_for_pongs_and_other_resumes_do_not_wait_for_it(hubs: Hubs) -> None:
    await put(range(60), size=1)
    hub = hubs(max_outstanding_bytes=8_000, data_frame_bytes=1_000, concurrent_replays=1)
    since = {"epoch": (await hub.ready()).epoch, "seq": 0}
    stuck, honest, behind, ledger = Wire(hub), Wire(hub), Ledger(), Ledger()
    behind.take(await stuck.subscribe(BARS, since=since))
    ledger.take(await honest.subscribe(BARS, since=since))
    await honest.follow(ledger, until=60, pongs=True)
    assert max(outstanding(hub)) <= 8_000
    await put(range(60, 62))
    await stuck.follow(behind, until=62, pongs=True)
    assert behind.numbers == list(range(1, 63))


async def test_what_waits_for_a_slow_resume_is_not_measured_as_late_publishing(hubs: Hubs) -> None:
    """One such client would raise the alert that the service publishes late."""
    await put(range(60), size=1)
    hub = hubs(max_outstanding_bytes=8_000, data_frame_bytes=1_000)
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe(BARS, since={"epoch": (await hub.ready()).epoch, "seq": 0}))
    before = counted("ws_publish_latency_ms_count")
    await put(range(60, 62))
    await hub.ready(at_least=Position(ledger.epoch, 62))
    await wire.follow(ledger, until=62, pongs=True)
    await put(range(62, 64))
    await wire.follow(ledger, until=64, pongs=True)
    assert counted("ws_publish_latency_ms_count") == before + 1


async def test_history_of_a_batch_that_is_larger_than_what_may_be_outstanding_is_sent_whole(hubs: Hubs) -> None:
    await put(range(400), size=400)
    hub = hubs(max_outstanding_bytes=40_000)
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe(BARS, since={"epoch": (await hub.ready()).epoch, "seq": 0}))
    await wire.follow(ledger, until=400, pongs=True)
    assert ledger.numbers == list(range(1, 401))


async def test_client_may_not_have_more_connections_than_are_allowed(hubs: Hubs) -> None:
    hub = hubs(max_connections=2)
    first, second = Wire(hub, identity="one"), Wire(hub, identity="one")
    await first.subscribe(BARS)
    await second.subscribe(BARS)
    bye, code = await Wire(hub, identity="one").closed()
    assert (bye["code"], code, "at most 2" in bye["reason"]) == (CloseCode.TOO_MUCH, 4429, True)
    assert (await Wire(hub, identity="another").frame())["op"] == "hello"
    await second.hang_up()
    assert (await Wire(hub, identity="one").frame())["op"] == "hello"


async def test_client_that_sends_too_much_is_closed_but_pongs_of_news_are_free(hubs: Hubs) -> None:
    hub = hubs(max_frames_per_s=0.0001, frame_burst=3)
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe(BARS))
    for number in range(10):
        await put(range(number, number + 1))
        await wire.follow(ledger, until=number + 1, pongs=True)
    for _ in range(2):
        wire.say(op="pong", to=10)
    for _ in range(3):
        wire.say_raw(text="nonsense")
    bye, code = await wire.closed()
    assert (bye["code"], code, bye["retry_in"]) == (CloseCode.TOO_MUCH, 4429, 10)


@pytest.mark.parametrize("limit", ["subscribe_timeout_s", "idle_timeout_s"])
async def test_client_that_says_nothing_is_closed(hubs: Hubs, limit: str) -> None:
    wire = Wire(hubs(**{limit: 0.05}))
    if limit == "idle_timeout_s":
        await wire.subscribe(BARS)
    bye, code = await wire.closed()
    assert (bye["code"], code) == (CloseCode.TOO_SILENT, 4408)


async def test_client_that_answers_heartbeats_stays(hubs: Hubs) -> None:
    hub = hubs(idle_timeout_s=0.3, subscribe_timeout_s=0.3, heartbeat_s=0.02)
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe(BARS))
    for _ in range(40):
        ledger.take(await wire.frame("data"))
        wire.say(op="pong", to=ledger.seq)
    assert not wire.task.done()
    await until(lambda: outstanding(hub) == [0])


async def test_clients_and_ends_and_resumes_are_counted(hubs: Hubs) -> None:
    def all_counts() -> dict[str, float]:
        return {
            "clients": counted("ws_clients_gauge"),
            "left": counted("ws_closed_total", code="1006"),
            "recovered": counted("ws_recover_total", result="recovered", reason="none"),
            "ahead": counted("ws_recover_total", result="missing", reason="ahead"),
            "live": counted("ws_publish_latency_ms_count"),
            "waited": counted("ws_publish_latency_ms_sum"),
        }

    hub = hubs()
    epoch = (await hub.ready()).epoch
    before = all_counts()
    first, second, ledger = Wire(hub), Wire(hub), Ledger()
    ledger.take(await first.subscribe(BARS, since={"epoch": epoch, "seq": 0}))
    await second.subscribe(BARS, since={"epoch": epoch, "seq": 9})
    await in_thread(publish, batch_ids=[await in_thread(add_batch, [bar()], age_s=2)])
    await first.follow(ledger, until=1)
    await second.frame("data")
    await first.hang_up()
    change = {name: value - before[name] for name, value in all_counts().items()}
    waited: Any = change.pop("waited")
    assert change == {"clients": 1, "left": 1, "recovered": 1, "ahead": 1, "live": 2}
    assert 4_000 <= waited < 60_000  # twice the two seconds since the rows were written


async def test_codes_of_clients_make_no_series_and_ours_that_come_back_count_once(hubs: Hubs) -> None:
    before = counted("ws_closed_total", code="other"), counted("ws_closed_total", code="4401")
    for code in (4777, 4401):
        wire = Wire(hubs())
        await wire.frame("hello")
        wire.leave(code)
        await wire.task
    assert counted("ws_closed_total", code="other") == before[0] + 1
    assert counted("ws_closed_total", code="4401") == before[1]
