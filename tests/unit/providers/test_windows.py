from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from providers.adapter import Limits, Terms, check_supported, optional_credential_names, windows
from providers.errors import UnsupportedRequest
from providers.market.types import DAY_US, MINUTE_US, Adjustment, AssetClass, BarQuery, FeedScope, Interval, to_us
from providers.registry import get_adapter

START = to_us(datetime(2024, 1, 2, 14, 30, tzinfo=UTC))
QUERY = BarQuery(("AAPL",), Interval.M1, START, START + 10 * DAY_US)
MINUTES = frozenset({Interval.M1})
LIMITS = Limits(
    intervals=frozenset(Interval),
    asset_classes=frozenset(AssetClass),
    adjustments=frozenset(Adjustment),
    max_symbols_per_call=1,
    max_slots_per_call=1_000,
)


def adapter_with(*terms: Terms) -> Any:
    return SimpleNamespace(name="some", limits=replace(LIMITS, terms=terms))


def test_window_without_a_limit_stays_whole() -> None:
    assert list(windows(get_adapter("polygon"), QUERY)) == [QUERY]


@pytest.mark.parametrize("length", [3 * DAY_US, 10 * DAY_US, 9 * DAY_US + 7 * MINUTE_US])
def test_windows_adjoin_at_midnights_and_none_is_too_long(length: int) -> None:
    query = replace(QUERY, end=START + length)
    parts = list(windows(adapter_with(Terms(intervals=MINUTES, span_per_call=timedelta(days=3))), query))
    assert (parts[0].start, parts[-1].end) == (query.start, query.end)
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert all(part.end % DAY_US == 0 for part in parts[:-1])
    assert all(0 < part.end - part.start <= 3 * DAY_US for part in parts)


def test_terms_hold_only_where_they_say_and_later_ones_win() -> None:
    first = Terms(intervals=MINUTES, max_slots_per_call=5, history=timedelta(days=1))
    second = Terms(asset_classes=frozenset({AssetClass.EQUITY}), max_slots_per_call=7)
    limits = adapter_with(first, second).limits
    assert limits.of(QUERY).max_slots_per_call == 7
    assert limits.of(QUERY).history == timedelta(days=1)
    assert limits.of(replace(QUERY, asset_class=AssetClass.FX)).max_slots_per_call == 5
    assert limits.of(replace(QUERY, interval=Interval.D1, asset_class=AssetClass.FX)) == limits


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (Terms(intervals=MINUTES, refusal="no such thing"), "no such thing"),
        (Terms(adjustments=frozenset({Adjustment.SPLIT})), "some has no raw prices of equity at 1m, it offers split"),
        (Terms(feed_scopes=frozenset({FeedScope.IEX})), "some has no consolidated feed of equity at 1m, it offers iex"),
        (Terms(history=timedelta(days=30)), "some keeps 1m bars of equity for 30 days, asked for older ones"),
        (Terms(since=date(2024, 1, 3)), "some has 1m bars of equity since 2024-01-03, asked for older ones"),
    ],
)
def test_refusal_names_what_the_terms_lack(terms: Terms, reason: str) -> None:
    account: Any = SimpleNamespace(feed_scope=FeedScope.CONSOLIDATED)
    now = START + 31 * DAY_US
    check_supported(adapter_with(), QUERY, account=account, now=now)
    with pytest.raises(UnsupportedRequest, match=reason):
        check_supported(adapter_with(terms), QUERY, account=account, now=now)


def test_history_is_checked_at_a_given_time_only() -> None:
    check_supported(adapter_with(Terms(history=timedelta(days=30))), QUERY)
    check_supported(adapter_with(Terms(history=timedelta(days=30))), QUERY, now=START + 30 * DAY_US)


def test_optional_credentials_are_those_that_an_adapter_names() -> None:
    assert optional_credential_names(get_adapter("yahoo")) == {"user_agent"}
    assert optional_credential_names(get_adapter("polygon")) == frozenset()
