"""A connection on a hub, without a server between: order, errors, bounds, ends."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from collector.feed.frames import CloseCode
from collector.feed.hub import Hub, in_thread
from collector.feed.position import Position
from collector.models import FeedBatch
from marketdata_site.observability import clock
from tests.feed_support import PATIENCE_SECONDS, Ledger, Wire, new_ring
from tests.integration.feed.publishing import evict_all, put

Hubs = Callable[..., Hub]
pytestmark = [pytest.mark.asyncio, pytest.mark.any_postgres]


async def test_hello_says_where_the_feed_stands_and_what_is_allowed(hubs: Hubs) -> None:
    await put(range(3))
    hub = hubs()
    wire = Wire(hub)
    hello = await wire.frame()
    assert (hello["op"], hello["seq"]) == ("hello", 3)
    assert hello["epoch"] == (await hub.ready()).epoch
    assert hello["heartbeat_s"] == 3600
    assert hello["limits"]["max_replay_messages"] == hub.limits.max_replay_messages


async def test_live_messages_arrive_once_and_only_those_subscribed(hubs: Hubs) -> None:
    wire, ledger = Wire(hubs()), Ledger()
    ledger.take(await wire.subscribe("bars.1m.AAPL", "bars.*.AAPL"))
    await put(range(4), "MSFT")
    await put(range(4), "AAPL")
    await wire.follow(ledger, until=4)
    assert {key[0] for key in ledger.seen} == {"AAPL"}
    assert set(ledger.seen.values()) == {1}
    assert ledger.numbers == [5, 6, 7, 8]


async def test_range_frames_prove_that_nothing_was_missed_when_nothing_matches(hubs: Hubs) -> None:
    wire, ledger = Wire(hubs(heartbeat_s=0.05)), Ledger()
    ledger.take(await wire.subscribe("bars.1m.NONE"))
    await put(range(6))
    while ledger.seq < 6:
        ledger.take(await wire.frame())
    assert not ledger.seen


async def test_heartbeat_tells_when_the_epoch_was_opened_while_nothing_is_published_in_it(hubs: Hubs) -> None:
    """A client gives the time back, and fills a gap from there on: 1970 would make it read all that is held."""
    began = clock.now()
    wire = Wire(hubs(heartbeat_s=0.02))
    await wire.subscribe("bars.1m.*")
    told = datetime.fromisoformat((await wire.frame("data"))["at"])
    assert abs(told - began) < timedelta(seconds=PATIENCE_SECONDS)


async def test_connection_gets_no_data_frames_when_it_has_subscribed_nothing(hubs: Hubs) -> None:
    hub = hubs(heartbeat_s=0.02)
    silent, other = Wire(hub), Wire(hub)
    await silent.frame("hello")
    await other.subscribe("bars.*.*")
    await put(range(4))
    for _ in range(4):
        await other.frame("data")
    silent.say(op="pong", to=0)
    silent.say(op="nonsense")
    assert (await silent.frame())["op"] == "error"


async def test_later_subscribe_begins_at_the_present_position_and_ranges_go_on_joining(hubs: Hubs) -> None:
    hub = hubs()
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe("bars.1m.AAPL"))
    await put(range(2), "MSFT")
    await put(range(2), "AAPL")
    await wire.follow(ledger, until=2)
    await put(range(2, 4), "MSFT")
    await put(range(2, 4), "AAPL")
    await wire.follow(ledger, until=4)
    await put(range(10, 14), "OTHER")
    await hub.ready(at_least=Position(ledger.epoch, 12))
    wire.say(op="subscribe", channels=["bars.1m.MSFT"])
    while (frame := await wire.frame())["op"] != "subscribed":
        ledger.take(frame)
    assert (frame["seq"], frame["channels"], ledger.seq) == (12, 2, 12)
    await put(range(4, 6), "MSFT")
    await wire.follow(ledger, until=6)
    wire.say(op="unsubscribe", channels=["bars.1m.AAPL"])
    assert (await wire.frame("unsubscribed"))["channels"] == 1
    await put(range(6, 8), "AAPL")
    await put(range(8, 10), "MSFT")
    await wire.follow(ledger, until=8)
    assert sorted(key[5][-4:-1] for key in ledger.seen if key[0] == "AAPL") == [":00"] * 4


async def test_errors_name_what_was_expected_and_the_connection_lives_on(hubs: Hubs) -> None:
    wire = Wire(hubs())
    await wire.frame("hello")
    for text, code in [
        ("}{", "bad_json"),
        ("{}", "unknown_op"),
        ('{"op":"pong","to":"x"}', "bad_frame"),
        ("x" * 40_000, "frame_too_large"),
    ]:
        wire.say_raw(text=text)
        error = await wire.frame()
        assert (error["op"], error["code"]) == ("error", code)
        assert "expected" in error["message"].lower()
    wire.say_raw(data=b"\x00")
    assert (await wire.frame("error"))["code"] == "binary_frame"
    wire.say(op="subscribe", channels=[f"quotes.S{n}" for n in range(1000)])
    await wire.frame("subscribed")
    wire.say(op="subscribe", channels=["quotes.X"], since={"epoch": "x", "seq": 1})
    assert (await wire.frame("error"))["code"] == "since_not_first"
    await put(range(1))
    wire.say(op="subscribe", channels=["bars.*.*"])
    await wire.frame("subscribed")


async def test_subscribe_is_refused_when_a_connection_would_hold_too_many_channels(hubs: Hubs) -> None:
    wire = Wire(hubs(max_channels=3))
    await wire.subscribe("quotes.A", "quotes.B", "quotes.A")
    wire.say(op="subscribe", channels=["quotes.C", "quotes.D"])
    error = await wire.frame()
    assert error["code"] == "too_many_channels"
    assert "at most 3" in error["message"]
    assert (await wire.subscribe("quotes.C"))["channels"] == 3


async def test_reader_that_does_not_take_its_frames_is_closed_with_its_position_and_others_go_on(hubs: Hubs) -> None:
    hub = hubs(outbox_frames=5)
    slow, fast, ledger, behind = Wire(hub), Wire(hub), Ledger(), Ledger()
    behind.take(await slow.subscribe("bars.1m.*"))
    ledger.take(await fast.subscribe("bars.1m.*"))
    slow.may_send.clear()
    for number in range(12):
        await put(range(number, number + 1))
        await fast.follow(ledger, until=number + 1)
    slow.may_send.set()
    while (frame := await slow.frame())["op"] != "bye":
        behind.take(frame)
    assert frame["code"] == CloseCode.SLOW_READER
    assert (frame["epoch"], frame["seq"]) == (behind.epoch, behind.seq)
    with pytest.raises(ConnectionError, match="4008"):
        await slow.frame()
    again = Wire(hub)
    behind.take(await again.subscribe("bars.1m.*", since=behind.since))
    await again.follow(behind, until=12)
    assert set(behind.seen.values()) == {1}


async def test_connection_ends_when_its_client_takes_nothing_at_all(hubs: Hubs) -> None:
    hub = hubs(outbox_frames=2, close_grace_s=0.05)
    stuck = Wire(hub)
    await stuck.subscribe("bars.1m.*")
    stuck.may_send.clear()
    await put(range(12), size=1)
    await asyncio.wait_for(stuck.task, PATIENCE_SECONDS)
    assert not list(hub.fanout)


async def test_hub_closes_everybody_when_it_cannot_go_on_without_a_hole(hubs: Hubs) -> None:
    hub = hubs()
    wire, ledger = Wire(hub), Ledger()
    ledger.take(await wire.subscribe("bars.1m.*"))
    await put(range(2))
    await wire.follow(ledger, until=2)
    await in_thread(new_ring().append, batch_id=10**9, count=3, payload=b"[{},{},{}]", now=1, keep=1)  # never stamped
    hub.position = type(hub.position)(ledger.epoch, 1)  # as if it had slept
    await in_thread(FeedBatch.objects.all().delete)
    await evict_all()
    await put(range(5, 6))
    while (frame := await wire.frame())["op"] != "bye":
        pass
    assert frame["code"] == CloseCode.LOST_PLACE
    answer = await Wire(hub).subscribe("bars.1m.*", since=ledger.since)
    assert answer["recovered"] is False


async def test_shutdown_says_goodbye_with_the_position_when_the_server_cancels(hubs: Hubs) -> None:
    wire = Wire(hubs())
    subscribed = await wire.subscribe("bars.1m.*")
    wire.task.cancel()
    bye = await wire.frame("bye")
    assert (bye["code"], bye["seq"]) == (CloseCode.RESTARTING, subscribed["seq"])
    with pytest.raises(ConnectionError, match="4000"):
        await wire.frame()
    with pytest.raises(asyncio.CancelledError):
        await wire.task


async def test_client_is_told_to_try_again_when_valkey_is_away(hubs: Hubs) -> None:
    import redis

    from collector.feed.limits import Limits
    from collector.feed.ring import Ring

    url = "unix:///nowhere/valkey.sock"
    hub = Hub(url=url, ring=Ring(redis.Redis.from_url(url)), limits=Limits(ready_timeout_s=0.05))
    bye = await Wire(hub).frame()
    assert (bye["op"], bye["code"], bye["retry_in"]) == ("bye", CloseCode.TRY_AGAIN, 2)
    await hub.stop()
