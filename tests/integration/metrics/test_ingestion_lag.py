"""`ingestion_lag_seconds`: loud when collection as a whole is behind; silent at night, at the open, for one dead symbol, in a halt."""

from collections.abc import Iterable

import pytest

from collector.gauges import ingestion_lag
from collector.models import Coverage, Series
from collector.partitions import forget_known
from collector.store import write_bars
from providers.market.types import DAY_US, MINUTE_US
from tests.builders import minutes, moment, row, us
from tests.integration.collector.rows import make_override, make_provider, make_series, make_write

pytestmark = pytest.mark.django_db
DAY = "2025-10-08"  # XNYS trades from 13:30 to 20:00
YESTERDAYS_CLOSE = "2025-10-07 20:00"


@pytest.fixture(autouse=True)
def _no_partition_is_known() -> None:
    forget_known()


def lag(at: str, *, interval: str = "1m") -> float:
    (family,) = ingestion_lag(now=moment(at if " " in at else f"{DAY} {at}"))
    return {sample.labels["interval"]: sample.value for sample in family.samples}[interval]


def answered(series: Iterable[Series], through: str) -> None:
    Series.objects.filter(pk__in=[one.pk for one in series]).update(answered_through=moment(through))


def test_lag_says_how_long_the_first_missing_minute_has_been_over() -> None:
    all_of_them = [make_series(f"S{i}") for i in range(3)]
    answered(all_of_them, f"{DAY} 14:00")
    assert [lag("14:00:59"), lag("14:01:00"), lag("14:10:30")] == [0, 0, 570]
    answered(all_of_them, f"{DAY} 14:10")
    assert lag("14:10:30") == 0


def test_one_dead_symbol_is_no_lag_and_more_than_half_of_a_tier_are() -> None:
    series = [make_series(f"S{i}", tier="T1") for i in range(5)]
    answered(series, f"{DAY} 14:10")
    answered(series[:2], YESTERDAYS_CLOSE)
    assert lag("14:10:30") == 0
    answered(series[:3], f"{DAY} 14:00")
    assert lag("14:10:30") == 570


def test_tier_that_is_furthest_behind_speaks_however_small_it_is() -> None:
    answered([make_series(f"S{i}", tier="T2") for i in range(20)], f"{DAY} 14:10")
    answered([make_series("FEW", tier="T0")], f"{DAY} 14:00")
    assert lag("14:10:30") == 570


def test_lag_counts_trading_time_only() -> None:
    answered([make_series()], YESTERDAYS_CLOSE)
    assert [lag("03:00"), lag("13:29:59"), lag("13:30:30"), lag("13:31:00"), lag("13:36:30"), lag("20:00")] == [
        0,
        0,
        0,
        0,
        330,
        0,
    ]
    Series.objects.all().delete()
    answered([make_series("700", mic="XHKG", calendar="XHKG")], f"{DAY} 03:50")  # shut from 04:00 to 05:00
    assert [lag("03:59:00"), lag("04:30"), lag("05:02:00")] == [480, 0, 660]


def test_bars_that_are_held_count_where_no_answer_was_believed() -> None:
    series = make_series()
    rows = [row(start) for start in minutes(us(f"{DAY} 13:30"), 30)]
    write_bars(make_write([series], rows, provider=make_provider(), asked_at=us(f"{DAY} 14:00")), history_before=0)
    assert Series.objects.get().answered_through is None
    assert lag("14:05:00") == 240
    Coverage.objects.all().delete()
    assert lag("14:05:00") > 34 * 60


def test_time_that_an_override_takes_away_is_no_lag() -> None:
    series = [make_series(f"S{i}") for i in range(3)]
    answered(series, f"{DAY} 14:00")
    closure = make_override(f"{DAY} 14:00", f"{DAY} 15:00", mic="XNAS")
    assert [lag("14:30"), lag("15:00:30"), lag("15:03:00")] == [0, 0, 120]
    closure.delete()
    make_override(f"{DAY} 14:00", f"{DAY} 15:00", calendar="XNYS")
    assert [lag("14:30"), lag("15:00:30"), lag("15:03:00")] == [0, 0, 120]


def test_halt_adds_nothing_to_what_was_missing_before_it() -> None:
    series = [make_series(f"S{i}") for i in range(3)]
    answered(series, f"{DAY} 13:58")
    for one in series[:2]:
        make_override(f"{DAY} 14:00", f"{DAY} 15:00", kind="halt", instrument=one.instrument)
    answered(series[2:], f"{DAY} 15:00")
    assert lag("15:00:30") == 90, "a minute before it and half of one behind it"
    make_override(f"{DAY} 14:00", f"{DAY} 15:00", calendar="XNYS")
    assert lag("15:00:30") == 90


def test_halted_instruments_have_no_say() -> None:
    series = [make_series(f"S{i}") for i in range(3)]
    answered(series, f"{DAY} 14:00")
    for one in series[:2]:
        make_override(f"{DAY} 14:00", f"{DAY} 15:00", kind="halt", instrument=one.instrument)
    assert lag("14:10:30") == 570  # of the one that trades
    answered(series[2:], f"{DAY} 14:10")
    assert lag("14:10:30") == 0
    answered(series[2:], f"{DAY} 15:00")
    assert lag("15:00:30") == 0


def test_series_have_a_say_while_they_are_collected() -> None:
    make_series("NEW", collect_from=moment(f"{DAY} 14:08"))
    assert [lag("14:08:30"), lag("14:10:30")] == [0, 90]
    make_series("OLD", collect_until=moment(f"{DAY} 14:05"))
    make_series("GONE", delisted_at=moment(f"{DAY} 14:05"))
    make_series("SOON", collect_from=moment(f"{DAY} 15:00"))
    make_series("OFF", is_active=False)
    assert lag("14:10:30") == 90


def test_each_interval_has_its_lag_and_a_slot_is_not_missing_before_it_is_over() -> None:
    answered([make_series("M")], f"{DAY} 15:59")
    answered([make_series("H", interval="1h")], f"{DAY} 15:00")
    answered([make_series("D", interval="1d")], f"{DAY} 00:00")
    assert [lag("15:59:30", interval=interval) for interval in ("1m", "1h", "1d")] == [0, 0, 0]
    assert [lag("16:07:00", interval=interval) for interval in ("1m", "1h", "1d")] == [420, 420, 0]
    answered(Series.objects.filter(interval="1d"), "2025-10-07 00:00")  # Tuesday's bar is not there on Wednesday
    assert lag("13:40", interval="1d") == 600


def test_lag_of_a_week_is_the_longest() -> None:
    answered([make_series("BTC", mic="XXXX", calendar="24/7")], "2025-08-01 00:00")
    assert lag("12:00") == (7 * DAY_US - MINUTE_US) / 1e6


def test_calendar_that_is_gone_costs_its_own_series_only() -> None:
    answered([make_series("LOST", calendar="XXXX"), make_series("S0")], f"{DAY} 14:00")
    assert lag("14:10:30") == 570


def test_lag_is_there_when_nothing_trades_and_not_when_nothing_is_collected() -> None:
    assert [family.samples for family in ingestion_lag(now=moment(f"{DAY} 03:00"))] == [[]]
    make_series()
    assert lag("03:00") == 0
