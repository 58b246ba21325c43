"""The Python client against a real web process: slots of every state with what is known of them, and a caller that is too slow."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta

from collector.feed.hub import in_thread
from collector.feed.publisher import publish
from collector.models import Abandonment, DeadLetter
from marketdata_client import Abandoned, Backoff, Bar, Client, Job, Said, Skipped, SyncClient, Witness
from providers.market.types import from_us
from tests.acceptance.feed.test_gap import OPEN
from tests.feed_support import PATIENCE_SECONDS, add_batch, bar, connections_end_with_their_work
from tests.integration.rest.dead_rows import make_job
from tests.integration.rest.rows import make_absence, make_coverage, make_series
from tests.relay import Relay
from tests.web_server import Web

Webs = Callable[[], Web]
START = from_us(OPEN)
SESSION = date(2025, 10, 8)
SOON = Backoff(first_s=0.02, most_s=0.2)
SYMBOLS = [f"S{number}" for number in range(20)]
ROUND = 400


def span(first: int, count: int) -> tuple[datetime, datetime]:
    return START + timedelta(minutes=first), START + timedelta(minutes=first + count)


def test_coverage_tells_of_each_span_who_has_it_what_was_said_and_who_was_silent(webs: Webs) -> None:
    series = make_series("AAPL")
    make_coverage(series, SESSION, held=[span(0, 10)], empty=[span(10, 5)])
    make_absence(series, [span(10, 5)])
    make_absence(series, [span(15, 10)], is_believed=False, why="dense")
    told = {"at": START.isoformat(), "provider": "polygon", "code": "circuit_open", "message": "its breaker is open"}
    due = START + timedelta(days=1)
    open_job = make_job(
        series, span(15, 0)[0], slots=10, state="parked", due_at=due, attempts=2, tries=[{**told, "http_status": None}]
    )
    dead = make_job(series, span(25, 0)[0], slots=5, state="dead", attempts=8)
    letter = {"reason": "rejected", "provider": "alpaca", "message": "high below low", "fingerprint": "f", "died_at": due}
    DeadLetter.objects.create(backfill=dead, missing_minutes=5, **letter)
    begin, end = span(30, 10)
    Abandonment.objects.create(series=series, start=begin, end=end, who="anna", why="halted", created_at=end)
    with SyncClient(f"http://{webs().address}") as client:
        (session,) = client.coverage("AAPL", start=SESSION)
    counts = (session.held, session.empty, session.filling, session.dead, session.abandoned)
    assert counts == (10, 5, 10, 5, 10)
    assert session.expected == session.held + session.empty + session.missing == 390
    assert [(one.start, one.slots, one.by) for one in session.empty_spans] == [
        (span(10, 0)[0], 5, (Witness("polygon", "consolidated", "settled"),))
    ]
    found = {one.start: one for one in session.missing_spans}
    filling, died, given_up = (found[span(first, 0)[0]] for first in (15, 25, 30))
    assert (filling.state, filling.cause, filling.waits_for) == ("filling", "vendor_outage", None)
    assert filling.job == Job(open_job.pk, "parked", due, 2)
    assert filling.said == Said("polygon", "circuit_open", "its breaker is open")
    assert filling.doubted == (Witness("polygon", "consolidated", "dense"),)
    assert (died.state, died.cause, died.job) == ("dead", "rejected", Job(dead.pk, "dead", None, 8))
    assert died.said == Said("alpaca", "rejected", "high below low")
    assert (given_up.state, given_up.cause, given_up.job) == ("abandoned", None, None)
    assert given_up.abandoned == Abandoned("anna", "halted", None)
    assert {one.waits_for for one in session.missing_spans if one.state == "pending"} == {"next_scan"}


def flood(round_: int) -> None:
    """A minute of all symbols after the other, far more than the server lets be outstanding in mode latest."""
    for number in range(round_ * ROUND, (round_ + 1) * ROUND, 20):
        minutes = [bar(symbol, minute) for minute in range(number, number + 20) for symbol in SYMBOLS]
        publish(batch_ids=[add_batch(minutes)])


def test_slow_caller_gets_the_newest_of_each_series_and_the_number_of_the_others_over_all_connections(webs: Webs) -> None:
    async def follow() -> None:
        async with (
            Relay(web.address) as relay,
            Client(relay.address, backoff=SOON) as client,
            client.subscribe("bars.1m.*", mode="latest") as feed,
            asyncio.timeout(6 * PATIENCE_SECONDS),
        ):
            await feed.start()
            for round_ in range(2):
                await in_thread(flood, round_)
                newest: dict[str, int | None] = {}
                came, skipped = 0, 0
                while set(newest.values()) != {(round_ + 1) * ROUND - 1} or len(newest) < len(SYMBOLS):
                    match await anext(feed):
                        case Bar() as one:
                            newest[one.symbol], came = one.trade_count, came + 1
                        case Skipped(count):
                            skipped += count
                assert skipped > 0
                assert came + skipped == ROUND * len(SYMBOLS)
                before = relay.count
                relay.cut()
                await in_thread(publish, batch_ids=[await in_thread(add_batch, [bar("AFTER", round_)])])
                after = await anext(feed)
                assert isinstance(after, Bar)
                assert (after.symbol, relay.count) == ("AFTER", before + 1)

    web = webs()
    with connections_end_with_their_work():
        asyncio.run(follow())
