"""Postgres against the recording, bar by bar and field by field."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.db import connection

from collector.core.spans import NO_SPANS, Spans, from_multirange, inside
from collector.models import RejectedBar
from collector.replay.planning import Target
from providers.market.types import BarBatch, Interval

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One series' result. `columns` are those compared; `seconds`: from the first job enqueued to its last commit."""

    symbol: str
    interval: str
    columns: tuple[str, ...]
    file_rows: int
    held: int
    missing: int
    extra: int
    different: int
    rejected: int
    sessions: int
    sessions_complete: int
    slots_missing: int
    slots_empty: int
    calls: int
    seconds: float

    @property
    def is_good(self) -> bool:
        """Nothing missing, extra or different, and no slot left without an answer."""
        return not (self.missing or self.extra or self.different or self.slots_missing)

    @property
    def bars_per_second(self) -> float:
        return self.file_rows / self.seconds if self.seconds > 0 else 0.0


def compare(target: Target, *, calls: int, begun_at: float, null_volume_is_zero: frozenset[int]) -> Comparison:
    """Compare one series in the columns that its vendors send.

    `null_volume_is_zero`: providers that send 0 for a volume which they do not know.
    """
    recorded = target.recorded.bars
    start, held, providers, last_commit = _held(target)
    common, file_rows, held_rows = np.intersect1d(recorded.start, start, assume_unique=True, return_indices=True)
    lenient = np.isin(providers[held_rows], list(null_volume_is_zero))
    sessions, complete, missing, empty = _sessions(target)
    return Comparison(
        symbol=target.recorded.symbol,
        interval=target.recorded.interval.value,
        columns=tuple(target.columns),
        file_rows=len(recorded),
        held=len(start),
        missing=len(recorded) - len(common),
        extra=len(start) - len(common),
        different=int(_differs(recorded, held, (file_rows, held_rows), lenient, target.columns).sum()),
        rejected=RejectedBar.objects.filter(series=target.series).count(),
        sessions=sessions,
        sessions_complete=complete,
        slots_missing=missing,
        slots_empty=empty,
        calls=calls,
        seconds=max(0.0, last_commit - begun_at),
    )


def _held(target: Target) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.float64]], npt.NDArray[np.int64], float]:
    table = "collector_dailybar" if target.recorded.interval is Interval.D1 else "collector_bar"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT (extract(epoch FROM start) * 1000000)::bigint, {", ".join(FIELDS)}, provider_id, extract(epoch FROM recorded_at)
                FROM {table} WHERE series_id = %s AND withdrawn_by IS NULL ORDER BY start""",
            [target.series.pk],
        )
        rows = cursor.fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(FIELDS) + 3)
    values = {
        name: np.array([np.nan if value is None else value for value in column], dtype=np.float64)
        for name, column in zip(FIELDS, columns[1:-2], strict=True)
    }
    last_commit = float(max(columns[-1], default=0.0))
    return np.array(columns[0], dtype=np.int64), values, np.array(columns[-2], dtype=np.int64), last_commit


def _differs(
    recorded: BarBatch,
    held: dict[str, npt.NDArray[np.float64]],
    pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    lenient: npt.NDArray[np.bool_],
    columns: Sequence[str],
) -> npt.NDArray[np.bool_]:
    """Which pairs of rows differ; a column that vendors do not send must be null in ours: nothing is invented."""
    file_rows, held_rows = pairs
    differs = np.zeros(len(file_rows), dtype=bool)
    for name in FIELDS:
        ours, theirs = held[name][held_rows], getattr(recorded, name)[file_rows]
        if name not in columns:
            differs |= ~np.isnan(ours)
            continue
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        if name == "volume":
            same |= lenient & np.isnan(theirs) & (ours == 0)
        differs |= ~same
    return differs


def _sessions(target: Target) -> tuple[int, int, int, int]:
    """(sessions, complete ones, slots missing, slots proven empty) over the files' sessions."""
    if not target.windows:
        return 0, 0, 0, 0
    slots = np.concatenate([window.slots for window in target.windows])
    days = target.recorded.calendar.session_days(slots, target.recorded.interval)
    held, empty = _coverage(target)
    open_slots = ~(inside(slots, held) | inside(slots, empty))
    sessions = len(np.unique(days))
    return sessions, sessions - len(np.unique(days[open_slots])), int(open_slots.sum()), int(inside(slots, empty).sum())


def _coverage(target: Target) -> tuple[Spans, Spans]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT range_agg(held), range_agg(empty) FROM collector_coverage WHERE series_id = %s", [target.series.pk]
        )
        held, empty = cursor.fetchone()
    return tuple(NO_SPANS if spans is None else from_multirange(spans) for spans in (held, empty))  # type: ignore[return-value]
