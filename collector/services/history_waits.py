"""Which series wait for room in the history lane, so that looking again need not look at everybody. Callers hold the locks of the caps."""

from collections.abc import Collection

from collector.models import HistoryWait
from providers.market.types import Micros, from_us


def series_ids() -> list[int]:
    """Those that wait."""
    return list(HistoryWait.objects.order_by("pk").values_list("pk", flat=True))


def remember(left_out: Collection[int], *, now: Micros) -> None:
    """Series of which a scan left something out."""
    rows = [HistoryWait(series_id=series_id, since=from_us(now)) for series_id in sorted(left_out)]
    HistoryWait.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5_000)


def forget(scanned: Collection[int] | None, *, but: Collection[int]) -> None:
    """Series whose history was looked at as a whole, None for all: they wait no longer, `but` those that something was left out of."""
    rows = HistoryWait.objects.all() if scanned is None else HistoryWait.objects.filter(pk__in=scanned)
    rows.exclude(pk__in=but).delete()
