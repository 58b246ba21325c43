"""Puts committed batches into the ring and stamps their rows with the range they were given.

A batch is published by whoever gets its row's lock: the worker that wrote it, on commit, or the sweeper when that worker died or
Valkey was away. The script remembers an unstamped batch's range, so a crash between script and stamp changes nothing.
Two workers' batches of one bar may go out in either order: readers keep the highest `rev`.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models.functions import Now

from collector.feed import log
from collector.feed.ring import FeedUnavailable, Ring, shared_ring
from collector.models import FeedBatch
from marketdata_site.observability import clock
from marketdata_site.observability.trace import maybe_trace
from providers.market.types import from_us, to_us

logger = logging.getLogger(__name__)
CHUNK_BATCHES = 20


def publish(*, batch_ids: Sequence[int]) -> None:
    """Publish batches; those that are published already, or being published by another process, are left alone.

    For `transaction.on_commit`: the write is done and must not seem to have failed, so an outage of Valkey or Postgres is logged
    and the sweeper publishes later.
    """
    try:
        for begin in range(0, len(batch_ids), CHUNK_BATCHES):
            _publish_chunk(batch_ids[begin : begin + CHUNK_BATCHES])
    except (FeedUnavailable, DatabaseError, InterfaceError) as error:
        logger.warning(
            "The feed can't be published now; the sweeper will: %s",
            error,
            extra={"action": "feed_publish_postponed", "feed_batch_ids": list(batch_ids)},
        )


def publish_committed() -> None:
    """Return when everything that is committed now has its place in the feed, whoever gives it.

    Call it outside of a transaction. Raises: FeedUnavailable.
    """
    batch_ids = list(FeedBatch.objects.filter(published_at=None).order_by("id").values_list("id", flat=True))
    for begin in range(0, len(batch_ids), CHUNK_BATCHES):
        _publish_chunk(batch_ids[begin : begin + CHUNK_BATCHES], waits=True)


def publish_unpublished(*, older_than_s: float, limit: int) -> int:
    """Publish at most `limit` batches that were written `older_than_s` ago or earlier and not published, oldest first; answer how many.

    Age is told by Postgres, whose clock stamped the rows. One sweeper works at a time, another one stops. Raises: FeedUnavailable.

    Each chunk is stamped by itself: what the ring evicts meanwhile must be readable from the rows, and who waits for stamps under way
    waits for a chunk, not for what an outage of hours left behind. Call it outside of a transaction.
    """
    waiting = FeedBatch.objects.filter(published_at=None, recorded_at__lte=Now() - timedelta(seconds=older_than_s))
    batch_ids = list(waiting.order_by("id").values_list("id", flat=True)[:limit])
    published = 0
    for begin in range(0, len(batch_ids), CHUNK_BATCHES):
        with transaction.atomic():
            if not _is_only_sweeper():
                break
            published += _publish_chunk(batch_ids[begin : begin + CHUNK_BATCHES])
    return published


def delete_batches(*, before: datetime, limit: int) -> int:
    """Delete batches published before, oldest first, at most `limit`; answer how many. Raises: FeedUnavailable."""
    old = FeedBatch.objects.filter(published_at__lt=before)
    chosen = list(old.order_by("published_at", "id").values_list("id", flat=True)[:limit])
    deleted, _ = FeedBatch.objects.filter(id__in=chosen).delete()
    shared_ring().confirm(batch_ids=chosen)  # ranges that a publisher killed after its commit never forgot
    return deleted


def _is_only_sweeper() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [log.LOCK_FEED_SWEEP])
        return bool(cursor.fetchone()[0])


@maybe_trace("publish")
def _publish_chunk(batch_ids: Sequence[int], *, waits: bool = False) -> int:
    """Ranges and stamps of what is ours to publish, in one transaction. The rows' locks keep every batch to one publisher.

    `waits`: until others have published or left what they hold. Who waits holds no row of a batch that somebody waits for.
    """
    ring = shared_ring()
    with transaction.atomic():
        log.hold_stamp_lock()
        rows = FeedBatch.objects.select_for_update(skip_locked=not waits).filter(id__in=batch_ids, published_at=None)
        stamped = [_publish_row(ring, row) for row in rows.order_by("id")]
        transaction.on_commit(partial(_confirm, ring, stamped))
    return len(stamped)


def _publish_row(ring: Ring, row: FeedBatch) -> int:
    place = ring.append(
        batch_id=row.pk,
        count=row.message_count,
        payload=bytes(row.messages),
        now=clock.now_us(),
        keep=settings.FEED_RING_MESSAGES,
        committed=to_us(row.recorded_at),
    )
    FeedBatch.objects.filter(pk=row.pk, published_at=None).update(
        epoch=place.epoch, seq_from=place.seq_from, seq_to=place.seq_to, published_at=from_us(place.at)
    )
    return row.pk


def _confirm(ring: Ring, batch_ids: list[int]) -> None:
    try:
        ring.confirm(batch_ids=batch_ids)
    except FeedUnavailable as error:
        logger.info(
            "Published batches stay remembered until they are deleted: %s", error, extra={"action": "feed_confirm_failed"}
        )
