"""The Python client's feed against a scripted server: what is asked for, what is yielded, where it stands, and how it ends."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from marketdata_client import (
    Backoff,
    Bar,
    Client,
    Closed,
    Filled,
    Gap,
    Mark,
    Message,
    NotAllowed,
    Position,
    Skipped,
    Subscription,
)
from tests.feed_support import bar
from tests.unit.clients.scripted import Feed, Peer, mark, soon
from tests.unit.providers.vendor_server import serving

pytestmark = pytest.mark.asyncio
SOON = Backoff(first_s=0.01, most_s=0.05)
START = datetime(2026, 11, 22, tzinfo=UTC)


def client_of(feed: Feed, **options: Any) -> Client:
    return Client(feed.address, backoff=SOON, **options)


async def take(subscription: Subscription, count: int) -> list[Message]:
    return [await soon(anext(subscription)) for _ in range(count)]


async def started(feed: Feed, subscription: Subscription, seq: int = 0) -> Peer:
    """The server's side of a subscription that is under way."""
    starting = asyncio.create_task(subscription.start())
    peer = await feed.peer()
    await peer.subscribed(seq)
    await soon(starting)
    return peer


def closes(found: list[Message]) -> list[int | None]:
    return [one.trade_count for one in found if isinstance(one, Bar)]


async def test_latest_tells_how_many_were_skipped_before_what_they_were_skipped_for_and_stays_latest_over_connections() -> None:
    async with Feed() as feed, client_of(feed) as client, client.subscribe("bars.1m.*", mode="latest") as subscription:
        peer = await started(feed, subscription, 4)
        assert (peer.asked["mode"], "since" in peer.asked) == ("latest", False)
        await peer.data(4, bar("AAPL", 1))
        await peer.data(5, bar("AAPL", 9), to=30, skipped=24)
        first, skipped, newest = await take(subscription, 3)
        assert (skipped, closes([first, newest])) == (Skipped(24), [1, 9])
        assert subscription.position == Position("a", 30, at="2026-11-22T14:30:02Z")
        await peer.data(31, bar("AAPL", 12), skipped=1)  # 31 never came: not to be handed on
        peer = await feed.peer()
        assert (peer.asked["mode"], peer.asked["since"]["seq"]) == ("latest", 30)
        await peer.subscribed(30)
        await peer.data(30, bar("AAPL", 11), bar("AAPL", 12), skipped=3)
        assert [await take(subscription, 1), subscription.position and subscription.position.seq] == [[Skipped(3)], 30]
        assert closes(await take(subscription, 2)) == [11, 12]


async def test_every_is_not_named_to_the_server() -> None:
    async with Feed() as feed, client_of(feed) as client, client.subscribe("quotes.*") as subscription:
        assert (await started(feed, subscription)).asked == {"op": "subscribe", "id": "subscribe", "channels": ["quotes.*"]}


async def test_marks_are_told_once_each_and_an_incomplete_one_beside_the_complete_one_that_follows() -> None:
    async with Feed() as feed, client_of(feed) as client, client.subscribe("marks.1m.*") as subscription:
        peer = await started(feed, subscription)
        late, whole, other = mark(complete=False, held=150), mark(), mark(tier="T1")
        await peer.data(0, late, late, whole, other, mark(1))
        found = await take(subscription, 4)
        assert found[0] == Mark("T0", "1m", START, START + timedelta(minutes=1), False, 200, 150, 2, seq=1)
        assert [(one.tier, one.complete, one.missing, one.seq) for one in found if isinstance(one, Mark)] == [
            ("T0", False, 48, 1),
            ("T0", True, 0, 3),
            ("T1", True, 0, 4),
            ("T0", True, 0, 5),
        ]
        await peer.cut()
        peer = await feed.peer()
        assert peer.asked["since"]["seq"] == 5
        await peer.subscribed(5)
        await peer.data(5, whole, late, other)  # a restart of the server's Valkey may bring them again
        await peer.data(8, mark(2), to=20)
        assert [one.start for one in await take(subscription, 1) if isinstance(one, Mark)] == [START + timedelta(minutes=2)]
        assert subscription.position == Position("a", 20, at="2026-11-22T14:30:02Z")


