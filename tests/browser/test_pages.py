"""The pages in a real browser: nothing fails in it, nothing is loaded from elsewhere, and what it shows is what is held."""

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import Page, expect, sync_playwright

from collector.feed.publisher import publish
from marketdata_site.observability import clock
from providers.outcomes import Outcome
from tests.feed_support import add_batch, bar
from tests.integration.rest.dead_rows import make_dead, make_job
from tests.integration.rest.provider_rows import make_active, make_samples, report
from tests.integration.rest.rows import (
    MINUTE,
    at,
    make_bar,
    make_bars,
    make_coverage,
    make_incident,
    make_revision,
    make_series,
    minutes,
)
from tests.web_server import running

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")]
OPEN = at("2026-11-20 14:30")
Visit = Callable[[Callable[[Page], None]], None]


@pytest.fixture
def url(transactional_db) -> Iterator[str]:
    """Our own web process."""
    with running() as address:
        yield address


@pytest.fixture
def visit(url) -> Iterator[Visit]:
    """Runs a function on a page, in a thread of its own: playwright's event loop would forbid the ORM in ours."""

    def run(story: Callable[[Page], None]) -> None:
        faults: list[str] = []
        with sync_playwright() as player:
            browser = player.chromium.launch(executable_path=CHROMIUM)
            page = browser.new_context(base_url=url, viewport={"width": 1400, "height": 900}).new_page()
            page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)
            page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else faults.append(r.url))
            story(page)
            browser.close()
        assert faults == []

    with ThreadPoolExecutor(1) as thread:
        yield lambda story: thread.submit(run, story).result()


def log_in(page: Page) -> None:
    page.goto("/admin/login/")
    page.fill("[name=username]", "operator")
    page.fill("[name=password]", "a long pass phrase")
    page.click("[type=submit]")
    expect(page.locator("#tiers")).to_be_visible()


@pytest.fixture
def operator(transactional_db) -> User:
    """A superuser, committed: the web process has to see it."""
    return User.objects.create_superuser("operator", password="a long pass phrase")


def test_live_page_shows_held_bars_and_then_those_of_the_feed(url, visit):
    now = clock.now().replace(second=0, microsecond=0)
    make_bars(make_series("BTC-USD", mic="XXXX", calendar="24/7"), [now - 3 * MINUTE, now - 2 * MINUTE], close=10.25)

    def publish_next() -> None:
        start = (now - MINUTE).strftime("%Y-%m-%dT%H:%M:00Z")
        message: dict[str, Any] = {**bar("BTC-USD"), "start": start, "close": 12.5}
        publish(batch_ids=[add_batch([message, {**message, "symbol": "ETH-USD"}])])

    with ThreadPoolExecutor(1) as database:

        def story(page: Page) -> None:
            page.goto("/")
            expect(page.locator("#status")).to_have_text("live")
            row = page.locator("tr[data-symbol='BTC-USD']")
            expect(row).to_contain_text("10.25")
            expect(page.locator("#chart-heading")).to_have_text("BTC-USD · 1m")
            expect(page.locator("#chart canvas").first).to_be_visible()
            database.submit(with_own_connection, publish_next).result()
            expect(row).to_contain_text("12.5")
            expect(row).to_contain_text("unknown")
            expect(page.locator("tr[data-symbol='ETH-USD']")).to_be_visible()
            page.fill("#filter", "eth")
            expect(row).to_be_hidden()

        visit(story)


def with_own_connection(work: Callable[[], None]) -> None:
    """A thread's connection is its own to close: another session on the database would stop its removal."""
    try:
        work()
    finally:
        connections.close_all()


def test_live_page_comes_back_no_sooner_than_the_server_asks(url, visit):
    def story(page: Page) -> None:
        page.goto("/")
        expect(page.locator("#status")).to_have_text("live")
        waits = page.evaluate("""() => [1, 60].map((retry_in) => {
            const on = { state() {} }, waits = [];
            const feed = new Feed("", [], on);
            window.setTimeout = (_, ms) => waits.push(ms);
            for (feed.failures = 0; waits.length < 20; ) {
                feed.farewell = { retry_in, reason: "" };
                feed.closed(4401);
            }
            return waits;
        })""")
        assert [min(some) >= 1000 * asked for some, asked in zip(waits, (1, 60), strict=True)] == [True, True]
        assert max(waits[0]) <= 42_000

    visit(story)


def test_operator_finds_a_corrected_bar_and_its_history(operator, visit):
    series = make_series()
    make_bars(series, minutes(OPEN + MINUTE, 5))
    make_revision(series, OPEN, close=9.75, recorded_at=at("2026-11-20 15:00"), replaced_at=at("2026-11-20 16:00"))
    make_bar(series, OPEN, rev=2)

    def story(page: Page) -> None:
        log_in(page)
        page.click("nav >> text=Series")
        page.click("text=bars >> nth=-1")
        expect(page.locator("#chart canvas").first).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(6)
        page.click("text=2026-11-20 14:30")
        expect(page.locator(".md-panel")).to_contain_text("revision 2, held now")
        expect(page.locator(".md-panel")).to_contain_text("9.75")

    visit(story)


