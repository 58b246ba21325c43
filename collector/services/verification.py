"""Whole sessions are read again after their close and the next morning (design 3b): vendors correct, withdraw and send late.

What is due is read from the coverage rows. A message that is lost, or a reading that nobody answers, is planned again.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

import numpy as np
from django.db import connection, transaction

from collector.core.retry import OUT_OF_PLAY
from collector.core.verification import GIVEN_UP_US, is_given_up, is_patience_over, readings_due
from collector.models import Series
from collector.models.coverage import VERIFICATIONS
from collector.schemas import BarsFetchJob, Priority
from collector.services.collecting import Collected, collect_bars, series_of
from providers.loop import EventLoopThread
from providers.market.calendar import get_calendar
from providers.market.days import date_of
from providers.market.schedule import Session
from providers.market.types import DAY_US, SECOND_US, Adjustment, Hours, Interval, Micros, from_us, to_us

log = logging.getLogger(__name__)

SYMBOLS_A_JOB = 100
"""A vendor of one symbol a call needs some time for so many; meanwhile a gap may be found."""
MOST_JOBS = 500
"""One plan's. What is left over is in the next one."""
EXPIRES_US = 300 * SECOND_US
"""As often as a plan is made."""
NEVER_SERVED = frozenset({"unknown_symbol", "not_entitled", "unsupported_request"})
"""What a provider says of a session that it will not serve tomorrow either."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Series that one question serves, of one session; `done`: how many of its readings are."""

    tier: str
    calendar: str
    mic: str
    interval: Interval
    hours: Hours
    adjustment: Adjustment
    session: date
    done: int
    symbols: Sequence[str]


def plan_verifications(*, now: Micros) -> list[BarsFetchJob]:
    """Jobs for the sessions of which a reading is due, by tier, the oldest sessions first."""
    return list(islice((job for group in _groups(now) for job in _jobs(group, now)), MOST_JOBS))


def read_session_again(job: BarsFetchJob, *, now: Micros, loop: EventLoopThread) -> None:
    """Run such a job, and mark the session of the series whose reading is done.

    What is missing, refused or unproven beside the held bars is the gaps' business: it keeps no reading from being done.
    """
    collected = collect_bars(job, now=now, loop=loop, kind="verify")
    by_calendar: dict[str, list[Series]] = {}
    for one in series_of(job):
        by_calendar.setdefault(one.instrument.calendar, []).append(one)
    for calendar, members in by_calendar.items():
        session = _session_at(calendar, job)
        if session is None:
            continue
        enough = collected.answered if is_patience_over(session.close, now=now) else collected.compared
        done = [one.pk for one in members if one.instrument.symbol in enough or _is_in_vain(collected, one.instrument.symbol)]
        _mark(done, session.date, readings_due(session.close, now=now))


def _is_in_vain(collected: Collected, symbol: str) -> bool:
    """Whether nobody may serve it: the same question gets the same answer."""
    why = collected.unanswered.get(symbol)
    codes = {one.code for one in why.everyone} - OUT_OF_PLAY if why else set()
    return bool(codes) and codes <= NEVER_SERVED


def _groups(now: Micros) -> list[_Group]:
    """Of sessions of which a reading may be due; one statement over a partial index."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.tier_id, i.calendar, i.mic, s.interval, s.hours, s.adjustment, c.session, c.verified,
                      array_agg(i.symbol ORDER BY i.symbol)
               FROM collector_coverage c JOIN collector_series s ON s.id = c.series_id
               JOIN collector_instrument i ON i.id = s.instrument_id
               WHERE c.session BETWEEN %s AND %s AND c.verified < %s AND s.is_active AND NOT isempty(c.held)
               GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 7, 2, 3, 4, 5, 6""",
            [date_of((now - GIVEN_UP_US) // DAY_US - 2), date_of(now // DAY_US), VERIFICATIONS],
        )
        return [
            _Group(tier, calendar, mic, Interval(interval), Hours(hours), Adjustment(adjustment), session, done, symbols)
            for tier, calendar, mic, interval, hours, adjustment, session, done, symbols in cursor.fetchall()
        ]


def _jobs(group: _Group, now: Micros) -> Iterator[BarsFetchJob]:
    try:
        venue = get_calendar(group.calendar, group.hours)
        sessions = venue.sessions(group.session, group.session)
        starts, _ = venue.session_slots(group.interval, group.session, group.session)
    except ValueError as error:
        log.error("no session of %s can be read again: %s", group.calendar, error, extra={"action": "calendar_unusable"})
        return
    if not sessions or not len(starts) or is_given_up(sessions[0].close, now=now):
        return
    if readings_due(sessions[0].close, now=now) <= group.done:
        return
    for at in range(0, len(group.symbols), SYMBOLS_A_JOB):
        yield BarsFetchJob(
            tier=group.tier,
            priority=Priority.VERIFY,
            symbols=list(group.symbols[at : at + SYMBOLS_A_JOB]),
            mic=group.mic,
            interval=group.interval,
            hours=group.hours,
            adjustment=group.adjustment,
            start=from_us(int(starts[0])),
            end=from_us(int(starts[-1]) + group.interval.us),
            expires_at=from_us(now + EXPIRES_US),
        )


def _session_at(calendar: str, job: BarsFetchJob) -> Session | None:
    """The session whose first slot is the job's."""
    venue = get_calendar(calendar, job.hours)
    day = date_of(int(venue.session_days(np.array([to_us(job.start)], dtype=np.int64), job.interval)[0]))
    return next(iter(venue.sessions(day, day)), None)


def _mark(series_ids: list[int], session: date, done: int) -> None:
    """Under the coverage locks in their order, as every writer takes them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM collector_coverage WHERE series_id = ANY(%s) AND session = %s ORDER BY series_id FOR UPDATE",
            [series_ids, session],
        )
        cursor.execute(
            "UPDATE collector_coverage SET verified = %s WHERE series_id = ANY(%s) AND session = %s AND verified < %s",
            [done, series_ids, session, done],
        )
