"""What a question takes before it is asked, against what is sent when it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from providers.adapter import Account, earliest, windows
from providers.budget import Allowance, Budget, time_for
from providers.budget.terms import KEPT
from providers.calls import Calls, calls_for
from providers.lanes import Lane
from providers.market.types import DAY_US, MINUTE_US, AssetClass, BarQuery, Interval
from providers.registry import get_adapter
from providers.selectors import Candidate
from tests.builders import us

DAY = us("2025-10-08 00:00")
QUERY = BarQuery(("-",), Interval.M1, us("2025-10-08 13:30"), us("2025-10-08 20:00"))
PLENTY = Allowance(per_minute=1_000)


def asked(adapter: str, query: BarQuery = QUERY, *, symbols: int = 1, allowance: Allowance = PLENTY, **options: str) -> Calls:
    account = Account(provider="p", adapter=adapter, base_url="", options=options)
    candidate = Candidate(1, get_adapter(adapter), account, 0, 0, 0, 20.0, allowance=allowance)
    slots = (query.end - query.start) // query.interval.us
    return calls_for(candidate, query, symbols=symbols, slots=slots, lane=Lane.HISTORY)


def test_vendor_of_one_symbol_a_call_takes_one_each() -> None:
    assert asked("polygon", symbols=7) == Calls(requests=7, tokens=7)


def test_vendor_of_many_symbols_takes_the_pages_that_their_rows_fill() -> None:
    assert asked("alpaca", symbols=20) == Calls(1, 1)  # 7,800 rows
    assert asked("alpaca", symbols=200) == Calls(8, 8)  # 78,000 rows
    assert asked("alpaca", symbols=450) == Calls(8 + 8 + 2, 18)


def test_vendor_that_counts_symbols_takes_a_token_each_and_no_more_symbols_than_its_allowance_pays_for() -> None:
    assert asked("twelve_data", symbols=10, symbols_per_call="4") == Calls(requests=3, tokens=10)
    assert asked("twelve_data", symbols=10, allowance=Allowance(per_minute=8)) == Calls(requests=3, tokens=10)


def test_pages_of_a_day_around_the_clock_are_counted() -> None:
    day = replace(QUERY, start=DAY, end=DAY + DAY_US, asset_class=AssetClass.CRYPTO)
    assert asked("coinbase", day) == Calls(5, 5)
    assert asked("binance", day) == Calls(2, 2)


@pytest.mark.parametrize("adapter", ["finnhub", "alpha_vantage", "twelve_data"])
def test_long_window_takes_as_many_requests_as_it_is_cut_into(adapter: str) -> None:
    query = replace(QUERY, end=QUERY.start + 100 * DAY_US)
    cut = len(list(windows(get_adapter(adapter), query)))
    assert cut > 1
    assert asked(adapter, query).requests == cut


def test_earliest_is_the_later_of_the_vendors_first_date_and_of_what_it_keeps() -> None:
    now = us("2025-10-08 00:00")
    assert earliest(get_adapter("polygon"), QUERY, now=now) is None
    assert earliest(get_adapter("yahoo"), QUERY, now=now) == us("2025-09-08 00:00")
    assert earliest(get_adapter("twelve_data"), QUERY, now=now) == us("2020-02-10 00:00")


NOON = us("2025-10-08 12:00")


def time_of(tokens: int, allowance: Allowance, budget: Budget | None = None, *, now: int = NOON) -> timedelta | None:
    found = time_for(budget or Budget(last=now, day=now // DAY_US), allowance, tokens=tokens, lane=Lane.HISTORY, now=now)
    return None if found is None else timedelta(microseconds=found)


def test_time_is_that_of_the_minutes_which_the_live_reserve_leaves() -> None:
    assert time_of(3_000, Allowance(per_minute=300)) == timedelta(microseconds=20 * KEPT)
    assert time_of(3_000, Allowance(per_minute=300, live_reserve_percent=0)) == timedelta(microseconds=10 * KEPT)
    assert time_of(0, Allowance(per_minute=300)) == timedelta(0)


def test_time_begins_when_the_vendor_lets_us_in_again() -> None:
    budget = Budget(last=NOON, day=NOON // DAY_US, blocked_until=NOON + 7 * MINUTE_US)
    assert time_of(150, Allowance(per_minute=300), budget) == timedelta(minutes=7, microseconds=KEPT)


def test_quota_of_a_day_makes_it_days() -> None:
    allowance = Allowance(per_minute=300, per_day=1_000)
    assert time_of(500, allowance) == timedelta(microseconds=500 * KEPT // 150)
    assert timedelta(hours=12) < (time_of(501, allowance) or timedelta()) < timedelta(hours=12, minutes=1)
    assert timedelta(days=2, hours=12) < (time_of(2_000, allowance) or timedelta()) < timedelta(days=2, hours=12, minutes=1)
    used = Budget(last=NOON, day=NOON // DAY_US, day_live=500, day_history=500)
    assert (time_of(1, allowance, used) or timedelta()) > timedelta(hours=12)


def test_time_never_comes_where_all_is_kept_for_live_work() -> None:
    assert time_of(1, Allowance(per_minute=300, live_reserve_percent=100)) is None
    assert time_of(1_000, Allowance(per_minute=300, per_day=10, live_reserve_percent=100)) is None
