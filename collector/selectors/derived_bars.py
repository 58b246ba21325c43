"""5m, 15m and 1h bars made from the 1m bars we hold, window by window."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from collector.core.aggregation import Anchor, Columns, aggregate, are_complete, bucket_starts, select
from collector.core.closures import Closures
from collector.core.spans import NO_SPANS, Spans, from_multirange, inside, union
from collector.models import Coverage, Series
from collector.selectors.bar_rows import BarRow, Position, read_rows
from collector.selectors.expected import listing
from collector.selectors.overrides import read_closures
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Interval, MicrosArray, from_us, to_us

WINDOW = timedelta(days=7)
"""Most that is read at once; the next window begins at the next held bar, so years without bars cost one look-up."""


@dataclass(slots=True)
class Budget:
    """What one page may still read. A page that runs out of it ends early, with a cursor."""

    minutes: int = 120_000
    windows: int = 60

    @property
    def is_spent(self) -> bool:
        """True when the page has to end."""
        return self.minutes <= 0 or self.windows <= 0


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Bars of one series; `complete` is one flag a bar.

    `given_through`: the page ended here, an instant in µs up to which all bars are given; None when the series is done.
    """

    bars: Columns
    complete: list[bool]
    given_through: int | None


def derive(
    *,
    series: Series,
    interval: Interval,
    anchor: Anchor,
    since: datetime,
    end: datetime,
    as_of: datetime | None,
    most: int,
    budget: Budget,
) -> Derived:
    """At most `most` bars whose start lies in `[since, end)`. `series` is one of 1m."""
    parts: list[Columns] = []
    complete: list[bool] = []
    closures = read_closures(since=to_us(since))
    position, reach = since, end + timedelta(microseconds=interval.us)  # the last bucket ends after `end`
    while position < end:
        if len(complete) >= most or budget.is_spent:
            return _done(parts, complete, most=most, through=to_us(position) - 1)
        first = read_rows(
            positions=[Position(series.pk, position)], interval=Interval.M1, start=position, end=reach, limit=1, as_of=as_of
        )
        if not first:
            break
        window = _read_window(
            series, closures, interval=interval, anchor=anchor, first=first[0].start, reach=reach, as_of=as_of
        )
        wanted = (window.bars.start >= to_us(since)) & (window.bars.start < to_us(end))
        parts.append(select(window.bars, wanted))
        complete += [bool(flag) for flag in window.complete[wanted]]
        budget.minutes -= window.minutes
        budget.windows -= 1
        position = from_us(window.end)
    return _done(parts, complete, most=most, through=None)


def _done(parts: list[Columns], complete: list[bool], *, most: int, through: int | None) -> Derived:
    bars = _concat(parts)
    if len(bars) > most:
        bars = select(bars, np.arange(len(bars)) < most)
        through = int(bars.start[-1]) if most else through
    return Derived(bars=bars, complete=complete[:most], given_through=through)


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    bars: Columns
    complete: Any
    minutes: int
    end: int


