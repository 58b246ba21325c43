"""One row of each kind that goes by its age, and bars with all that is known of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from collector.models import (
    Backfill,
    BackfillState,
    BarRevision,
    DeadLetter,
    FeedBatch,
    FeedMark,
    Incident,
    RejectedBar,
    RejectedQuote,
    Series,
)
from collector.partitions import BARS, QUOTES, ensure_partitions
from collector.store import write_bars
from ops.models import AuditEntry, BulkItem, BulkOperation
from providers.market.types import MINUTE_US, Micros, from_us
from providers.models import HealthSample, ProcessVersion
from tests.builders import row
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.rows import make_provider, make_series, make_tier, make_write

LONG_AGO = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
_PRICES = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}


def _series() -> Series:
    return Series.objects.first() or make_series()


def _revision(at: datetime) -> BarRevision:
    times = {"asked_at": LONG_AGO, "received_at": LONG_AGO, "recorded_at": LONG_AGO, "replaced_at": at}
    place = {"series": _series(), "start": LONG_AGO, "rev": BarRevision.objects.count() + 1}
    return BarRevision.objects.create(provider=make_provider(), **times, **place, **_PRICES)


def _rejected(at: datetime) -> dict[str, Any]:
    return {
        "provider": make_provider(),
        "reason": "off_grid",
        "raw": "{}",
        "fingerprint": at.isoformat(),
        "first_seen_at": LONG_AGO,
        "last_seen_at": at,
    }


def _batch(at: datetime) -> FeedBatch:
    place = {"epoch": "e", "seq_from": 0, "seq_to": 1, "published_at": at}
    return FeedBatch.objects.create(recorded_at=LONG_AGO, message_count=1, messages=b"[]", **place)


def _mark(at: datetime) -> FeedMark:
    counts = {"expected": 1, "held": 1, "empty": 0}
    return FeedMark.objects.create(tier=make_tier(), interval="1m", start=at, is_complete=True, told_at=at, **counts)


def _discarded(at: datetime) -> Backfill:
    start = f"2020-01-01 {Backfill.objects.count():02d}:00"
    job = make_job(_series(), start=start, end=f"{start[:-2]}10", state=BackfillState.DISCARDED, finished_at=at)
    DeadLetter.objects.create(backfill=job, reason="x", fingerprint="y", missing_minutes=1, died_at=LONG_AGO)
    return job


def _item(at: datetime) -> BulkItem:
    times = {"created_at": LONG_AGO, "updated_at": LONG_AGO, "next_at": LONG_AGO, "finished_at": at}
    operation = BulkOperation.objects.create(kind="requeue", who="w", through="api", state="done", chunk=1, **times)
    return BulkItem.objects.create(operation=operation, job_id=1, died_at=LONG_AGO, lane="recent", tier="T0", interval="1m")


def _incident(at: datetime) -> Incident:
    values = {"series_worst": 1, "series_now": 0, "tiers": [], "symbols": [], "cause": "pending"}
    times = {"start": LONG_AGO, "end": LONG_AGO + timedelta(hours=1), "found_at": LONG_AGO, "last_seen_at": LONG_AGO}
    part_of = Incident.objects.order_by("pk").first()  # the older one is the whole: it goes first
    return Incident.objects.create(calendar="XNYS", interval="1m", ended_at=at, part_of=part_of, **values, **times)


def _sample(at: datetime) -> HealthSample:
    return HealthSample.objects.create(provider=make_provider(), capability="bars_1m", at=at, score=0.5, phase="closed")


def _process(at: datetime) -> ProcessVersion:
    return ProcessVersion.objects.create(process=at.isoformat(), host="h", role="worker", version=1, seen_at=at)


MAKE: dict[str, Callable[[datetime], Any]] = {
    "revisions": _revision,
    "rejected-bars": lambda at: RejectedBar.objects.create(series=_series(), start=LONG_AGO, **_rejected(at)),
    "rejected-quotes": lambda at: RejectedQuote.objects.create(instrument=_series().instrument, at=LONG_AGO, **_rejected(at)),
    "feed-batches": _batch,
    "marks": _mark,
    "backfills": _discarded,
    "bulk-items": _item,
    "incidents": _incident,
    "health-samples": _sample,
    "processes": _process,
    "audit": lambda at: AuditEntry.objects.create(at=at, who="w", through="api", action="x"),
}
"""By the name of its kind: a row of that age."""


def coin(symbol: str = "BTC") -> Series:
    """A series of 1m that trades round the clock."""
    return make_series(symbol, mic="XXXX", calendar="24/7", asset_class="crypto")


def hold(series: Series, *starts: Micros, **rest: Any) -> None:
    """Bars of those minutes, each corrected once and contradicted by another provider once."""
    for provider, close, later in (("polygon", 10.1, 1), ("polygon", 10.2, 2), ("alpaca", 10.3, 3)):
        ranks = {make_provider("polygon").pk: 0, make_provider("alpaca").pk: 1}
        rows = [row(start, close, symbol=series.instrument.symbol) for start in starts]
        asked_at = max(starts) + later * MINUTE_US
        batch = make_write([series], rows, provider=make_provider(provider), asked_at=asked_at, ranks=ranks, **rest)
        write_bars(batch, history_before=0)


def partitions() -> set[str]:
    """All of bars and quotes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN (%s::regclass, %s::regclass)",
            [BARS.table, QUOTES.table],
        )
        return {name for (name,) in cursor.fetchall()}


def make_months(*moments: Micros) -> list[str]:
    """The partitions of bars that hold them."""
    periods = [BARS.period_of(from_us(one)) for one in moments]
    ensure_partitions(BARS, periods)
    return [BARS.partition_name(period) for period in periods]


def spans(*given: tuple[datetime, datetime]) -> Multirange[datetime]:
    """As rows hold them."""
    return Multirange([Range(start, end) for start, end in given])
