"""Which rows of an answer may be stored. Pure, vectorised.

A rejected row never costs its batch, and never covers its slot: it goes to `RejectedBar` with its reason, the slot stays open.
"""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.core.repeats import is_everything, one_per_key
from providers.market.grid import floor_to_grid, is_on_grid
from providers.market.types import AssetClass, BarBatch, Floats, Interval, Micros, MicrosArray, from_us

Mask = npt.NDArray[np.bool_]

MAY_BE_ZERO_OR_LESS = frozenset({AssetClass.FUTURE, AssetClass.INDEX})
"""Futures have settled below zero (crude oil, April 2020) and spreads and rates as indices cross it; no share or currency does."""

_DOUBLES_SKIP_FROM = 2**53


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused row: `reason` is a short stable code, `detail` says what was expected and what came."""

    symbol: str
    start: Micros | None
    reason: str
    detail: str
    raw: str


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Rows fit to store, ascending by (symbol, start), one a slot; and the refused ones."""

    batch: BarBatch
    rejected: tuple[Rejection, ...]


TOO_OLD = "too_old"
"""The reason of a row that nothing is wrong with but its age: nobody else need be asked for it."""


def check(
    batch: BarBatch, *, interval: Interval, asset_class: AssetClass, closed_before: Micros, kept_from: Micros | None = None
) -> Checked:
    """Split an answer into storable rows and rejections.

    `kept_from`: what starts before is dropped, and refused here, or it would be dropped again; None: nothing is.

    `closed_before`: a bar whose end lies after it is still running at the vendor; it is not a bad row, only not yet a bar, and is
    left out without a rejection. Identical duplicates collapse; of differing ones the later row wins, the earlier is rejected.
    """
    closed = batch.start + interval.us <= closed_before
    rows = batch if closed.all() else batch.where(closed)
    reasons = _reasons(rows, interval=interval, asset_class=asset_class)
    if kept_from is not None and (is_old := rows.start < kept_from).any():
        detail = f"expected a start from {from_us(kept_from):%Y-%m-%d %H:%M} UTC on: older bars are dropped, see MARKETDATA_BAR_KEEP_DAYS"
        reasons.insert(0, (TOO_OLD, detail, is_old))
    good = np.ones(len(rows), dtype=bool)
    rejected = [Rejection(row.symbol, None, "unreadable", row.reason, row.raw) for row in batch.malformed]
    for reason, detail, bad in reasons:
        fresh = bad & good
        good &= ~bad
        rejected.extend(_rejection(rows, int(i), reason, detail) for i in np.flatnonzero(fresh))
    kept = rows if good.all() else rows.where(good)
    kept, repeats = _one_per_slot(kept)
    return Checked(batch=kept, rejected=(*rejected, *repeats))


def _reasons(rows: BarBatch, *, interval: Interval, asset_class: AssetClass) -> list[tuple[str, str, Mask]]:
    finite = np.isfinite(rows.open) & np.isfinite(rows.high) & np.isfinite(rows.low) & np.isfinite(rows.close)
    top, bottom = np.maximum(rows.open, rows.close), np.minimum(rows.open, rows.close)
    with np.errstate(invalid="ignore"):
        low, high = np.fmin(rows.low, bottom), np.fmax(rows.high, top)
        not_positive = (low == 0) & (high == 0) if asset_class in MAY_BE_ZERO_OR_LESS else low <= 0
        return [
            ("price_missing", "expected four finite prices", ~finite),
            ("price_not_positive", f"expected prices above 0 for {asset_class.value}", not_positive),
            ("high_below_low", "expected high >= low", rows.high < rows.low),
            ("high_too_low", "expected high >= open and close", rows.high < top),
            ("low_too_high", "expected low <= open and close", rows.low > bottom),
            ("volume_negative", "expected volume >= 0", (rows.volume < 0) | np.isinf(rows.volume)),
            ("trade_count_negative", "expected trade_count >= 0", (rows.trade_count < 0) | np.isinf(rows.trade_count)),
            ("trade_count_not_whole", "expected a whole trade_count below 2**53", _is_not_whole(rows.trade_count)),
            ("vwap_not_finite", "expected a finite vwap", np.isinf(rows.vwap)),
            ("off_grid", f"expected a start on the {interval.value} grid", ~is_on_grid(rows.start, interval)),
        ]


def _is_not_whole(counts: Floats) -> Mask:
    """Fractions, and numbers beyond which a double skips whole ones: the column holds integers and nothing is rounded silently."""
    bad: Mask = np.isfinite(counts) & ((counts != np.floor(counts)) | (counts >= _DOUBLES_SKIP_FROM))
    return bad


def _rejection(rows: BarBatch, i: int, reason: str, detail: str) -> Rejection:
    raw = {
        "start": from_us(int(rows.start[i])).isoformat(),
        **{name: plain(getattr(rows, name)[i]) for name in ("open", "high", "low", "close", "volume", "vwap", "trade_count")},
    }
    symbol = rows.symbols[int(rows.symbol_index[i])]
    return Rejection(symbol, int(rows.start[i]), reason, detail, json.dumps(raw))


def plain(value: float) -> float | str | None:
    """A number as JSON can hold it; None for NaN."""
    if np.isnan(value):
        return None
    return float(value) if np.isfinite(value) else str(value)


def _one_per_slot(rows: BarBatch) -> tuple[BarBatch, list[Rejection]]:
    values = (rows.open, rows.high, rows.low, rows.close, rows.volume, rows.vwap, rows.trade_count)
    kept, contradicted = one_per_key(rows.symbol_index, rows.start, values=values)
    detail = "expected one row a slot, a later row of the answer differs"
    rejected = [_rejection(rows, i, "conflicting_duplicate", detail) for i in contradicted]
    return rows if is_everything(kept, len(rows)) else rows.where(kept), rejected


NO_ROWS: MicrosArray = np.empty(0, dtype=np.int64)


def rows_by_symbol(checked: Checked, interval: Interval) -> dict[str, MicrosArray]:
    """Slots that rows came for, by symbol: of refused rows too, off the grid or not. Checked rows lie ascending by symbol."""
    bars = checked.batch
    edges = np.searchsorted(bars.symbol_index, np.arange(len(bars.symbols) + 1))
    rows = {name: bars.start[edges[i] : edges[i + 1]] for i, name in enumerate(bars.symbols)}
    for rejection in checked.rejected:
        if rejection.start is not None:
            slot = floor_to_grid(np.array([rejection.start]), interval)
            rows[rejection.symbol] = np.append(rows.get(rejection.symbol, NO_ROWS), slot)
    return {name: starts for name, starts in rows.items() if len(starts)}
