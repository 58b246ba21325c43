"""From when on bars are kept, at the edges of months and days."""

from typing import Any

import pytest

from collector.selectors.expected import horizon
from collector.selectors.kept import bars_kept_from, known_from, quotes_kept_from, refuse_forgotten
from providers.api_errors import ApiError
from providers.market.types import DAY_US, Interval
from tests.builders import moment, us

NOON = us("2026-03-15 12:00")


def test_bars_are_kept_from_the_month_that_the_days_reach_back_into(settings: Any) -> None:
    settings.BAR_KEEP_DAYS = 40
    assert bars_kept_from(us("2026-03-12 23:59:59"), Interval.M1) == us("2026-01-01 00:00")  # back to January 31st
    assert bars_kept_from(us("2026-03-13 00:00"), Interval.M1) == us("2026-02-01 00:00")
    assert bars_kept_from(us("2026-03-13 00:00"), Interval.D1) is None


def test_everything_is_kept_where_nothing_is_set(settings: Any) -> None:
    settings.BAR_KEEP_DAYS = settings.REVISION_KEEP_DAYS = settings.BAR_DAYS = 0
    assert (bars_kept_from(NOON, Interval.M1), known_from(NOON), horizon(NOON, Interval.M1)) == (None, None, None)


def test_gaps_are_looked_for_no_further_back_than_bars_are_kept(settings: Any) -> None:
    settings.BAR_KEEP_DAYS, settings.BAR_DAYS = 40, 0
    assert horizon(NOON, Interval.M1) == us("2026-02-01 00:00")
    assert horizon(NOON, Interval.D1) is None
    settings.BAR_DAYS = 10
    assert horizon(NOON, Interval.M1) == horizon(NOON, Interval.D1) == us("2026-03-05 00:00")
    settings.BAR_DAYS = 40  # within the month that is kept as a whole
    assert horizon(NOON, Interval.M1) == us("2026-02-03 00:00")


def test_quotes_are_kept_from_the_beginning_of_a_day(settings: Any) -> None:
    settings.QUOTE_DAYS = 5
    assert quotes_kept_from(NOON) == us("2026-03-10 00:00")


@pytest.mark.parametrize(
    ("as_of", "start", "field"),
    [
        ("2026-03-08 12:00", "2026-02-01 00:00", None),
        ("2026-03-08 11:59:59", "2026-02-01 00:00", "as_of"),
        ("2026-03-08 12:00", "2026-01-31 23:59:59", "start"),
    ],
)
def test_what_was_known_then_is_told_only_where_all_of_it_still_is(settings: Any, as_of: str, start: str, field: str) -> None:
    settings.BAR_KEEP_DAYS, settings.REVISION_KEEP_DAYS = 40, 7
    assert known_from(NOON) == NOON - 7 * DAY_US
    asked = {"as_of": moment(as_of), "start": moment(start), "interval": Interval.M1, "now": NOON}
    if field is None:
        refuse_forgotten(**asked)
        return
    with pytest.raises(ApiError) as refused:
        refuse_forgotten(**asked)
    assert (refused.value.code, refused.value.field) == ("not_kept", field)
