"""Real bars: written, committed and published by the functions that workers call."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
from django.db import transaction

from benchmarks.feed.messages import SYMBOLS, Publish
from collector.core.messages import SeriesLabel
from collector.models import Instrument, Series
from collector.partitions import BARS, ensure_partitions
from collector.store import write_bars
from collector.store_batch import WriteBatch
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, BarBatch, Interval, Micros, to_us
from providers.models import Provider

START = to_us(datetime(2025, 6, 2, tzinfo=UTC))
ASKED = START + DAY_US
_minutes = itertools.count(START, MINUTE_US)
"""Every write of a run has a slot of its own: a bar that is held already is no news."""


class Writer:
    """One bar a symbol and write, a minute later with each write. Its count of trades is the number of the write."""

    def __init__(self, symbols: int) -> None:
        self._provider, _ = Provider.objects.get_or_create(
            name="bench-feed", defaults={"adapter": "polygon", "credentials": {"api_key": "BENCH_KEY"}}
        )
        self._symbols = tuple(SYMBOLS[:symbols])
        self._series = np.array([_series(symbol) for symbol in self._symbols])
        self._labels = [SeriesLabel(symbol, "XXXX", "regular", "raw") for symbol in self._symbols]
        self._calendar = get_calendar("24/7")
        ensure_partitions(BARS, BARS.periods_of(np.array([START, ASKED])))

    def publish(self, number: int) -> float:
        """Write; answer when it was committed. The first of the commit's hooks: the publisher is the second."""
        committed = []
        with transaction.atomic():
            transaction.on_commit(lambda: committed.append(time.monotonic()))
            write_bars(self._batch(next(_minutes), number), history_before=START)
        return committed[0]

    def _batch(self, start: Micros, number: int) -> WriteBatch:
        bars = _bars(self._symbols, start, number)
        return WriteBatch(
            interval=Interval.M1, provider_id=self._provider.pk, provider="bench-feed", feed_scope="consolidated",
            settle_after=90 * SECOND_US, ranks={self._provider.pk: 0}, asked_at=ASKED, received_at=ASKED, series_ids=self._series,
            labels=self._labels, session_days=self._calendar.session_days(bars.start, Interval.M1), bars=bars,
        )  # fmt: skip


@contextmanager
def committing(symbols: int) -> Iterator[Publish]:
    """A publisher of whole writes."""
    yield Writer(symbols).publish


def _series(symbol: str) -> int:
    instrument, _ = Instrument.objects.get_or_create(symbol=symbol, defaults={"calendar": "24/7", "asset_class": "crypto"})
    series, _ = Series.objects.get_or_create(instrument=instrument, tier_id="T0")
    return series.pk


def _bars(symbols: tuple[str, ...], start: Micros, number: int) -> BarBatch:
    """Prices of two places and odd volumes, which compress as badly as real ones do."""
    rng, count = np.random.default_rng(number), len(symbols)
    opened = np.round(rng.uniform(20, 400, count), 2)
    return BarBatch(
        symbols=symbols,
        symbol_index=np.arange(count, dtype=np.int32),
        start=np.full(count, start, dtype=np.int64),
        open=opened,
        high=np.round(opened * 1.001, 2),
        low=np.round(opened * 0.999, 2),
        close=np.round(opened * 1.0005, 2),
        volume=rng.integers(100, 100_000, count).astype(np.float64),
        vwap=np.round(opened * 1.0002, 4),
        trade_count=np.full(count, number, dtype=np.float64),
    )
