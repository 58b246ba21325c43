"""Series that hold their bars up to some time, and what the monitor says of them."""

from datetime import timedelta

from collector.models import Series
from collector.selectors.freshness import Freshness, Measured, measure
from collector.selectors.scopes import Scope
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Interval, from_us
from providers.policy import Snapshot
from tests.builders import moment, us
from tests.integration.collector.gaps import cover
from tests.integration.collector.rows import make_series

DAYS_HELD = timedelta(days=12)


def hold(series: Series, until: str, *, column: str = "held", since: str | None = None) -> Series:
    """Cover the slots of the days before that are over by then, and start at `since` or later."""
    end, interval = us(until), Interval(series.interval)
    last = from_us(end).date() + timedelta(days=1)
    starts, days = get_calendar(series.instrument.calendar, Hours(series.hours)).session_slots(interval, last - DAYS_HELD, last)
    kept = starts + interval.us <= end
    if since is not None:
        kept &= starts >= us(since)
    cover(series, starts[kept], days[kept], column=column)
    return series


def make_many(count: int, until: str, *, prefix: str = "S", **values: object) -> list[Series]:
    """So many series that hold all until then."""
    return [hold(make_series(f"{prefix}{number:02d}", **values), until) for number in range(count)]


def answer(series: Series, until: str) -> None:
    """A vendor credibly answered up to then."""
    Series.objects.filter(pk=series.pk).update(answered_through=moment(until))


def measured(now: str, **scope: object) -> Measured:
    """How series stand at a time."""
    return measure(scope=Scope(**scope), counted={}, snapshot=Snapshot(), now=us(now))


def behind(now: str) -> str:
    """`2 of 5`, over all tiers and intervals."""
    pairs: list[Freshness] = list(measured(now).pairs.values())
    return f"{sum(one.behind for one in pairs)} of {sum(one.sampled for one in pairs)}"
