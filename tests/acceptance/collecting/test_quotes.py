"""One job of quotes from its schema to rows and feed, with vendors over real HTTP: what one did not deliver the next one is asked for."""

import pytest

from collector.models import LatestQuote, Quote, RejectedQuote
from collector.schemas import Priority, QuotesFetchJob
from collector.services.quoting import collect_quotes
from marketdata_site.observability.clock import now_us
from tests.integration.collector.reading import messages
from tests.integration.collector.rows import make_policy
from tests.quotes import make_quote_series

NOON = "2025-10-08 16:00:03"


@pytest.fixture
def ask(world):
    """Run one job at noon of a trading day."""
    world.set_clock(NOON)

    def run(*symbols, **rest):
        job = QuotesFetchJob(tier="T0", priority=Priority.LIVE, symbols=list(symbols), **rest)
        return collect_quotes(job, now=now_us(), loop=world.loop)

    return run


def vendors(world, *names, **values):
    found = [world.provider(name, **values) for name in names]
    make_policy(*names, capability="quotes_l1")
    return found


def sources():
    rows = Quote.objects.select_related("instrument", "provider")
    return {(row.instrument.symbol, row.provider.name) for row in rows}


def test_quotes_are_held_told_and_asked_of_one_vendor_only(world, ask):
    vendors(world, "alpaca", "polygon")
    for symbol in ("AAPL", "BRK.B"):
        make_quote_series(symbol)
    outcome = ask("AAPL", "BRK.B")
    assert (outcome.unanswered, outcome.count("new")) == ({}, 2)
    assert world.asked() == ["alpaca"]
    assert sources() == {("AAPL", "alpaca"), ("BRK.B", "alpaca")}
    assert {m["symbol"] for m in messages()} == {"AAPL", "BRK.B"}
    assert LatestQuote.objects.count() == 2


@pytest.mark.parametrize("kind", ["server_error", "truncated", "unauthorized", "throttle", "html"])
def test_next_vendor_gives_what_the_first_one_failed_to_deliver(world, ask, kind):
    vendors(world, "polygon", "alpaca", timeout_seconds=2)
    make_quote_series("AAPL")
    world.control.set_fault(kind, vendor="polygon", **({"retry_after": 30} if kind == "throttle" else {}))
    assert ask("AAPL").unanswered == {}
    assert sources() == {("AAPL", "alpaca")}


def test_refused_quote_is_kept_with_its_reason_and_asked_from_the_next_vendor(world, ask):
    first, _ = vendors(world, "polygon", "alpaca")
    make_quote_series("AAPL")
    world.control.set_fault("bad_row", vendor="polygon")
    assert ask("AAPL").unanswered == {}
    refused = RejectedQuote.objects.get()
    assert (refused.provider_id, refused.reason) == (first.pk, "price_not_positive")
    assert sources() == {("AAPL", "alpaca")}


def test_delayed_quote_is_kept_at_its_time_and_the_next_vendor_is_asked(world, ask):
    vendors(world, "polygon", "alpaca")
    make_quote_series("AAPL")
    world.control.set_fault("delayed", vendor="polygon", announced=True, seconds=900)
    assert ask("AAPL").unanswered == {}
    assert sources() == {("AAPL", "polygon"), ("AAPL", "alpaca")}
    assert LatestQuote.objects.get().provider.name == "alpaca"


def test_symbol_that_nobody_has_a_quote_of_is_told(world, ask, caplog):
    vendors(world, "polygon")
    make_quote_series("AAPL")
    world.control.set_fault("server_error", vendor="polygon")
    assert "500" in str(ask("AAPL").unanswered["AAPL"])
    assert "no quote of 1 of 1 symbols" in caplog.text
    assert not Quote.objects.exists()


def test_instrument_that_is_switched_off_is_not_asked_for(world, ask, caplog):
    vendors(world, "polygon")
    make_quote_series("AAPL", is_active=False)
    ask("AAPL")
    assert world.asked() == []
    assert "no quotes are collected of AAPL" in caplog.text


def test_job_that_runs_twice_leaves_each_quote_once(world, ask):
    vendors(world, "polygon")
    make_quote_series("AAPL")
    for _ in range(2):
        ask("AAPL")
    told = [(m["at"], m["rev"]) for m in messages()]
    assert len(told) == len(set(told)) == Quote.objects.count()


def test_one_symbol_of_two_venues_and_a_coin_are_told_apart_in_one_job(world, ask):
    vendors(world, "polygon", "alpaca")
    here, there = make_quote_series("TWIN", mic="XNAS"), make_quote_series("TWIN", mic="XNYS")
    coin = make_quote_series("BTC-USD", mic="XXXX", calendar="24/7", asset_class="crypto")
    ask("TWIN", "BTC-USD")
    held = set(Quote.objects.values_list("instrument", flat=True))
    assert {here.instrument_id, there.instrument_id} <= held
    assert coin.instrument_id in held
