"""Quotes for tests, each as short as what the test says about it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from collector.core.messages import InstrumentLabel
from collector.core.quotes import check
from collector.models import Instrument, QuoteSeries
from collector.quotes_store import QuoteWrite
from providers.market.quotes import SIZE_UNITS, QuoteBatch, SizeUnit
from providers.market.types import SECOND_US, AssetClass, Micros
from providers.models import Provider
from tests.integration.collector.rows import make_tier

VALUES = ("bid", "ask", "bid_size", "ask_size")


def quote(at: Micros, bid: float = 10.0, ask: float = 10.5, *, symbol: str = "AAPL", **values: Any) -> dict[str, Any]:
    """One quote around 10 that may differ in anything."""
    return {
        "symbol": symbol,
        "at": at,
        "bid": bid,
        "ask": ask,
        "bid_size": 3.0,
        "ask_size": 4.0,
        "unit": SizeUnit.SHARES,
        **values,
    }


def quotes_of(rows: Sequence[Mapping[str, Any]], *, symbols: Sequence[str] = (), **rest: Any) -> QuoteBatch:
    """Columns of rows, in their order."""
    names = tuple(dict.fromkeys([*symbols, *(r["symbol"] for r in rows)]))
    return QuoteBatch(
        symbols=names,
        symbol_index=np.array([names.index(r["symbol"]) for r in rows], dtype=np.int32),
        at=np.array([r["at"] for r in rows], dtype=np.int64),
        **{name: np.array([r[name] for r in rows], dtype=np.float64) for name in VALUES},
        size_unit=np.array([SIZE_UNITS.index(r["unit"]) for r in rows], dtype=np.int8),
        **rest,
    )


def make_quote_series(
    symbol: str = "AAPL", *, mic: str = "XNAS", calendar: str = "XNYS", tier: str = "T0", **values: Any
) -> QuoteSeries:
    """An instrument whose quotes are collected."""
    about = {name: values.pop(name) for name in ("listed_at", "delisted_at", "asset_class", "vendor_symbols") if name in values}
    instrument, _ = Instrument.objects.get_or_create(symbol=symbol, mic=mic, defaults={"calendar": calendar, **about})
    return QuoteSeries.objects.create(instrument=instrument, tier=make_tier(tier), **values)


def make_quote_write(
    instruments: Sequence[Instrument], rows: Sequence[Mapping[str, Any]], *, provider: Provider, asked_at: Micros
) -> QuoteWrite:
    """What `quoting` would hand to the store."""
    by_symbol = {one.symbol: one for one in instruments}
    received_at = asked_at + SECOND_US
    checked = check(quotes_of(rows), asset_class=AssetClass.EQUITY, received_at=received_at, known_symbols=by_symbol)
    found = [by_symbol[name] for name in checked.batch.symbols]
    return QuoteWrite(
        provider_id=provider.pk,
        provider=provider.name,
        asked_at=asked_at,
        received_at=received_at,
        instrument_ids=np.array([one.pk for one in found], dtype=np.int64),
        labels=[InstrumentLabel(one.symbol, one.mic) for one in found],
        quotes=checked,
        rejected=[(by_symbol[r.symbol].pk, r) for r in checked.rejected],
    )
