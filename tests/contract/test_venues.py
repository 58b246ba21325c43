"""Bars of crypto venues through ccxt's real client: what it asks for, and what the answers mean."""

import json
from dataclasses import replace

import numpy as np
import pytest

from providers.adapter import HttpResponse, check_supported
from providers.errors import (
    MalformedAnswer,
    UnsupportedRequest,
)
from providers.market.types import DAY_US, MINUTE_US, FeedScope, Interval
from tests.contract.asking import account_of, ask_client, query_of
from tests.contract.venues import CRYPTO, START, SYMBOLS, VENUES, answer, minutes, venue
from tests.recorded import needs_recorded, recordings


def kline(moment: int, volume: str = "1.5", trades: int = 3) -> list[object]:
    ms = moment // 1000
    return [ms, "10.0", "12.0", "9.0", "11.0", volume, ms + 59_999, "16.5", trades, "0.5", "5.5", "0"]


def test_venues_are_asked_through_a_client() -> None:
    assert VENUES == ["binance", "coinbase", "kraken"]


@pytest.mark.parametrize("name", VENUES)
def test_venue_has_venue_scope_raw_prices_and_no_key(name: str) -> None:
    adapter = venue(name)
    assert adapter.limits.feed_scopes == {FeedScope.VENUE}
    assert adapter.credential_names == ()
    query = minutes(name, 5)
    with pytest.raises(UnsupportedRequest, match="it offers venue"):
        check_supported(adapter, query, account=account_of(adapter))
    check_supported(adapter, query, account=account_of(adapter, feed_scope=FeedScope.VENUE))


def test_coinbase_names_the_intervals_that_it_has_when_asked_for_half_hours() -> None:
    with pytest.raises(UnsupportedRequest, match="coinbase has no 30m bars, it offers 15m, 1d, 1h, 1m, 5m"):
        check_supported(venue("coinbase"), replace(minutes("coinbase", 60), interval=Interval.M30))


@pytest.mark.parametrize(("interval", "span"), [(Interval.M1, "12.0 hours"), (Interval.D1, "719 days")])
def test_kraken_refuses_what_is_older_than_its_newest_rows(interval: Interval, span: str) -> None:
    adapter, now = venue("kraken"), START
    kept = replace(minutes("kraken", 5), interval=interval, start=now - 719 * interval.us, end=now)
    check_supported(adapter, kept, now=now)
    with pytest.raises(UnsupportedRequest, match=f"keeps {interval} bars of crypto for {span}"):
        check_supported(adapter, replace(kept, start=kept.start - 1), now=now)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("binance", "BTC-USDT", "BTCUSDT"),
        ("binance", "BTC-USD", "BTCUSD"),
        ("binance", "ETH/BTC", "ETHBTC"),
        ("kraken", "BTC-USD", "XBTUSD"),
        ("kraken", "DOGE/EUR", "XDGEUR"),
        ("kraken", "ETHBTC", "ETHXBT"),
        ("kraken", "USDTUSD", "USDTUSD"),
        ("coinbase", "BTCUSD", "BTC-USD"),
        ("coinbase", "ETH/USDC", "ETH-USDC"),
        ("coinbase", "WEIRD", "WEIRD"),
    ],
)
def test_our_symbols_are_spelled_as_the_venue_does(name: str, ours: str, theirs: str) -> None:
    assert venue(name).vendor_symbol(ours, CRYPTO) == theirs


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("binance", "/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1772971200000&endTime=1772971499999&limit=1000"),
        ("kraken", "/0/public/OHLC?pair=XBTUSD&interval=1&since=1772971140"),
        (
            "coinbase",
            "/products/BTC-USD/candles?granularity=60&start=2026-03-08T12%3A00%3A00Z&end=2026-03-08T12%3A04%3A00Z",
        ),
    ],
)
def test_five_minutes_cost_one_request_and_no_listing_of_markets(name: str, path: str) -> None:
    adapter = venue(name)
    held = {
        "binance": [kline(START + i * MINUTE_US) for i in range(5)],
        "kraken": {"error": [], "result": {"XXBTZUSD": [], "last": 0}},
        "coinbase": [],
    }[name]
    _, requests = ask_client(adapter, minutes(name, 5), answer(held))
    assert [request.url for request in requests] == [adapter.default_base_url + path]


def test_binance_goes_on_behind_the_last_row_until_the_window_is_full() -> None:
    rows = [kline(START + i * MINUTE_US) for i in range(1_500)]
    page, requests = ask_client(venue("binance"), minutes("binance", 1_500), answer(rows[:1_000]), answer(rows[1_000:]))
    assert page.batch.start.tolist() == [START + i * MINUTE_US for i in range(1_500)]
    assert len(requests) == 2
    assert f"startTime={(START + 1_000 * MINUTE_US) // 1000}&" in requests[1].url


def test_binance_asks_for_the_rest_of_a_page_that_came_short() -> None:
    rows = [kline(START + i * MINUTE_US) for i in range(10)]
    page, requests = ask_client(venue("binance"), minutes("binance", 10), answer(rows[:4]), answer(rows[4:]))
    assert (len(page.batch), len(requests)) == (10, 2)


def test_binance_page_without_progress_proves_nothing_and_is_not_asked_for_ever() -> None:
    page, requests = ask_client(venue("binance"), minutes("binance", 10), *[answer([kline(START - MINUTE_US)])] * 3)
    assert (len(page.batch), page.is_delayed, len(requests)) == (0, True, 1)


