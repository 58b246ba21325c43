"""How fast bars are written, revisions, coverage and feed batch included.

Rivals: a raw binary COPY of the same rows into the same table, and Django's `bulk_create(update_conflicts)`.
python -m benchmarks store
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np
from django.db import connection, transaction

from benchmarks.rows import row
from collector.copying import Column, copy_rows
from collector.core.messages import SeriesLabel
from collector.models import Bar, Instrument, Series
from collector.partitions import BARS, ensure_partitions
from collector.store import write_bars
from collector.store_batch import WriteBatch
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, BarBatch, Interval, to_us
from providers.models import Provider

START = to_us(datetime(2025, 1, 1, tzinfo=UTC))
ASKED = START + 400 * DAY_US
ROUNDS = 5
LARGE, SMALL, SMALL_BATCHES = 100_000, 1_000, 40


def run() -> list[dict[str, Any]]:
    """Rows in turn, ours and rival alternating, medians of several rounds."""
    make = _Batches()
    large = [
        (_timed(lambda: make.write(_columns(LARGE))), _timed(lambda: make.raw_copy(_columns(LARGE)))) for _ in range(ROUNDS)
    ]
    announced = [_timed(lambda: make.write(_columns(LARGE), is_history=False)) for _ in range(ROUNDS)]
    small = [(_timed(lambda: make.half_new(make.write)), _timed(lambda: make.half_new(make.upsert))) for _ in range(ROUNDS)]
    ours, rival = (LARGE / median(times) for times in zip(*large, strict=True))
    ours_small, rival_small = (SMALL * SMALL_BATCHES / median(times) for times in zip(*small, strict=True))
    return [
        row("write_bars, 100,000 new rows in one batch / raw COPY", ours=ours, rival=rival, ratio=ours / rival, target=">= 0.5x", unit="bars/s"),
        row(
            "write_bars, 1,000 rows a batch, half new / bulk_create(update_conflicts)",
            ours=ours_small, rival=rival_small, ratio=ours_small / rival_small, target=">= 4x", unit="bars/s",
        ),
        row("write_bars, 100,000 new rows, one message a bar", ours=LARGE / median(announced), unit="bars/s"),
    ]  # fmt: skip


def _timed(work: Callable[[], None]) -> float:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_bar, collector_coverage, collector_feedbatch, collector_barrevision")
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _columns(count: int, first: int = 0) -> BarBatch:
    rng = np.random.default_rng(first)
    opened = np.round(100 + rng.normal(0, 1, count).cumsum() * 0.01, 2)
    return BarBatch(
        symbols=("BENCH",),
        symbol_index=np.zeros(count, dtype=np.int32),
        start=START + (first + np.arange(count, dtype=np.int64)) * MINUTE_US,
        open=opened,
        high=opened + 0.05,
        low=opened - 0.05,
        close=np.round(opened + 0.01, 2),
        volume=rng.integers(0, 10_000, count).astype(np.float64),
        vwap=opened,
        trade_count=rng.integers(0, 500, count).astype(np.float64),
    )


class _Batches:
    def __init__(self) -> None:
        self.provider = Provider.objects.create(name="bench", adapter="polygon", credentials={"api_key": "BENCH_KEY"})
        instrument = Instrument.objects.create(symbol="BENCH", calendar="24/7", asset_class="crypto")
        self.series = Series.objects.create(instrument=instrument, tier_id="T0")
        self.calendar = get_calendar("24/7")
        ensure_partitions(BARS, BARS.periods_of(_columns(LARGE).start))

    def write(self, bars: BarBatch, *, is_history: bool = True) -> None:
        batch = WriteBatch(
            interval=Interval.M1, provider_id=self.provider.pk, provider="bench", feed_scope="consolidated", settle_after=90 * SECOND_US,
            ranks={self.provider.pk: 0}, asked_at=ASKED, received_at=ASKED, series_ids=np.array([self.series.pk]),
            labels=[SeriesLabel("BENCH", "XXXX", "regular", "raw")],
            session_days=self.calendar.session_days(bars.start, Interval.M1), bars=bars,
        )  # fmt: skip
        write_bars(batch, history_before=ASKED if is_history else START)

    def raw_copy(self, bars: BarBatch) -> None:
        count = len(bars)
        with transaction.atomic():
            copy_rows(
                "collector_bar",
                [
                    Column("series_id", "int8", np.full(count, self.series.pk)),
                    Column("start", "timestamptz", bars.start),
                    *(
                        Column(name, "float8", getattr(bars, name))
                        for name in ("open", "high", "low", "close", "volume", "vwap")
                    ),
                    Column("trade_count", "int8", bars.trade_count),
                    Column("asked_at", "timestamptz", np.full(count, ASKED)),
                    Column("received_at", "timestamptz", np.full(count, ASKED)),
                    Column("provider_id", "int8", np.full(count, self.provider.pk)),
                    Column("rev", "int4", np.ones(count, dtype=np.int32)),
                    Column("recorded_at", "timestamptz", np.full(count, ASKED)),
                ],
            )

    def half_new(self, write: Callable[[BarBatch], None]) -> None:
        """Batches that overlap by half: 500 rows of the batch before, unchanged, and 500 new ones."""
        whole = _columns(SMALL // 2 * (SMALL_BATCHES + 1))
        for k in range(SMALL_BATCHES):
            write(whole.where(np.arange(k * SMALL // 2, k * SMALL // 2 + SMALL)))

    def upsert(self, bars: BarBatch) -> None:
        stamp = datetime(2026, 2, 5, tzinfo=UTC)
        names = ("open", "high", "low", "close", "volume", "vwap")
        columns = zip(bars.start.tolist(), *(getattr(bars, n).tolist() for n in names), bars.trade_count.tolist(), strict=True)
        Bar.objects.bulk_create(
            [
                Bar(
                    series_id=self.series.pk, provider_id=self.provider.pk, rev=1, asked_at=stamp, received_at=stamp, recorded_at=stamp,
                    start=datetime.fromtimestamp(start / 1e6, UTC), trade_count=int(count), **dict(zip(names, values, strict=True)),
                )
                for start, *values, count in columns
            ],
            update_conflicts=True,
            unique_fields=["series", "start"],
            update_fields=[*names, "trade_count", "received_at", "recorded_at"],
        )  # fmt: skip
