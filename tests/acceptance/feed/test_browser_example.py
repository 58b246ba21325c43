"""docs/examples/feed.html in a real browser: whatever happens to its line, each bar is shown once, in its newest revision."""

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from collector.feed.publisher import publish
from marketdata_client.loop import Loop
from providers.market.types import MINUTE_US
from tests.acceptance.feed.test_gap import OPEN, Writer, forget, in_postgres
from tests.feed_support import add_batch, bar
from tests.integration.collector.rows import make_series
from tests.relay import Relay
from tests.web_server import ROOT, Web

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")]
EXAMPLE = (ROOT / "docs/examples/feed.html").read_text()
PATIENCE_MS = 90_000
WATCH = """
    window.sockets = [];
    WebSocket = class extends WebSocket { constructor(url) { super(url); sockets.push(this); this.sent = []; }
                                          send(text) { this.sent.push(JSON.parse(text)); super.send(text); } };
"""
T = TypeVar("T")


class Browser:
    """A page of the example, on a thread of its own: playwright's event loop would forbid the ORM in ours."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread, self.faults = thread, list[str]()

    def _open(self, address: str) -> None:
        self._player = sync_playwright().start()
        self._browser = self._player.chromium.launch(executable_path=CHROMIUM)
        self._page = self._browser.new_page()
        self._page.on("pageerror", lambda error: self.faults.append(str(error)))
        self._page.add_init_script(WATCH)
        self._page.goto(f"{address}/admin/login/")  # a page of the service's own address
        self._page.set_content(EXAMPLE)

    def _close(self) -> None:
        self._browser.close()
        self._player.stop()

    def open(self, address: str) -> None:
        """The example at a server's address."""
        self._thread.submit(self._open, address).result()

    def close(self) -> None:
        self._thread.submit(self._close).result()

    def look(self, story: Callable[[Page], T]) -> T:
        """What comes of looking at the page."""
        return self._thread.submit(story, self._page).result()

    def shows(self, *rows: str) -> None:
        """Exactly these rows, the newest first, soon."""
        patterns = [re.compile(row) for row in rows]
        self.look(lambda page: expect(page.locator("tr")).to_have_text(patterns, timeout=PATIENCE_MS))

    def sent(self, op: str) -> list[dict[str, Any]]:
        """Frames of that kind that the newest socket sent."""
        frames: list[dict[str, Any]] = self.look(lambda page: page.evaluate("sockets.at(-1).sent"))
        return [frame for frame in frames if frame["op"] == op]


@pytest.fixture
def browser() -> Iterator[Browser]:
    with ThreadPoolExecutor(1) as thread:
        made = Browser(thread)
        yield made
        made.close()
    assert made.faults == []


class Line:
    """A relay on a loop of its own."""

    def __init__(self, web: Web) -> None:
        self._loop, self.relay = Loop(), Relay(web.address)
        self._loop.run(self.relay.__aenter__())

    def cut(self) -> None:
        async def cut() -> None:
            self.relay.cut()

        self._loop.run(cut())

    def close(self) -> None:
        self._loop.run(self.relay.__aexit__())
        self._loop.stop()


@pytest.fixture
def line(webs: Callable[[], Web]) -> Iterator[Line]:
    made = Line(webs())
    yield made
    made.close()


def put(*batches: list[dict[str, Any]]) -> None:
    publish(batch_ids=[add_batch(one) for one in batches])


def test_page_shows_each_bar_once_when_its_line_is_cut_and_repeats_and_older_revisions_come(
    line: Line, browser: Browser
) -> None:
    browser.open(line.relay.address)
    browser.look(lambda page: expect(page.locator("#state")).to_have_text(re.compile(r"\S+ \d+"), timeout=PATIENCE_MS))
    put([bar("AAPL", 1, rev=1)], [bar("AAPL", 1, rev=2) | {"close": 9.5}], [bar("AAPL", 1, rev=1), bar("AAPL", 1, rev=2)])
    put([bar("MSFT", 2)])
    browser.shows("MSFT .*: 1.75", "AAPL .*: 9.5")
    seen = browser.sent("pong")[-1]["to"]
    line.cut()
    put([bar("MSFT", 2, rev=2) | {"withdrawn": True}], [bar("AAPL", 1, rev=1)], [bar("IBM", 3)])
    browser.shows("IBM .*: 1.75", "MSFT .*: taken back", "AAPL .*: 9.5")
    (subscribe,) = browser.sent("subscribe")
    assert (subscribe["since"]["seq"], browser.look(lambda page: page.evaluate("sockets.length"))) == (seen, 2)
    acknowledged = f"sockets.at(-1).sent.some((frame) => frame.to === {seen + 3})"
    browser.look(lambda page: page.wait_for_function(acknowledged, timeout=PATIENCE_MS))


def test_page_fills_from_all_pages_what_the_feed_forgot_while_it_was_away(
    line: Line, browser: Browser, webs: Callable[[], Web]
) -> None:
    writer, series = Writer(), [make_series(symbol) for symbol in ("AAPL", "MSFT", "IBM", "TSLA")]
    starts = [OPEN + number * MINUTE_US for number in range(300)]
    browser.open(line.relay.address)
    browser.look(lambda page: expect(page.locator("#state")).to_have_text(re.compile(r"\S+ \d+"), timeout=PATIENCE_MS))
    writer.write(series[0], starts[:2], 10.1)
    browser.shows("AAPL .*: 10.1", "AAPL .*: 10.1")
    other = webs()  # the first one would notice that the feed was forgotten
    line.relay.target = "127.0.0.1:1"
    line.cut()
    for one in series:  # more than a page of the REST API has
        writer.write(one, starts, 10.2)
    forget("epoch_changed")
    line.relay.target = other.address
    browser.look(lambda page: expect(page.locator("tr")).to_have_count(1200, timeout=PATIENCE_MS))
    writer.write(series[0], starts[:1], 10.3)  # and on it goes
    browser.look(lambda page: expect(page.locator("tr", has_text=": 10.3")).to_have_count(1, timeout=PATIENCE_MS))
    shown = browser.look(lambda page: page.locator("tr").all_text_contents())
    held = {" ".join(key) + f": {values['close']}" for key, values in in_postgres().items()}
    assert (set(shown), len(shown)) == (held, 1200)


def test_page_that_finds_a_hole_shows_nothing_behind_it_and_resumes_from_where_it_began(line: Line, browser: Browser) -> None:
    browser.open(line.relay.address)
    browser.look(lambda page: expect(page.locator("#state")).to_have_text(re.compile(r"\S+ \d+"), timeout=PATIENCE_MS))
    put([bar("AAPL", 1)])
    browser.shows("AAPL")
    seen = browser.sent("pong")[-1]["to"]
    wrong = {"op": "data", "from": seen + 7, "to": seen + 8, "at": "2026-11-22T14:30:02Z", "messages": [bar("FAKE", 2)]}
    browser.look(lambda page: page.evaluate("(frame) => sockets[0].onmessage({ data: JSON.stringify(frame) })", wrong))
    put([bar("MSFT", 2)])
    browser.shows("MSFT", "AAPL")
    (subscribe,) = browser.sent("subscribe")
    assert subscribe["since"]["seq"] == seen


def test_example_is_short() -> None:
    assert len(EXAMPLE.splitlines()) <= 60
