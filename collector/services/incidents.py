"""Incidents: opened when many series miss the same time, grown with it, ended when nothing of it is missing any more."""

import logging
import random
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np
from django.conf import settings
from django.db import transaction

from collector.core.causes import Cause
from collector.core.incidents import Grown, Known, crowded, grown, missing_series
from collector.models import Incident, Series
from collector.selectors.gaps import Gap, find_gaps
from collector.selectors.incident_jobs import heard_of
from collector.selectors.scopes import Scope
from collector.services.gap_scan import is_ours, recent_from
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Interval, Micros, MicrosArray, from_us, to_us
from providers.policy import Snapshot

log = logging.getLogger(__name__)

LOCK = 0x6D64_696E_6369
"""One look at a time in the fleet: nobody else writes incidents."""
SYMBOLS = 20
MOST_NEW = 100
"""New incidents of one look and kind; what is over is found by the next one."""
MOST_GAPS = 2_000_000
"""Gaps that a look takes in, some 15 s of work: what is missing in shreds everywhere is seen in part."""
MOST_HEARD = 5
"""Of how many incidents a look reads what their jobs heard: for 10,000 jobs that takes half a second, and a scan waits behind it."""


def look_recent(*, now: Micros, snapshot: Snapshot) -> None:
    """Open, grow and end incidents by what is missing of the last `RECENT_SCAN_HOURS`. Nothing while another process is at it."""
    _look(now=now, snapshot=snapshot, since=recent_from(now))


def look_all(*, now: Micros, snapshot: Snapshot) -> None:
    """The same as far back as an open incident reaches, so that older ones end too; new ones are still looked for in those hours only."""
    oldest = Incident.objects.filter(ended_at=None).order_by("start").values_list("start", flat=True).first()
    since = recent_from(now)
    _look(now=now, snapshot=snapshot, since=since if oldest is None else min(since, to_us(oldest)))


@dataclass(slots=True)
class _Lost:
    """Gaps of one calendar and interval as columns: an outage of years over thousands of series must fit into memory."""

    series: "array[int]" = field(default_factory=lambda: array("q"))
    starts: "array[int]" = field(default_factory=lambda: array("q"))
    ends: "array[int]" = field(default_factory=lambda: array("q"))
    hours: Hours = Hours.REGULAR

    def add(self, gap: Gap) -> None:
        """One more."""
        self.series.append(gap.series_id)
        self.starts.append(gap.start)
        self.ends.append(gap.end)
        if gap.hours is Hours.EXTENDED:
            self.hours = gap.hours

    def columns(self) -> tuple[MicrosArray, MicrosArray, MicrosArray]:
        """Starts, ends, series."""
        return np.array(self.starts, np.int64), np.array(self.ends, np.int64), np.array(self.series, np.int64)


Kind = tuple[str, Interval]


@dataclass(frozen=True, slots=True)
class _About:
    """What is told of an active series."""

    calendar: str
    tier: str
    symbol: str


@dataclass(slots=True)
class _Look:
    """One look: what it knows of the series, whether it took in all gaps, the incidents that it opened, and those of before that
    still miss something."""

    now: Micros
    since: Micros
    about: Mapping[int, _About]
    is_whole: bool = True
    opened: list[Incident] = field(default_factory=list)
    open: list[Incident] = field(default_factory=list)


def _look(*, now: Micros, snapshot: Snapshot, since: Micros) -> None:
    with transaction.atomic():
        if not is_ours(LOCK):
            return
        look = _Look(now, since, _about())
        lost = _lost(look, snapshot)
        open_rows: dict[Kind, list[Incident]] = {}
        for row in Incident.objects.filter(ended_at=None, end__gt=from_us(since)).order_by("pk"):
            open_rows.setdefault((row.calendar, Interval(row.interval)), []).append(row)
        for kind in sorted(lost.keys() | open_rows.keys()):
            if _is_looked_at(kind):
                _of_kind(kind, lost.get(kind, _Lost()), open_rows.get(kind, []), look)
        _hear([*look.opened, *random.sample(look.open, len(look.open))][:MOST_HEARD])  # by lot, so that each has its turn
    for row in look.opened:
        _tell_opened(row)


def _about() -> dict[int, _About]:
    rows = Series.objects.order_by().filter(is_active=True)
    columns = ("pk", "instrument__calendar", "tier_id", "instrument__symbol")
    return {pk: _About(*about) for pk, *about in rows.values_list(*columns)}