def test_binance_minute_without_a_trade_is_kept_with_its_trade_count() -> None:
    page, _ = ask_client(venue("binance"), minutes("binance", 1), answer([kline(START, volume="0.00000000", trades=0)]))
    assert (page.batch.volume.tolist(), page.batch.trade_count.tolist()) == ([0], [0])
    assert np.isnan(page.batch.vwap).all()


def kraken_rows(count: int, first: int = START, *, volume: str = "2.0", vwap: str = "10.5") -> list[list[object]]:
    return [[(first + i * MINUTE_US) // 1_000_000, "10", "12", "9", "11", vwap, volume, 7] for i in range(count)]


def kraken_answer(rows: object, last: object = 2**40, name: str = "XXBTZUSD") -> HttpResponse:
    return answer({"error": [], "result": {name: rows, "last": last}})


def test_kraken_leaves_the_running_candle_out() -> None:
    rows = kraken_rows(5)
    page, _ = ask_client(venue("kraken"), minutes("kraken", 10), kraken_answer(rows, last=rows[-2][0]))
    assert page.batch.start.tolist() == [START + i * MINUTE_US for i in range(4)]
    assert (page.batch.vwap[0], page.batch.trade_count[0]) == (10.5, 7)


def test_kraken_has_no_vwap_where_nothing_traded() -> None:
    page, _ = ask_client(venue("kraken"), minutes("kraken", 2), kraken_answer(kraken_rows(2, volume="0.0", vwap="0.0")))
    assert np.isnan(page.batch.vwap).all()
    assert page.batch.volume.tolist() == [0, 0]


@pytest.mark.parametrize(("first", "is_delayed"), [(START, False), (START + MINUTE_US, True)])
def test_kraken_answer_that_was_cut_at_its_older_end_proves_nothing(first: int, is_delayed: bool) -> None:
    page, _ = ask_client(venue("kraken"), minutes("kraken", 720), kraken_answer(kraken_rows(720, first)))
    assert page.is_delayed is is_delayed


@pytest.mark.parametrize("name", ["XETHZUSD", "XBTUSDT", "ETHUSD"])
def test_kraken_bars_of_another_pair_are_not_taken(name: str) -> None:
    with pytest.raises(MalformedAnswer, match=f"asked kraken for XBTUSD, got '{name}'"):
        ask_client(venue("kraken"), minutes("kraken", 5), kraken_answer(kraken_rows(1), name=name))


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"])
def test_kraken_answers_under_a_name_of_its_own(name: str) -> None:
    page, _ = ask_client(venue("kraken"), minutes("kraken", 5), kraken_answer(kraken_rows(5), name=name))
    assert page.batch.symbols == ("XBTUSD",)
    assert len(page.batch) == 5


def test_coinbase_asks_for_300_rows_at_a_time_and_drops_what_is_before_the_start() -> None:
    def rows(first: int, count: int) -> HttpResponse:
        return answer([[(first + i * MINUTE_US) // 1_000_000, 9, 12, 10, 11, 1.5] for i in reversed(range(count))])

    third = START + 600 * MINUTE_US
    answers = [rows(START - MINUTE_US, 301), rows(START + 300 * MINUTE_US, 300), rows(third, 5)]
    page, requests = ask_client(venue("coinbase"), minutes("coinbase", 605), *answers)
    assert sorted(page.batch.start.tolist()) == [START + i * MINUTE_US for i in range(605)]
    assert len(requests) == 3
    assert (page.batch.low[0], page.batch.high[0], page.batch.open[0], page.batch.close[0]) == (9, 12, 10, 11)


@pytest.mark.parametrize("name", VENUES)
def test_one_bad_row_never_costs_its_batch(name: str) -> None:
    good = {
        "binance": [kline(START), kline(START + MINUTE_US)],
        "kraken": kraken_rows(2),
        "coinbase": [[START // 1_000_000, 9, 12, 10, 11, 1.5]] * 2,
    }[name]
    bad = [*good, "row", [], [good[0][0], "a lot", *good[0][2:]], [True, *good[0][1:]], [None, *good[0][1:]]]
    page, _ = ask_client(venue(name), minutes(name, 2), kraken_answer(bad) if name == "kraken" else answer(bad))
    assert len(page.batch) == 2
    assert len(page.batch.malformed) == 5


@needs_recorded
@pytest.mark.parametrize("name", VENUES)
def test_rows_doubled_and_reversed_are_all_there(name: str) -> None:
    for recording in (r for r in recordings(name) if r.kind == "bars" and r.response.status == 200):
        try:
            document = json.loads(recording.response.body)
        except ValueError:
            continue
        lists = (
            [document]
            if isinstance(document, list)
            else [v for v in document.get("result", {}).values() if isinstance(v, list)]
        )
        symbol = {"kraken": "XBTUSDT"}.get(name, SYMBOLS[name])
        query = query_of(symbol, interval=Interval.D1, start=0, end=21_000 * DAY_US, asset_class=CRYPTO)
        for rows in lists:
            before = len(ask_client(venue(name), query, recording.response)[0].batch)
            rows[:] = [*reversed(rows), *rows]
            assert len(ask_client(venue(name), query, answer(document))[0].batch) == 2 * before > 0