def test_operator_finds_what_is_missing_of_a_session_and_why(operator, visit):
    series = make_series()
    make_coverage(series, OPEN.date(), held=[(OPEN, at("2026-11-20 20:40"))])
    said = {"at": "2026-11-20T20:55:00Z", "provider": "polygon", "code": "circuit_open", "message": "down", "http_status": None}
    make_job(series, at("2026-11-20 20:40"), state="parked", tries=[said])
    make_incident(start=at("2026-11-20 20:40"), end=at("2026-11-20 20:50"))

    def story(page: Page) -> None:
        log_in(page)
        page.click("nav >> text=Incidents")
        page.click("#changelist td a, #changelist th a")
        page.click("a:has-text('coverage') >> nth=-1")
        cell = page.locator(".md-heat td a").first
        expect(cell).to_have_attribute("title", "being filled: 370 held, 10 being filled, 10 pending of 390")
        cell.click()
        expect(page.locator("#spans tbody tr").first).to_contain_text("vendor outage")
        expect(page.locator("#spans")).to_contain_text("2026-11-20 20:50")
        expect(page.locator(".md-strip i[title^='20:45']")).to_have_attribute(
            "title", re.compile("20:45 being filled, vendor outage, job")
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    visit(story)


def test_operator_sees_how_a_score_went_and_forces_the_breaker(operator, visit):
    make_active()
    report("polygon", Outcome.OK, 5)
    now = clock.now().replace(microsecond=0)
    make_samples("polygon", until=now, count=30)
    make_samples("polygon", until=now - MINUTE * 20, count=30, score=0.31, phase="open")  # a line of its own, after a hole

    def story(page: Page) -> None:
        log_in(page)
        page.click("nav >> text=Provider health")
        page.click("#changelist td >> text=bars_1m")
        expect(page.locator("#chart canvas").first).to_be_visible()
        expect(page.locator("#legend")).to_contain_text("H 0.85")
        expect(page.locator("#legend")).to_contain_text("closed now")
        expect(page.locator("tbody tr")).to_have_count(30)
        page.go_back()
        page.click("text=force open")
        page.fill("[name=reason]", "bad prices")
        page.click("button:has-text('Force open')")
        expect(page.locator("#changelist")).to_contain_text("forced open")
        expect(page.locator("#changelist")).to_contain_text("bad prices")

    visit(story)


def test_operator_starts_pauses_and_cancels_a_bulk_operation(operator, visit):
    series = make_series()
    for n in range(51):
        make_dead(series, n)

    def story(page: Page) -> None:
        log_in(page)
        page.click("nav >> text=Dead letters")
        page.click("text=Requeue all that the filters show")
        page.click("button:has-text('Requeue 51 jobs in the background')")
        row = page.locator("#changelist tbody tr")
        expect(row).to_contain_text("0 of 51 requeued")
        page.click("button:has-text('Pause')")
        expect(row).to_contain_text("paused by operator")
        page.click("button:has-text('Resume')")
        expect(row).to_contain_text("running")
        page.click("#changelist >> text=Cancel…")
        page.click("button:has-text('Cancel the operation')")
        expect(row).to_contain_text("51 left dead")

    visit(story)


def test_operator_makes_a_key_sees_it_once_and_revokes_it(operator, visit):
    def status(page: Page, text: str) -> int:
        return page.request.get("/instruments", headers={"X-API-Key": text, "X-Forwarded-For": "203.0.113.7"}).status

    def story(page: Page) -> None:
        log_in(page)
        page.click("nav >> text=API keys")
        page.click("text=Make a key")
        page.fill("[name=name]", "grafana")
        page.click("button:has-text('Make the key')")
        text = page.locator("#key").inner_text()
        assert status(page, text) == 200
        page.click("text=I have copied it")
        row = page.locator("#changelist tbody tr")
        expect(row).to_contain_text(text[:11])
        expect(row).to_contain_text("active")
        assert text[12:] not in page.content()
        page.click("#changelist >> text=Revoke…")
        page.click("button:has-text('Revoke it')")
        expect(row).to_contain_text("revoked")
        while status(page, text) == 200:
            page.wait_for_timeout(50)
        assert status(page, text) == 401

    visit(story)


def test_every_admin_page_opens_without_a_fault(operator, visit):
    make_series()
    pages = [
        "/admin/collector/tier/",
        "/admin/collector/instrument/",
        "/admin/collector/instrument/add/",
        "/admin/collector/series/",
        "/admin/collector/series/add/",
        "/admin/collector/series/bars/",
        "/admin/collector/series/coverage/",
        "/admin/collector/incident/",
        "/admin/collector/rejectedbar/",
        "/admin/providers/provider/add/",
        "/admin/providers/routingpolicy/add/",
        "/admin/providers/routingpolicy/routing/",
        "/admin/providers/providerstate/",
        "/admin/providers/providerstate/history/",
        "/admin/providers/policyversion/",
        "/admin/providers/policyversion/validate/",
        "/admin/providers/reloadattempt/",
        "/admin/ops/bulkoperation/",
        "/admin/auth/user/",
        "/docs",
    ]

    def story(page: Page) -> None:
        log_in(page)
        for address in pages:
            page.goto(address, wait_until="load")

    visit(story)
