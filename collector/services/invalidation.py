"""A range of a series declared bad: what is held there is taken back, and asked for anew, of one provider if one is named (R6.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import groupby

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from collector import metrics
from collector import store_sql as sql
from collector.announcing import announce
from collector.core.messages import SeriesLabel
from collector.core.spans import from_multirange
from collector.models import Backfill, BackfillState, Coverage, DeadLetter, RangeInvalidation, Series, Withdrawal
from collector.models.backfills import Lane
from collector.queues import ring_drain
from collector.selectors.asked_ranges import Window, windows_of
from collector.selectors.attended import TAKEN_STATES
from collector.selectors.gaps import Gap, find_gaps
from collector.selectors.scopes import Scope
from collector.services import gap_rows
from collector.services.backfill_room import key_of, lock_rooms, rooms
from collector.services.evidence_revoking import SESSION_REACH, Span, forget
from collector.services.gap_scan import lane_of
from collector.services.history import want
from collector.withdrawing import HeldSlots, Withdrawn, messages_of_withdrawn, take_back
from providers.api_errors import ApiError
from providers.market.calendar import get_calendar
from providers.market.days import date_of, day_of
from providers.market.types import SECOND_US, Hours, Interval, Micros, from_us, to_us
from providers.models import Provider
from providers.policy import Snapshot

MOST_DAYS = 400
"""Of one call: it is one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRange:
    """What is declared bad, why, and whose values count there from now on; `provider` None: of whoever is asked."""

    series: Series
    span: Span
    provider: Provider | None
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Invalidated:
    """How many bars were taken back; how many slots are asked for anew, by how many jobs. Without a pin slots of the live window need none."""

    bars: int
    slots: int
    jobs: int


def invalidate(bad: BadRange, *, now: Micros, snapshot: Snapshot, is_dry: bool = False) -> Invalidated:
    """Take back, pin, and make jobs: all or nothing, in one transaction; rings the drain and tells the feed on commit.

    Jobs that are open or dead within the range are ended: the new ones ask for the same. `is_dry`: only count.
    Raises: ApiError when the range can't be asked for anew, or its jobs don't fit under their cap.
    """
    window = _window(bad, now)
    with transaction.atomic():
        lock_rooms([bad.series.tier_id])  # first: a scan holds it while it adds rows that would meet ours
        gone = _take_back(bad, now)
        _pin(bad, bars=len(gone), now=now)
        ended = _end_jobs(bad, now)
        _lift_abandonments(bad)
        want([window])
        free = rooms([bad.series.tier_id])
        gaps = _gaps(bad, now, snapshot)
        for lane, members in groupby(gaps, key=lambda gap: lane_of(gap, now=now)):
            _insert(bad, list(members), lane=lane, room=free[key_of(lane=lane, tier=bad.series.tier_id)], now=now)
        if is_dry:
            transaction.set_rollback(True)
        else:
            _on_commit(bad, ended=ended, made=len(gaps))
    return Invalidated(bars=len(gone), slots=sum(gap.slots for gap in gaps), jobs=len(gaps))


def _on_commit(bad: BadRange, *, ended: int, made: int) -> None:
    """Count jobs, and ring for new ones."""
    tier = bad.series.tier_id
    if ended:
        transaction.on_commit(partial(metrics.backfill_completed, tier=tier, status=BackfillState.DONE.value, count=ended))
    if made:
        transaction.on_commit(partial(metrics.backfills_enqueued, tier=tier, count=made))
        transaction.on_commit(ring_drain)


def _window(bad: BadRange, now: Micros) -> Window:
    """What of the range can be asked for anew."""
    if bad.span.start >= bad.span.end or bad.span.end - bad.span.start > timedelta(days=MOST_DAYS):
        raise ApiError(f"end: expected a time after start, {MOST_DAYS} days behind it at most", code="bad_range", field="end")
    if not bad.series.is_active:
        raise ApiError(
            f"{bad.series} is collected no more: nobody would ask for it anew", code="series_inactive", field="symbol"
        )
    found = windows_of(Scope(series_ids=[bad.series.pk]), start=bad.span.start, end=bad.span.end, now=now, most=1)
    if not found.within:
        raise ApiError("; ".join(found.outside), code="nothing_expected", field="start")
    return found.within[0]


