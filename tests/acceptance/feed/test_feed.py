"""The feed as its clients see it: real daphne, real sockets, batches published all the while."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from collector.feed.hub import in_thread
from collector.feed.publisher import publish
from marketdata_site.observability import clock
from ops.access.issuing import revoke
from ops.actors import of_command
from tests.acceptance.feed.conftest import Web
from tests.feed_support import PATIENCE_SECONDS, Ledger, add_batch, bar, connections_end_with_their_work, key_of, valkey
from tests.keys import make_key

Webs = Callable[[], Web]


class Publisher:
    """Publishes bars of two symbols, a batch after the other, until stopped; `count` batches are out."""

    def __init__(self) -> None:
        self.count = 0
        self._stop = Event()
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._stop.wait(0.002):
                number = self.count
                publish(batch_ids=[add_batch([bar("AAPL", number), bar("MSFT", number)])])
                self.count += 1
        finally:
            connection.close()

    def __enter__(self) -> "Publisher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@asynccontextmanager
async def subscribed(web: Web, ledger: Ledger, channel: str) -> AsyncIterator[ClientConnection]:
    """A connection that resumes where the ledger stands."""
    async with connect(web.feed, max_size=None) as socket:
        frame: dict[str, Any] = {"op": "subscribe", "channels": [channel]}
        if ledger.epoch:
            frame["since"] = ledger.since
        await socket.send(json.dumps(frame))
        while (answer := await receive(socket))["op"] != "subscribed":
            assert answer["op"] == "hello"
        assert answer["recovered"] is True, answer
        ledger.take(answer)
        yield socket


async def receive(socket: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS))
    return frame


async def read(socket: ClientConnection, ledger: Ledger, *, until: int) -> None:
    while len(ledger.seen) < until:
        ledger.take(await receive(socket))


def assert_complete(ledger: Ledger, symbol: str, count: int, *, first: int = 0) -> None:
    """Every bar of the symbol once, and nothing else."""
    expected = {key_of(bar(symbol, number)) for number in range(first, count)}
    assert set(ledger.seen) == expected
    assert set(ledger.seen.values()) <= {1}


def test_client_that_is_cut_and_comes_back_sees_every_message_once_while_batches_are_published(webs: Webs) -> None:
    web, ledger = webs(), Ledger()

    async def cut_and_come_back(publisher: Publisher) -> None:
        for round_ in range(1, 9):
            async with subscribed(web, ledger, "bars.1m.AAPL") as socket:
                await read(socket, ledger, until=15 * round_)
                socket.transport.abort()  # no close frame: the line is cut

    async def read_the_rest(publisher: Publisher) -> None:
        async with subscribed(web, ledger, "bars.1m.AAPL") as socket:
            await read(socket, ledger, until=publisher.count)

    publish(batch_ids=[])
    asyncio.run(_subscribe_once(web, ledger))
    with Publisher() as publisher:
        asyncio.run(cut_and_come_back(publisher))
    asyncio.run(read_the_rest(publisher))
    assert_complete(ledger, "AAPL", publisher.count)


async def _subscribe_once(web: Web, ledger: Ledger) -> None:
    async with subscribed(web, ledger, "bars.1m.AAPL"):
        pass


def test_client_moves_between_two_web_processes_and_valkey_is_flushed_and_nothing_is_lost(webs: Webs) -> None:
    processes, ledger = [webs(), webs()], Ledger()

    async def follow() -> None:
        for round_ in range(1, 7):
            async with subscribed(processes[round_ % 2], ledger, "bars.*.MSFT") as socket:
                await read(socket, ledger, until=15 * round_ - 7)
                if round_ % 2:
                    valkey().flushall()
                await read(socket, ledger, until=15 * round_)

    async def read_the_rest() -> None:
        async with subscribed(processes[0], ledger, "bars.*.MSFT") as socket:
            await read(socket, ledger, until=publisher.count)

    asyncio.run(_subscribe_once(processes[0], ledger))
    with Publisher() as publisher:
        asyncio.run(follow())
    asyncio.run(read_the_rest())
    # A batch whose stamp was under way at a flush may come again, never twice in one epoch.
    assert set(ledger.seen) == {key_of(bar("MSFT", number)) for number in range(publisher.count)}
    assert max(ledger.seen.values()) <= 2


def test_web_process_says_goodbye_when_it_ends_and_another_one_goes_on(webs: Webs) -> None:
    first, second, ledger = webs(), webs(), Ledger()

    async def outlive() -> None:
        async with subscribed(first, ledger, "bars.1m.AAPL") as socket:
            await read(socket, ledger, until=5)
            first.process.terminate()
            while (frame := await receive(socket))["op"] != "bye":
                ledger.take(frame)
            assert (frame["code"], frame["retry_in"]) == (4000, 1)
            with pytest.raises(ConnectionClosed):
                await receive(socket)
            assert socket.close_code == 4000
        async with subscribed(second, ledger, "bars.1m.AAPL") as socket:
            await read(socket, ledger, until=len(ledger.seen) + 5)

    asyncio.run(_subscribe_once(first, ledger))
    with Publisher():
        asyncio.run(outlive())
    assert set(ledger.seen.values()) == {1}


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/ws/feed", {"Origin": "http://evil.example"}, 4403),
        ("/ws/feed", {"X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer wrong"}, 4401),
        ("/ws/nothing", {}, 4504),
    ],
)
def test_client_is_told_why_when_it_is_not_let_in(webs: Webs, path: str, headers: dict[str, str], code: int) -> None:
    async def knock() -> None:
        async with connect(f"ws://{web.address}{path}", additional_headers=headers) as socket:
            assert (await receive(socket))["code"] == code
            with pytest.raises(ConnectionClosed):
                await receive(socket)
            assert socket.close_code == code

    web = webs()
    asyncio.run(knock())


def test_client_is_let_in_from_our_own_page(webs: Webs) -> None:
    async def knock(headers: dict[str, str]) -> None:
        async with connect(web.feed, additional_headers=headers) as socket:
            assert (await receive(socket))["op"] == "hello"

    web = webs()
    for headers in ({"Origin": f"http://{web.address}"}, {"Origin": "http://localhost:3000"}):
        asyncio.run(knock(headers))


def test_key_lets_in_from_elsewhere_until_it_is_revoked(webs: Webs) -> None:
    async def knock() -> None:
        async with (
            connect(first.feed, additional_headers=elsewhere | {"X-API-Key": key}) as by_header,
            connect(second.feed, additional_headers=elsewhere) as by_frame,
        ):
            await by_frame.send(json.dumps({"op": "auth", "key": key}))
            for socket in (by_header, by_frame):
                assert (await receive(socket))["op"] == "hello"
            await in_thread(revoke, of_command(), prefix=key[:11], now=clock.now())
            for socket in (by_header, by_frame):
                assert (await receive(socket))["code"] == 4401
                with pytest.raises(ConnectionClosed):
                    await receive(socket)
                assert socket.close_code == 4401

    first, second, key = webs(), webs(), make_key()
    elsewhere = {"X-Forwarded-For": "203.0.113.7"}
    with connections_end_with_their_work():
        asyncio.run(knock())
