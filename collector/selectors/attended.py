"""Where somebody sees to what is missing already: the live window, jobs that are open or wait as dead letters, abandoned spans."""

from datetime import datetime, timedelta

from django.conf import settings

from collector.core.live import window_of
from collector.models import Tier
from collector.models.backfills import OPEN_STATES, BackfillState
from providers.market.types import SECOND_US, Interval, Micros

TAKEN_STATES = (*OPEN_STATES, BackfillState.DEAD)
"""Of jobs whose slots are nobody else's: no second row for them."""

MOST_DAYS = {Interval.D1: 366}
MOST_DAYS_WITHIN_A_SESSION = 2
"""How long a job's span can be; so only its newest rows are looked at, however many jobs a series had."""

# Branches for the list of what is accounted for of one series `s` (see `collector.selectors.gaps`).
ABANDONED = """
SELECT range_agg(tstzrange(a.start, a."end")) FROM collector_abandonment a
WHERE a.series_id = s.id AND a.start < %(closes)s AND a."end" > %(opens)s AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
"""
ATTENDED = f"""
SELECT range_agg(tstzrange(b.start, b."end")) FROM collector_backfill b
WHERE b.series_id = s.id AND b.state IN ({", ".join(f"'{state}'" for state in TAKEN_STATES)})
  AND b.start > %(oldest)s AND b.start < %(closes)s AND b."end" > %(opens)s
UNION ALL {ABANDONED}"""  # noqa: S608 - made of constants; values are bound


def oldest_start(opens: datetime, interval: Interval) -> datetime:
    """No job that reaches `opens` starts at or before it."""
    return opens - timedelta(days=MOST_DAYS.get(interval, MOST_DAYS_WITHIN_A_SESSION))


def live_edges(interval: Interval, *, now: Micros) -> dict[str, Micros]:
    """By tier, from which start on slots are still asked for by live collection."""
    least = settings.LIVE_WINDOW_SECONDS * SECOND_US
    return {
        tier: now - window_of(interval, cadence=seconds * SECOND_US, least=least)
        for tier, seconds in Tier.objects.values_list("code", "cadence_seconds")
    }