def _read_window(
    series: Series,
    closures: Closures,
    *,
    interval: Interval,
    anchor: Anchor,
    first: datetime,
    reach: datetime,
    as_of: datetime | None,
) -> _Window:
    """The buckets of one window of minutes; it ends where a bucket does."""
    slots, sessions, buckets = _expected(series, interval=interval, anchor=anchor, first=first)
    end = min(to_us(first + WINDOW), to_us(reach))
    if anchor is Anchor.CLOCK:
        end = -(-end // interval.us) * interval.us
    else:
        at = int(np.searchsorted(slots, end))
        if 0 < at < len(slots) and buckets[at] == buckets[at - 1]:
            end = int(slots[np.searchsorted(buckets, buckets[at], side="right") - 1]) + Interval.M1.us
    rows = read_rows(
        positions=[Position(series.pk, first)],
        interval=Interval.M1,
        start=first,
        end=from_us(end),
        limit=2 * int(WINDOW.total_seconds() // 60),
        as_of=as_of,
    )
    minutes = _columns(rows)
    labels, minutes = _labelled(minutes, anchor=anchor, interval=interval, slots=slots, buckets=buckets)
    bars = aggregate(minutes=minutes, buckets=labels)
    traded = _is_traded(slots, series, closures)
    complete = are_complete(
        bars=bars.start,
        slots=slots[traded],
        slot_buckets=buckets[traded],
        held=minutes.start,
        empty=_empty_spans(series, sessions),
    )
    return _Window(bars=bars, complete=complete, minutes=len(rows), end=end)


def _expected(
    series: Series, *, interval: Interval, anchor: Anchor, first: datetime
) -> tuple[MicrosArray, tuple[date, date], MicrosArray]:
    """The expected minutes around a window, the dates of their sessions, and each minute's bucket."""
    calendar = get_calendar(series.instrument.calendar, Hours(series.hours))
    dates = (first - timedelta(days=2)).date(), (first + WINDOW + timedelta(days=2)).date()
    slots, sessions = calendar.session_slots(Interval.M1, *dates)
    buckets = bucket_starts(slots=slots, sessions=sessions, interval=interval, anchor=anchor)
    return slots, dates, buckets


def _is_traded(slots: MicrosArray, series: Series, closures: Closures) -> npt.NDArray[np.bool_]:
    """Whether a bar can be there at all, collected or not: within the listing, and by no calendar override."""
    if not len(slots):
        return np.empty(0, dtype=np.bool_)
    instrument = series.instrument
    listed, delisted = listing(instrument)
    calendar = get_calendar(instrument.calendar, Hours(series.hours))
    lost = closures.vanished(calendar, Interval.M1, start=int(slots[0]), end=int(slots[-1]) + 1)
    gone = lost.of(mic=instrument.mic, instrument=instrument.pk)
    return (slots >= listed) & (slots < delisted) & ~inside(slots, gone)


def _labelled(
    minutes: Columns, *, anchor: Anchor, interval: Interval, slots: MicrosArray, buckets: MicrosArray
) -> tuple[MicrosArray, Columns]:
    """Each minute's bucket. Off-session minutes have one by the clock only; a session's buckets leave them out."""
    if anchor is Anchor.CLOCK:
        return minutes.start - minutes.start % interval.us, minutes
    at = np.minimum(np.searchsorted(slots, minutes.start), max(0, len(slots) - 1))
    is_slot = slots[at] == minutes.start if len(slots) else np.zeros(len(minutes), dtype=bool)
    return buckets[at[is_slot]], select(minutes, is_slot)


def _empty_spans(series: Series, sessions: tuple[date, date]) -> Spans:
    rows = Coverage.objects.filter(series=series, session__range=sessions).values_list("empty", flat=True)
    return union(NO_SPANS, *(from_multirange(empty) for empty in rows))


def _columns(rows: list[BarRow]) -> Columns:
    def floats(values: list[Any]) -> Any:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    def instants(values: list[datetime]) -> Any:
        return np.array([to_us(value) for value in values], dtype=np.int64)

    return Columns(
        start=instants([r.start for r in rows]),
        open=floats([r.open for r in rows]),
        high=floats([r.high for r in rows]),
        low=floats([r.low for r in rows]),
        close=floats([r.close for r in rows]),
        volume=floats([r.volume for r in rows]),
        vwap=floats([r.vwap for r in rows]),
        trade_count=floats([r.trade_count for r in rows]),
        provider=np.array([r.provider_id for r in rows], dtype=np.int64),
        received_at=instants([r.received_at for r in rows]),
        recorded_at=instants([r.recorded_at for r in rows]),
    )


def _concat(parts: list[Columns]) -> Columns:
    if not parts:
        return _columns([])
    return Columns(*(np.concatenate([getattr(part, name) for part in parts]) for name in Columns.__slots__))


def as_json(*, found: Derived, series: Series, interval: Interval, names: dict[int, str]) -> list[dict[str, Any]]:
    """Derived bars as the REST API shows them: no revision of their own, `provider` null where several took part."""
    bars = found.bars
    return [
        {
            "symbol": series.instrument.symbol,
            "mic": series.instrument.mic,
            "interval": interval.value,
            "hours": series.hours,
            "adjustment": series.adjustment,
            "start": from_us(bars.start[i]),
            "open": float(bars.open[i]),
            "high": float(bars.high[i]),
            "low": float(bars.low[i]),
            "close": float(bars.close[i]),
            "volume": _known(bars.volume[i]),
            "vwap": _known(bars.vwap[i]),
            "trade_count": None if np.isnan(bars.trade_count[i]) else int(bars.trade_count[i]),
            "provider": names.get(int(bars.provider[i])),
            "rev": None,
            "received_at": from_us(bars.received_at[i]),
            "recorded_at": from_us(bars.recorded_at[i]),
            "complete": is_complete,
            "withdrawn": False,
        }
        for i, is_complete in enumerate(found.complete)
    ]


def _known(value: float) -> float | None:
    """15 digits: a sum of doubles such as 14.607800000000001 is 14.6078, as its minutes are."""
    return None if np.isnan(value) else float(f"{value:.15g}")
