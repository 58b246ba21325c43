"""The feed as its clients see it: real daphne, real sockets, batches published all the while."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event, Thread
from typing import Any

from django.db import connection
from websockets.asyncio.client import ClientConnection, connect

from collector.feed.publisher import publish
from tests.feed_support import PATIENCE_SECONDS, Ledger, add_batch, bar, key_of, valkey
from tests.web_server import Web

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