async def test_gap_of_marks_alone_is_filled_by_nothing() -> None:
    gap = {"recovered": False, "reason": "too_old", "gap": {"from": None, "to": "2026-11-22T14:30:00Z"}, "fill_urls": []}
    async with Feed() as feed, client_of(feed) as client:
        subscription = client.subscribe("marks.*.*", since=Position("a", 3))
        taking = asyncio.create_task(take(subscription, 2))
        await (await feed.peer()).subscribed(90, epoch="b", **gap)
        assert [type(one) for one in await taking] == [Gap, Filled]
        assert subscription.position == Position("b", 90, at=None)


async def test_gap_that_start_met_is_still_before_the_position_until_it_is_taken() -> None:
    async def bars(_: web.Request) -> web.Response:
        return web.json_response({"bars": [bar("AAPL", 1)], "next": None})

    gap = {"reason": "too_old", "gap": {"from": None, "to": "2026-11-22T14:30:00Z"}, "fill_urls": ["/bars?recorded_since=x"]}
    async with Feed(bars=bars) as feed, client_of(feed) as client:
        subscription = client.subscribe("bars.1m.*", since=START)
        starting = asyncio.create_task(subscription.start())
        peer = await feed.peer()
        assert peer.asked["since"] == {"time": "2026-11-22T00:00:00+00:00"}
        await peer.subscribed(7, recovered=False, **gap)
        await peer.data(7, to=9)
        await soon(starting)
        assert subscription.position is None  # stored now, it must bring the gap again
        assert isinstance((await take(subscription, 1))[0], Gap)
        assert subscription.position == Position("a", 7, fills=("/bars?recorded_since=x",))
        assert closes(await take(subscription, 1)) == [1]
        assert await take(subscription, 1) == [Filled()]
        assert subscription.position == Position("a", 9, at="2026-11-22T14:30:02Z")


async def test_start_waits_for_the_server_when_a_position_is_given_too_and_says_that_the_key_does_not_open() -> None:
    async with Feed() as feed, client_of(feed) as client:
        subscription = client.subscribe("bars.1m.*", since=Position("a", 3))
        starting = asyncio.create_task(subscription.start())
        peer = await feed.peer()
        await peer.bye(4401, "no such key")
        with pytest.raises(NotAllowed, match="no such key"):
            await soon(starting)
        with pytest.raises(NotAllowed, match="no such key"):
            await soon(anext(subscription))


async def test_messages_that_came_before_a_key_was_revoked_are_yielded_before_the_error() -> None:
    async with Feed() as feed, client_of(feed) as client, client.subscribe("bars.1m.*") as subscription:
        peer = await started(feed, subscription)
        for number in range(40):  # more than is handed on ahead of the caller: the line is gone when the last ones are
            await peer.data(number, bar("AAPL", number))
        await peer.bye(4401, "revoked", retry_in=60)
        assert closes(await take(subscription, 40)) == list(range(40))
        with pytest.raises(NotAllowed, match="revoked"):
            await soon(anext(subscription))
        assert feed.waiting == 0


async def test_wait_that_is_cancelled_loses_nothing() -> None:
    async with Feed() as feed, client_of(feed) as client, client.subscribe("bars.1m.*") as subscription:
        peer = await started(feed, subscription)
        for number in range(20):
            waiting = asyncio.create_task(anext(subscription))
            await asyncio.sleep(0)  # it has begun
            await peer.data(number, bar("AAPL", number))
            for _ in range(number):  # cancelled at every turn of the loop from before the message came to behind it
                await asyncio.sleep(0)
            waiting.cancel()
            (found,) = await asyncio.gather(waiting, return_exceptions=True)
            if isinstance(found, asyncio.CancelledError):
                found = await soon(anext(subscription))
            assert isinstance(found, Bar)
            assert (found.trade_count, subscription.position and subscription.position.seq) == (number, number + 1)


