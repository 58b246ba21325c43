"""What is asked for, and what can't be."""

from dataclasses import replace

import pytest

from providers.adapter import check_supported, windows
from providers.errors import (
    UnsupportedRequest,
)
from providers.market.types import Adjustment, AssetClass, BarQuery, FeedScope, Interval
from tests.unit.providers.adapters.alpha_vantage.answers import ACCOUNT, PAIR, QUERY, VENDOR, answer, at, params, parse


def test_minutes_of_a_stock_are_asked_raw_by_the_month() -> None:
    assert params(QUERY) == {
        "function": "TIME_SERIES_INTRADAY",
        "symbol": "IBM",
        "outputsize": "full",
        "interval": "1min",
        "adjusted": "false",
        "extended_hours": "true",
        "month": "2024-01",
        "datatype": "json",
    }


def test_options_are_passed_on_and_compact_answers_have_no_month() -> None:
    asked = params(QUERY, outputsize="compact", extended_hours="false", entitlement="realtime")
    assert "month" not in asked
    assert (asked["outputsize"], asked["extended_hours"], asked["entitlement"]) == ("compact", "false", "realtime")


def test_option_that_the_row_must_not_hold_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="bar_label"):
        parse(answer("2024-01-02 12:00:00"), bar_label="middle")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (replace(QUERY, interval=Interval.D1), {"function": "TIME_SERIES_DAILY", "symbol": "IBM"}),
        (PAIR, {"function": "CRYPTO_INTRADAY", "symbol": "BTC", "market": "EUR", "interval": "1min"}),
        (replace(PAIR, interval=Interval.D1), {"function": "DIGITAL_CURRENCY_DAILY", "symbol": "BTC", "market": "EUR"}),
        (
            replace(PAIR, symbols=("EUR/USD",), asset_class=AssetClass.FX, interval=Interval.H1),
            {"function": "FX_INTRADAY", "from_symbol": "EUR", "to_symbol": "USD", "interval": "60min"},
        ),
        (
            replace(PAIR, symbols=("EUR/USD",), asset_class=AssetClass.FX, interval=Interval.D1),
            {"function": "FX_DAILY", "from_symbol": "EUR", "to_symbol": "USD"},
        ),
    ],
)
def test_each_kind_of_series_has_a_function_of_its_own(query: BarQuery, expected: dict[str, str]) -> None:
    assert params(query) == expected | {"outputsize": "full", "datatype": "json"}


def test_key_is_a_secret_parameter_and_never_shown() -> None:
    request = VENDOR.bars_request(QUERY, ACCOUNT)
    assert request.secret_params == {"apikey": "MADEUPKEY17"}
    assert "MADEUPKEY17" not in repr(request) + repr(request.params) + repr(request.headers)


def test_windows_are_cut_at_the_months_of_new_york() -> None:
    query = replace(QUERY, start=at("2024-02-15"), end=at("2024-04-01T04:00"))
    assert [(w.start, w.end) for w in windows(VENDOR, query)] == [
        (at("2024-02-15"), at("2024-03-01T05:00")),
        (at("2024-03-01T05:00"), at("2024-04-01T04:00")),
    ]
    with pytest.raises(UnsupportedRequest, match="2024-02 to 2024-03"):
        VENDOR.bars_request(query, ACCOUNT)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (replace(QUERY, adjustment=Adjustment.SPLIT), "no split"),
        (replace(QUERY, asset_class=AssetClass.INDEX), "no index"),
        (replace(QUERY, start=at("1999-12-31")), "since 2000-01-01"),
        (replace(QUERY, symbols=("IBM", "AAPL")), "1 to 1 symbols"),
    ],
)
def test_query_outside_of_what_it_has_is_refused_in_words(query: BarQuery, words: str) -> None:
    with pytest.raises(UnsupportedRequest, match=words):
        check_supported(VENDOR, query, account=ACCOUNT)


def test_stocks_are_consolidated_and_nothing_else() -> None:
    with pytest.raises(UnsupportedRequest, match="no venue feed"):
        check_supported(VENDOR, QUERY, account=replace(ACCOUNT, feed_scope=FeedScope.VENUE))
    check_supported(VENDOR, PAIR, account=replace(ACCOUNT, feed_scope=FeedScope.VENUE))
