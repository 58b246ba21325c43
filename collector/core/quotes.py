"""Which quotes of an answer may be stored, and what is remarkable about them. Pure, vectorised.

As with bars a rejected row never costs its batch: it goes to `RejectedQuote` with its reason.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from collector.core.bars import MAY_BE_ZERO_OR_LESS, Mask, Rejection, plain
from collector.core.repeats import is_everything, one_per_key
from providers.market.quotes import SIZE_UNITS, QuoteBatch
from providers.market.types import SECOND_US, AssetClass, Floats, Micros, from_us

MOST_AHEAD_US = 5 * SECOND_US
"""How far a quote's time may lie ahead of its receipt: clocks of our machines differ by up to 2 s, a venue's and a vendor's by some more."""

_VALUES = ("bid", "ask", "bid_size", "ask_size")


@dataclass(frozen=True, slots=True, eq=False)
class CheckedQuotes:
    """Quotes fit to store, ascending by (symbol, at), one a symbol and time, of known symbols only; and the refused ones.

    `has_vendor_time` false: the vendor named no time, and `at` is when its answer came.
    """

    batch: QuoteBatch
    is_crossed: Mask
    is_locked: Mask
    has_vendor_time: Mask
    rejected: tuple[Rejection, ...]

    def where(self, rows: npt.NDArray[np.int64]) -> "CheckedQuotes":
        """These rows, in that order; rejections are kept."""
        return CheckedQuotes(
            self.batch.where(rows), self.is_crossed[rows], self.is_locked[rows], self.has_vendor_time[rows], self.rejected
        )


def check(batch: QuoteBatch, *, asset_class: AssetClass, received_at: Micros, known_symbols: Collection[str]) -> CheckedQuotes:
    """Split an answer into storable quotes and rejections.

    Crossed and locked ones are kept and marked: they happen, and tell of the venue or the vendor. A size without a price is left
    out. Identical duplicates collapse; of differing ones the later row wins, the earlier is rejected.
    """
    has_vendor_time = batch.at != 0
    rows = replace(
        batch,
        at=np.where(has_vendor_time, batch.at, received_at),
        bid_size=np.where(np.isnan(batch.bid), np.nan, batch.bid_size),
        ask_size=np.where(np.isnan(batch.ask), np.nan, batch.ask_size),
    )
    rejected = [Rejection(row.symbol, None, "unreadable", row.reason, row.raw) for row in batch.malformed]
    good = np.ones(len(rows), dtype=bool)
    for reason, detail, bad in _reasons(rows, asset_class, received_at, known_symbols):
        rejected += [_rejection(rows, int(i), reason, detail) for i in np.flatnonzero(bad & good)]
        good &= ~bad
    candidates = np.flatnonzero(good)
    chosen = rows if good.all() else rows.where(candidates)
    kept, contradicted = one_per_key(
        chosen.symbol_index, chosen.at, values=[*(getattr(chosen, name) for name in _VALUES), chosen.size_unit]
    )
    detail = "expected one quote of a symbol and time, a later row of the answer differs"
    rejected += [_rejection(chosen, i, "conflicting_duplicate", detail) for i in contradicted]
    final = _of_known(chosen if is_everything(kept, len(chosen)) else chosen.where(kept), known_symbols)
    return CheckedQuotes(
        batch=final,
        is_crossed=final.bid > final.ask,
        is_locked=final.bid == final.ask,
        has_vendor_time=has_vendor_time[candidates[kept]],
        rejected=tuple(rejected),
    )


def _of_known(rows: QuoteBatch, known_symbols: Collection[str]) -> QuoteBatch:
    """The same rows, which are of known symbols, without the names of the others."""
    known = [place for place, symbol in enumerate(rows.symbols) if symbol in known_symbols]
    if len(known) == len(rows.symbols):
        return rows
    index = np.zeros(len(rows.symbols), dtype=np.int32)
    index[known] = np.arange(len(known))
    return replace(rows, symbols=tuple(rows.symbols[place] for place in known), symbol_index=index[rows.symbol_index])


def _reasons(
    rows: QuoteBatch, asset_class: AssetClass, received_at: Micros, known_symbols: Collection[str]
) -> list[tuple[str, str, Mask]]:
    is_unknown = np.array([symbol not in known_symbols for symbol in rows.symbols], dtype=bool)
    reasons = [
        ("unknown_symbol", "expected a symbol that was asked for", is_unknown[rows.symbol_index]),
        ("no_side", "expected a bid or an ask", np.isnan(rows.bid) & np.isnan(rows.ask)),
        ("price_not_finite", "expected finite prices", np.isinf(rows.bid) | np.isinf(rows.ask)),
        ("size_negative", "expected finite sizes of 0 or more", _is_no_size(rows.bid_size) | _is_no_size(rows.ask_size)),
        (
            "from_the_future",
            f"expected a time up to {MOST_AHEAD_US // SECOND_US} s after the answer came",
            rows.at > received_at + MOST_AHEAD_US,
        ),
        ("time_negative", "expected a time after 1970", rows.at < 0),
    ]
    if asset_class not in MAY_BE_ZERO_OR_LESS:
        detail = f"expected prices above 0 for {asset_class.value}"
        reasons.insert(2, ("price_not_positive", detail, (rows.bid <= 0) | (rows.ask <= 0)))
    return reasons


def _is_no_size(sizes: Floats) -> Mask:
    bad: Mask = (sizes < 0) | np.isinf(sizes)
    return bad


def _rejection(rows: QuoteBatch, i: int, reason: str, detail: str) -> Rejection:
    at = _readable(int(rows.at[i]))
    raw = {
        "at": int(rows.at[i]) if at is None else from_us(at).isoformat(),
        **{name: plain(getattr(rows, name)[i]) for name in _VALUES},
        "size_unit": SIZE_UNITS[int(rows.size_unit[i])].value,
    }
    return Rejection(rows.symbols[int(rows.symbol_index[i])], at, reason, detail, json.dumps(raw))


def _readable(at: Micros) -> Micros | None:
    """None for a number that is no time of the years 1 to 9999."""
    try:
        from_us(at)
    except OverflowError:
        return None
    return at