def _lost(look: _Look, snapshot: Snapshot) -> dict[Kind, _Lost]:
    found: dict[Kind, _Lost] = {}
    for count, gap in enumerate(find_gaps(scope=Scope(), snapshot=snapshot, now=look.now, start=look.since, lost=True)):
        if count == MOST_GAPS:
            look.is_whole = False
            log.warning("more than %d gaps: incidents are looked for in these", count, extra={"action": "incidents_cut"})
            break
        if (about := look.about.get(gap.series_id)) is not None:  # else switched on this very moment
            found.setdefault((about.calendar, gap.interval), _Lost()).add(gap)
    return found


def _is_looked_at(kind: Kind) -> bool:
    """Whether there is such a calendar: without one no scan finds what is missing, and nobody knows that nothing is."""
    try:
        get_calendar(kind[0])
    except ValueError:
        return False  # whoever scans says so
    return True


def _of_kind(kind: Kind, lost: _Lost, rows: Sequence[Incident], look: _Look) -> None:
    starts, ends, series = lost.columns()
    spans = crowded(starts, ends, least=settings.INCIDENT_SERIES)
    by_number = {row.pk: row for row in rows}
    known = [Known(row.pk, to_us(row.start), to_us(row.end)) for row in rows]
    new = 0
    for one in grown(spans, known, _slots(kind, lost.hours, spans)):
        missing = missing_series(starts, ends, series, start=one.start, end=one.end)
        if one.number is not None:
            _absorb([by_number[number] for number in one.absorbed], by_number[one.number], now=look.now)
            _go_on(by_number[one.number], one, missing, look)
        elif one.end > recent_from(look.now) and (new := new + 1) <= MOST_NEW:
            _open(kind, one, missing, look)


def _slots(kind: Kind, hours: Hours, spans: MicrosArray) -> MicrosArray:
    """What is expected between the first and the last of the spans."""
    calendar, interval = kind
    if not len(spans):
        return np.empty(0, dtype=np.int64)
    return get_calendar(calendar, hours).slots(interval, int(spans[0, 0]), int(spans[-1, 1]))


def _open(kind: Kind, one: Grown, missing: MicrosArray, look: _Look) -> None:
    calendar, interval = kind
    row = Incident(
        calendar=calendar,
        interval=interval,
        start=from_us(one.start),
        end=from_us(one.end),
        found_at=from_us(look.now),
        series_worst=0,
        cause=Cause.PENDING.value,
        tiers=[],
        symbols=[],
    )
    _write(row, missing, look)
    look.opened.append(row)


def _tell_opened(row: Incident) -> None:
    log.warning(
        "incident %d: %d series of %s %s miss %s to %s, e.g. %s: %s",
        row.pk, row.series_now, row.calendar, row.interval, row.start.isoformat(), row.end.isoformat(),
        ", ".join(row.symbols[:3]), row.cause, extra={"action": "incident_opened"},
    )  # fmt: skip


def _go_on(row: Incident, one: Grown, missing: MicrosArray, look: _Look) -> None:
    """Its new span, and what is still missing of it. Only who saw the whole span can say that nothing is."""
    row.start, row.end = from_us(one.start), from_us(one.end)
    if len(missing):
        _write(row, missing, look)
        look.open.append(row)
    elif look.is_whole and one.start >= look.since:
        row.series_now, row.ended_at = 0, from_us(look.now)
        row.save()
        log.warning(
            "incident %d ended: nothing of %s to %s is missing any more of %s %s; %d series did at the worst",
            row.pk, row.start.isoformat(), row.end.isoformat(), row.calendar, row.interval, row.series_worst,
            extra={"action": "incident_ended"},
        )  # fmt: skip


def _write(row: Incident, missing: MicrosArray, look: _Look) -> None:
    """What is missing now, into the row."""
    about = [look.about[series_id] for series_id in missing.tolist()]
    row.series_now, row.last_seen_at = len(missing), from_us(look.now)
    row.tiers = sorted({*row.tiers, *(one.tier for one in about)})
    if row.series_now > row.series_worst:
        row.series_worst = row.series_now
        row.symbols = nsmallest(SYMBOLS, (one.symbol for one in about))
    row.save()


def _hear(rows: Sequence[Incident]) -> None:
    """What their jobs heard, into the rows. What was heard once stays: jobs that are done are deleted in time."""
    for row in rows:
        heard = heard_of(calendar=row.calendar, interval=Interval(row.interval), start=row.start, end=row.end)
        if heard.providers or row.cause == Cause.PENDING:
            row.cause, row.providers = heard.cause.value, heard.providers
            row.save(update_fields=["cause", "providers"])


def _absorb(rows: Sequence[Incident], into: Incident, *, now: Micros) -> None:
    """End those that turned out to be one with another, before it grows over them."""
    for row in rows:
        row.ended_at, row.part_of, row.series_now = from_us(now), into, 0
        row.save()
        log.warning("incident %d is part of incident %d", row.pk, into.pk, extra={"action": "incident_absorbed"})
