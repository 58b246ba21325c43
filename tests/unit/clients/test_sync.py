"""The Python client for programs without an event loop: how it ends, in the middle of whatever it is doing, from any thread."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest
from aiohttp import web

from marketdata_client import Backoff, Bar, Closed, Refused, SyncClient
from marketdata_client.loop import Loop
from tests.feed_support import bar
from tests.unit.clients.scripted import PATIENCE_SECONDS, Feed, Peer
from tests.unit.providers.vendor_server import free_port
from tests.waiting import wait_until

SOON = Backoff(first_s=0.01, most_s=0.05)
PAGES = 5


class Server:
    """A scripted feed on a thread of its own, with pages of two bars each; `asked` counts those that were asked for."""

    def __init__(self) -> None:
        self.loop, self.feed, self.asked = Loop(), Feed(bars=self._bars), 0
        self.loop.run(self.feed.__aenter__())

    async def _bars(self, request: web.Request) -> web.Response:
        number = int(request.query.get("after", "0"))
        self.asked += 1
        if request.query["symbol"] == "SHORT" and number:
            error = {"code": "bad_cursor", "message": "no more", "field": "after"}
            return web.json_response({"error": error}, status=422)
        bars = [bar("AAPL", 2 * number + one) for one in (0, 1)]
        return web.json_response({"bars": bars, "next": None if number + 1 == PAGES else str(number + 1)})

    def peer(self, seq: int = 0) -> Peer:
        """The next connection, subscribed."""
        peer = self.loop.run(self.feed.peer())
        self.loop.run(peer.subscribed(seq))
        return peer

    def stop(self) -> None:
        self.loop.run(self.feed.__aexit__())
        self.loop.stop()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[SyncClient]:
    with SyncClient(server.feed.address, backoff=SOON) as made:
        yield made


def numbers(found: Any) -> list[int | None]:
    return [one.trade_count for one in found if isinstance(one, Bar)]


def waits(thread: int | None) -> bool:
    """True while a thread waits for the client's loop."""
    frame: FrameType | None = sys._current_frames().get(thread or 0)
    while frame is not None:
        if frame.f_code is Future.result.__code__:
            return True
        frame = frame.f_back
    return False


def test_iterator_reads_everything_in_order_and_no_further_ahead_than_was_taken(server: Server, client: SyncClient) -> None:
    bars = client.read("/bars?symbol=AAPL")
    assert server.asked == 0
    assert (numbers([next(bars)]), server.asked) == ([0], 1)
    assert (numbers([next(bars)]), server.asked) == ([1], 2)  # two at once, the second of them of the next page
    assert (numbers(bars), server.asked) == (list(range(2, 2 * PAGES)), PAGES)


def test_what_came_before_an_error_is_yielded_before_it(client: SyncClient) -> None:
    bars = client.read("/bars?symbol=SHORT")
    assert numbers([next(bars), next(bars)]) == [0, 1]
    with pytest.raises(Refused, match="no more"):
        next(bars)
    assert list(bars) == []


def test_iterator_that_is_left_in_the_middle_leaves_nothing_behind(server: Server, client: SyncClient) -> None:
    for _ in client.read("/bars?symbol=AAPL"):
        break
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  # what a caller's own error does is what is tested
        for one in client.read("/bars?symbol=AAPL"):
            assert isinstance(one, Bar)
            raise ZeroDivisionError
    assert len(list(client.read("/bars?symbol=AAPL"))) == 2 * PAGES


def test_error_of_the_caller_ends_client_and_subscription_and_is_raised(server: Server) -> None:
    def follow() -> None:
        with SyncClient(server.feed.address, backoff=SOON) as client, client.subscribe("bars.1m.*") as feed:
            for _ in feed:
                raise ZeroDivisionError

    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(follow)
        peer = server.peer()
        server.loop.run(peer.data(0, bar()))
        with pytest.raises(ZeroDivisionError):
            following.result(PATIENCE_SECONDS)
    while (heard := server.loop.run(peer.hear()))["op"] == "pong":
        pass
    assert heard == {"op": "close"}


@pytest.mark.parametrize("what", ["subscription", "client"])
def test_closing_from_another_thread_ends_who_waits_for_a_message(server: Server, client: SyncClient, what: str) -> None:
    feed = client.subscribe("bars.1m.*")
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(list, feed)
        server.peer()
        (feed if what == "subscription" else client).close()
        assert following.result(PATIENCE_SECONDS) == []
    assert list(feed) == []
    with pytest.raises(Closed):
        feed.poll(timeout_s=0)
    with pytest.raises(Closed):
        feed.start()
    feed.close()


def test_closing_the_client_ends_who_waits_for_another_try_and_what_comes_later() -> None:
    client = SyncClient(f"http://127.0.0.1:{free_port()}", backoff=Backoff(first_s=3600, most_s=3600))
    bars = client.read("/bars?symbol=AAPL")
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(next, bars)
        wait_until(lambda: any(waits(one.ident) for one in thread._threads), seconds=PATIENCE_SECONDS, what="the request")
        client.close()
        with pytest.raises(Closed):
            reading.result(PATIENCE_SECONDS)
    client.close()
    with pytest.raises(Closed):
        client.latest_quotes("AAPL")
    with pytest.raises(Closed):
        client.subscribe("bars.1m.*")
    with pytest.raises(Closed):
        next(client.bars("AAPL", start=datetime(2025, 10, 8, tzinfo=UTC)))


def test_poll_answers_none_when_nothing_came_and_loses_nothing(server: Server, client: SyncClient) -> None:
    with client.subscribe("bars.1m.*") as feed:
        assert feed.poll(timeout_s=0.01) is None
        with pytest.raises(TimeoutError):
            feed.start(timeout_s=0.01)
        peer = server.peer()
        feed.start(timeout_s=PATIENCE_SECONDS)
        server.loop.run(peer.data(0, bar("AAPL", 0), bar("AAPL", 1)))
        assert numbers([feed.poll(timeout_s=PATIENCE_SECONDS), feed.poll(timeout_s=0)]) == [0, 1]
        assert feed.poll(timeout_s=0.01) is None
        assert feed.position is not None
        assert feed.position.seq == 2


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Ctrl-C for the main thread, once it waits for the client's loop: pressed until it is heard, heard once."""

    def heard_once(*_: object) -> None:
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    def press() -> None:
        wait_until(lambda: waits(main), seconds=PATIENCE_SECONDS, what="the wait for a message")
        while not heard.wait(0.02):  # one that comes just before the lock is waited for wakes nobody
            signal.pthread_kill(main, signal.SIGINT)

    main, heard = threading.get_ident(), threading.Event()
    pressing = threading.Thread(target=press)
    before = signal.signal(signal.SIGINT, heard_once)
    yield pressing.start
    pressing.join()
    signal.signal(signal.SIGINT, before)


def test_interrupt_ends_the_wait_and_loses_no_message(
    server: Server, client: SyncClient, interrupt: Callable[[], None]
) -> None:
    feed = client.subscribe("bars.1m.*")
    with ThreadPoolExecutor(1) as thread:
        starting = thread.submit(feed.start)
        peer = server.peer()
        starting.result(PATIENCE_SECONDS)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # it may come at any moment from here on
        interrupt()
        next(feed)
    assert feed.position is not None
    assert feed.position.seq == 0
    server.loop.run(peer.data(0, bar("AAPL", 7)))
    assert numbers([next(feed)]) == [7]
    assert feed.position.seq == 1