async def test_pings_are_answered_while_the_caller_is_slow_and_only_what_was_handed_on_is_acknowledged() -> None:
    async with Feed() as feed, client_of(feed) as client, client.subscribe("bars.1m.*", mode="latest") as subscription:
        peer = await started(feed, subscription)
        for number in range(9):
            await peer.data(number, bar("AAPL", number))
        assert [(await peer.hear())["to"] for _ in range(2)] == [1, 2]
        await peer.socket.ping()
        assert (await peer.hear())["op"] == "pong"  # behind frames that wait: of the WebSocket, which has no `to`
        await take(subscription, 1)
        assert (await peer.hear())["to"] == 3


async def test_silence_of_the_server_counts_from_when_everything_was_taken() -> None:
    async with Feed() as feed, client_of(feed) as client, client.subscribe("bars.1m.*", mode="latest") as subscription:
        peer = await started(feed, subscription)
        for number in range(5):
            await peer.data(number, bar("AAPL", number))
        await peer.say("hello", heartbeat_s=0.01)
        await asyncio.sleep(0.2)  # many times as long as a line may be silent; the server waits for acknowledgements
        await peer.data(5, bar("AAPL", 5))
        assert closes(await take(subscription, 6)) == list(range(6))
        assert feed.waiting == 0
        assert (await feed.peer()).asked["since"]["seq"] == 6


async def test_closing_ends_who_waits_and_opens_nothing_afterwards() -> None:
    async with Feed() as feed, client_of(feed) as client:
        never = client.subscribe("bars.1m.*")
        await never.close()
        assert [one async for one in never] == []
        with pytest.raises(Closed):
            await never.start()
        subscription = client.subscribe("bars.1m.*")
        peer = await started(feed, subscription)
        waiting = asyncio.create_task(anext(subscription, None))
        await asyncio.sleep(0)
        await subscription.close()
        assert await soon(waiting) is None
        assert (await peer.hear())["op"] == "close"
        assert feed.waiting == 0  # the one that was never started did not connect


async def test_closing_while_connecting_hangs_up() -> None:
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server, Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", backoff=SOON) as client:
        subscription = client.subscribe("bars.1m.*")
        starting = asyncio.create_task(subscription.start())
        await soon(begun.wait())
        await soon(subscription.close())
        with pytest.raises(Closed):
            await soon(starting)
        await soon(ended.wait())


async def test_closing_the_client_ends_its_subscriptions_and_what_is_asked_for_later() -> None:
    async with Feed() as feed:
        client = client_of(feed)
        subscription, late = client.subscribe("bars.1m.*"), client.subscribe("quotes.*")
        peer = await started(feed, subscription)
        waiting = asyncio.create_task(anext(subscription, None))
        await asyncio.sleep(0)
        await client.close()
        assert await soon(waiting) is None
        assert (await peer.hear())["op"] == "close"
        assert [one async for one in late] == []
        with pytest.raises(Closed):
            await client.latest_quotes("AAPL")
        with pytest.raises(Closed):
            await soon(anext(client.subscribe("bars.1m.*")))
        await client.close()


async def test_key_is_in_no_log_and_an_operator_sees_why_nothing_comes(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: web.Request) -> web.Response:
        asked.set()
        return web.Response(status=502)

    asked = asyncio.Event()
    async with serving(ws=broken) as address, Client(address, api_key="md_secret", backoff=SOON) as client:
        starting = asyncio.create_task(client.subscribe("bars.1m.*").start())
        for _ in range(2):  # the second time what became of the first was said
            asked.clear()
            await soon(asked.wait())
        starting.cancel()
    said = [(record.levelno, record.getMessage()) for record in caplog.records if record.name.startswith("marketdata_client")]
    assert (said[0][0], "502" in said[0][1]) == (logging.WARNING, True)
    assert "md_secret" not in caplog.text