def _take_back(bad: BadRange, now: Micros) -> list[Withdrawn]:
    """Under the coverage locks of every session that the range could touch, those of which nothing is known yet too."""
    interval, low, high = Interval(bad.series.interval), to_us(bad.span.start), to_us(bad.span.end)
    days = _days(bad)
    held = sql.lock_coverage([(bad.series.pk, day, low, high) for day in days])
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        recorded_at = to_us(cursor.fetchone()[0])
    slots = [HeldSlots(series_id, day, from_multirange(spans)) for series_id, day, spans in held]
    gone = take_back(interval, slots, by=Withdrawal.OPERATOR, asked_at=now, recorded_at=recorded_at)
    forget([(bad.series.pk, date_of(day)) for day in days], span=bad.span, provider_id=None)
    announce(
        messages_of_withdrawn(
            gone,
            labels={bad.series.pk: _label(bad.series)},
            interval=interval,
            history_before=now - settings.FEED_HISTORY_AFTER_SECONDS * SECOND_US,
        ),
        recorded_at=recorded_at,
    )
    return gone


def _days(bad: BadRange) -> list[int]:
    """Sessions that have or could have a slot in the range, as day numbers."""
    first, last = (bad.span.start - SESSION_REACH).date(), (bad.span.end + SESSION_REACH).date()
    known: set[date] = set(
        Coverage.objects.filter(series=bad.series, session__range=(first, last)).values_list("session", flat=True)
    )
    calendar = get_calendar(bad.series.instrument.calendar, Hours(bad.series.hours))
    sessions = {session.date for session in calendar.sessions(first, last)}
    return sorted(day_of(day) for day in known | sessions)


def _label(series: Series) -> SeriesLabel:
    return SeriesLabel(series.instrument.symbol, series.instrument.mic, series.hours, series.adjustment)


def _pin(bad: BadRange, *, bars: int, now: Micros) -> None:
    RangeInvalidation.objects.create(
        series=bad.series,
        start=bad.span.start,
        end=bad.span.end,
        provider=bad.provider,
        bars=bars,
        who=bad.who,
        why=bad.why,
        created_at=from_us(now),
    )


def _end_jobs(bad: BadRange, now: Micros) -> int:
    """How many. What they ask for beside the range is found again by the next scan.

    One that runs is taken from its worker, by its lease: what that asked for counts for nothing, and its next try would ask everybody.
    """
    jobs = Backfill.objects.filter(series=bad.series, start__lt=bad.span.end, end__gt=bad.span.start, state__in=TAKEN_STATES)
    ids = list(jobs.order_by("pk").select_for_update().values_list("pk", flat=True))
    DeadLetter.objects.filter(pk__in=ids).delete()
    return Backfill.objects.filter(pk__in=ids).update(
        state=BackfillState.DONE, finished_at=from_us(now), lease=F("lease") + 1, leased_until=None, worker=""
    )


# What lies beside the range stays abandoned, by whom and why it was.
_LIFT = """
WITH gone AS (DELETE FROM collector_abandonment WHERE series_id = %(series)s AND start < %(end)s AND "end" > %(start)s RETURNING *)
INSERT INTO collector_abandonment (series_id, start, "end", who, why, created_at, expires_at)
SELECT series_id, lower(r), upper(r), who, why, created_at, expires_at
FROM gone, unnest(tstzmultirange(tstzrange(start, "end")) - tstzmultirange(tstzrange(%(start)s, %(end)s))) r
"""


def _lift_abandonments(bad: BadRange) -> None:
    """Whoever declares a range bad wants it: else its bars would be gone, and nobody would ask for them."""
    with connection.cursor() as cursor:
        cursor.execute(_LIFT, {"series": bad.series.pk, "start": bad.span.start, "end": bad.span.end})


def _gaps(bad: BadRange, now: Micros, snapshot: Snapshot) -> list[Gap]:
    """Oldest first, and with that the history lane's before the recent one's.

    Live collection asks those of the policy, and the pinned one may be none of them.
    """
    found = find_gaps(
        scope=Scope(series_ids=[bad.series.pk]),
        snapshot=snapshot,
        now=now,
        start=bad.span.start,
        end=bad.span.end,
        unattended=True,
        with_live=bad.provider is not None,
    )
    return sorted(found, key=lambda gap: gap.start)


def _insert(bad: BadRange, gaps: Sequence[Gap], *, lane: Lane, room: int, now: Micros) -> None:
    if len(gaps) > room:
        raise ApiError(
            f"{len(gaps):,} jobs of the {lane} lane are needed, and there is room for {room:,}: declare a shorter range, or wait",
            code="at_cap",
            status=409,
        )
    gap_rows.insert(gaps, lane=lane, now=now, pin="" if bad.provider is None else bad.provider.name)
