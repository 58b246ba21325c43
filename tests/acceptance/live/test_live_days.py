"""Live collection at the nasty hours of the year."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.models import Bar
from providers.market.types import AssetClass, Hours
from tests.acceptance.live.clockwork import MINUTE, Desk, desk, listed, open_slots

pytestmark = pytest.mark.django_db(transaction=True)
UNIVERSE = "NIKKEI,XTKS,regular,equity\nHALF,XNYS,extended,equity\nEURUSD,FX,regular,fx\n"


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Desk]:
    with desk(monkeypatch, tmp_path, universe=UNIVERSE) as started:
        yield started


def _starts(symbol: str) -> list[datetime]:
    bars = Bar.objects.filter(series__instrument__symbol=symbol).order_by("start")
    return list(bars.values_list("start", flat=True))


def test_live_collection_stops_at_an_early_close_when_other_venues_go_on(running: Desk) -> None:
    begin, end = datetime(2025, 11, 28, 17, 54, tzinfo=UTC), datetime(2025, 11, 28, 18, 8, tzinfo=UTC)  # closes at 18:00
    regular = listed("CLOSES", calendar="XNYS", since=begin)
    extended = listed("HALF", calendar="XNYS", hours=Hours.EXTENDED, since=begin)
    always = listed("BTCUSD", calendar="24/7", asset_class=AssetClass.CRYPTO, since=begin)
    running.minutes(begin, end)
    assert _starts("CLOSES") == [begin + i * MINUTE for i in range(6)]
    assert len(_starts("HALF")) + len(_starts("BTCUSD")) >= 2 * 13
    for series in (regular, extended, always):
        assert open_slots(series, until=end - 2 * MINUTE) == []


def test_live_collection_starts_with_the_session_when_the_venue_opens(running: Desk) -> None:
    begin = datetime(2025, 6, 2, 13, 25, tzinfo=UTC)  # New York opens at 13:30
    series = listed("OPENS", calendar="XNYS", since=begin)
    running.minutes(begin, begin + 5 * MINUTE)
    assert _starts("OPENS") == []
    running.minutes(begin + 6 * MINUTE, begin + 10 * MINUTE)
    assert _starts("OPENS")[0] == datetime(2025, 6, 2, 13, 30, tzinfo=UTC)
    assert open_slots(series, until=begin + 9 * MINUTE) == []


def test_live_collection_pauses_for_lunch_when_the_venue_does(running: Desk) -> None:
    begin = datetime(2025, 6, 2, 2, 27, tzinfo=UTC)  # Tokyo: 11:27, lunch from 11:30 to 12:30
    listed("NIKKEI", calendar="XTKS", since=begin)
    running.minutes(begin, begin + 8 * MINUTE)
    assert _starts("NIKKEI") == [begin, begin + MINUTE, begin + 2 * MINUTE]
    running.minutes(datetime(2025, 6, 2, 3, 29, tzinfo=UTC), datetime(2025, 6, 2, 3, 33, tzinfo=UTC))
    assert _starts("NIKKEI")[3] == datetime(2025, 6, 2, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "night",
    [datetime(2025, 11, 2, 5, 55, tzinfo=UTC), datetime(2025, 3, 9, 6, 55, tzinfo=UTC)],
    ids=["clocks go back", "clocks go forward"],
)
def test_live_collection_has_each_minute_once_when_clocks_change(running: Desk, night: datetime) -> None:
    series = listed("BTCUSD", calendar="24/7", asset_class=AssetClass.CRYPTO, since=night)
    running.minutes(night, night + 10 * MINUTE)
    assert _starts("BTCUSD") == [night + i * MINUTE for i in range(10)]
    assert open_slots(series, until=night + 9 * MINUTE) == []


@pytest.mark.parametrize(
    "opening",
    [datetime(2025, 3, 2, 22, 0, tzinfo=UTC), datetime(2025, 3, 9, 21, 0, tzinfo=UTC)],
    ids=["winter", "an hour after the clocks went forward that day"],
)
def test_fx_week_opens_at_five_in_new_york_when_clocks_have_changed(running: Desk, opening: datetime) -> None:
    begin = opening - 3 * MINUTE
    listed("EURUSD", calendar="FX", asset_class=AssetClass.FX, since=begin)
    running.minutes(begin, opening + 4 * MINUTE)
    assert _starts("EURUSD")[0] == opening


def test_live_collection_heals_within_two_plans_when_everything_was_down_for_five_minutes(running: Desk) -> None:
    begin = datetime(2025, 6, 2, 14, 0, tzinfo=UTC)
    every = [listed(f"S{i}", calendar="XNYS", since=begin) for i in range(5)]
    every.append(listed("BTCUSD", calendar="24/7", asset_class=AssetClass.CRYPTO, since=begin))
    running.minutes(begin, begin + 4 * MINUTE)
    back = begin + 10 * MINUTE
    running.minutes(back, back + MINUTE)
    for series in every:
        assert open_slots(series, until=back + MINUTE) == []


def test_correction_becomes_a_revision_when_the_vendor_restates_within_the_overlap(running: Desk) -> None:
    begin = datetime(2025, 6, 2, 14, 0, tzinfo=UTC)
    listed("RESTATED", calendar="XNYS", since=begin)
    running.minutes(begin, begin + 4 * MINUTE)
    before = Bar.objects.get(start=begin)
    running.vendors.set_fault("late_correction", vendor="polygon", price_delta=0.01)
    running.minutes(begin + 5 * MINUTE, begin + 5 * MINUTE)
    after = Bar.objects.get(start=begin)
    assert (before.rev, after.rev) == (1, 2)
    assert after.close != before.close


def test_plan_is_empty_when_no_venue_trades(running: Desk) -> None:
    saturday = datetime(2025, 6, 7, 15, 0, tzinfo=UTC)
    listed("CLOSED", calendar="XNYS", since=saturday - timedelta(days=1))
    assert running.minute(saturday + timedelta(seconds=11)) == []
