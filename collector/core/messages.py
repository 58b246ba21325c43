"""What a write tells the feed, as JSON. Pure; `docs/feed.md` specifies the fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec
import numpy as np

from collector.core.marks import SlotCount
from collector.core.quotes import CheckedQuotes
from providers.market.quotes import SIZE_UNITS
from providers.market.types import BarBatch, Interval, MicrosArray, from_us

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class SeriesLabel:
    """What, with the interval, tells a series from every other one."""

    symbol: str
    mic: str
    hours: str
    adjustment: str


@dataclass(frozen=True, slots=True)
class InstrumentLabel:
    """What tells an instrument from every other one."""

    symbol: str
    mic: str


def iso(micros: int) -> str:
    """RFC 3339 with `Z`, whole seconds unless there are fractions."""
    return from_us(micros).isoformat().replace("+00:00", "Z")


def bar_messages(
    bars: BarBatch,
    *,
    labels: Sequence[SeriesLabel],
    interval: str,
    provider: str,
    revs: "np.ndarray[tuple[int], np.dtype[np.int64]]",
) -> list[object]:
    """One message a row, in row order; `labels[k]` is the series of `bars.symbols[k]`."""
    series = [{"type": "bar", **of_series(label, interval)} for label in labels]
    columns = zip(
        bars.symbol_index.tolist(),
        np.datetime_as_string(bars.start.astype("datetime64[us]"), unit="s", timezone="UTC").tolist(),
        bars.open.tolist(),
        bars.high.tolist(),
        bars.low.tolist(),
        bars.close.tolist(),
        _nullable(bars.volume),
        _nullable(bars.vwap),
        _nullable(bars.trade_count),
        revs.tolist(),
        strict=True,
    )
    return [
        {
            **series[place],
            "start": start,
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "vwap": vwap,
            "trade_count": None if count is None else int(count),
            "provider": provider,
            "rev": rev,
        }
        for place, start, open_, high, low, close, volume, vwap, count, rev in columns
    ]


def history_notice(label: SeriesLabel, interval: Interval, starts: MicrosArray) -> dict[str, object]:
    """Notice of a series' bars older than a day: their outer span and where to read them."""
    start, end = iso(int(starts.min())), iso(int(starts.max()) + interval.us)
    series = of_series(label, interval.value)
    query = urlencode({**series, "source": "native", "withdrawn": "true", "start": start, "end": end})
    return {
        "type": "history",
        **series,
        "start": start,
        "end": end,
        "rows": len(starts),
        "fill_url": f"/bars?{query}",
    }


def quote_messages(
    quotes: CheckedQuotes, *, labels: Sequence[InstrumentLabel], provider: str, revs: Sequence[int]
) -> list[object]:
    """One message a row, in row order; `labels[k]` is the instrument of `quotes.batch.symbols[k]`."""
    batch = quotes.batch
    columns = zip(
        batch.symbol_index.tolist(),
        _nullable(batch.bid),
        _nullable(batch.ask),
        _nullable(batch.bid_size),
        _nullable(batch.ask_size),
        batch.size_unit.tolist(),
        batch.at.tolist(),
        quotes.is_crossed.tolist(),
        quotes.is_locked.tolist(),
        quotes.has_vendor_time.tolist(),
        revs,
        strict=True,
    )
    return [
        {
            "type": "quote",
            "symbol": labels[place].symbol,
            "mic": labels[place].mic,
            "bid": bid,
            "ask": ask,
            "bid_size": bid_size,
            "ask_size": ask_size,
            "size_unit": SIZE_UNITS[unit].value or None,
            "at": iso(at),
            "crossed": is_crossed,
            "locked": is_locked,
            "has_vendor_time": has_vendor_time,
            "provider": provider,
            "rev": rev,
        }
        for place, bid, ask, bid_size, ask_size, unit, at, is_crossed, is_locked, has_vendor_time, rev in columns
    ]


def mark_message(*, tier: str, interval: Interval, count: SlotCount) -> dict[str, object]:
    """That a slot is complete for all series of a tier, or overdue."""
    return {
        "type": "mark",
        "tier": tier,
        "interval": interval.value,
        "start": iso(count.start),
        "end": iso(count.start + interval.us),
        "complete": count.is_complete,
        "expected": count.expected,
        "held": count.held,
        "empty": count.empty,
    }


def of_series(label: SeriesLabel, interval: str) -> dict[str, str]:
    """The fields that name a series."""
    return {
        "symbol": label.symbol,
        "mic": label.mic,
        "interval": interval,
        "hours": label.hours,
        "adjustment": label.adjustment,
    }


def encode(messages: list[object]) -> bytes:
    """The bytes of a `FeedBatch`."""
    return _ENCODER.encode(messages)


def _nullable(column: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float | None]:
    values: list[float | None] = list(column.tolist())
    for i in np.flatnonzero(np.isnan(column)):
        values[i] = None
    return values
