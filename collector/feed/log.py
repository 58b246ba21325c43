"""The durable log behind the ring: `FeedBatch` rows. Postgres only."""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Min, Q

from collector.feed.batches import Batch
from collector.feed.position import Position
from collector.models import FeedBatch
from providers.market.types import Micros, from_us, to_us

LOCK_FEED_STAMP = 7_301_001
LOCK_FEED_SWEEP = 7_301_002
"""Advisory locks."""
PAGE_ROWS = 200


@dataclass(frozen=True, slots=True)
class EpochSpan:
    """Stamped rows of one epoch: the ends of what they cover, and how many messages they hold (fewer: there are holes)."""

    epoch: str
    seq_from: int
    seq_to: int
    messages: int


def newest_epoch() -> str:
    """The newest epoch of a stamped row, empty when there is none."""
    return FeedBatch.objects.order_by("-epoch", "-seq_to").values_list("epoch", flat=True).first() or ""


def wait_for_stamps(*, timeout_s: float = 10) -> None:
    """Return when every stamp that was under way is committed or given up.

    A publisher holds the lock shared from before its script until it has committed. Who has seen a new epoch and then got the lock
    knows that the rows of older epochs are final: what they lack goes out under the new epoch.

    Raises: OperationalError when a publisher takes longer than the timeout.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{round(timeout_s * 1000)}ms"])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_FEED_STAMP])


def hold_stamp_lock() -> None:
    """The publisher's side of `wait_for_stamps`; inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK_FEED_STAMP])


def spans_between(*, after: Position, upto: Position) -> list[EpochSpan]:
    """What rows cover behind `after` and not beyond `upto`, by epoch, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT epoch, min(seq_from), max(seq_to), sum(seq_to - seq_from)::bigint
                 FROM collector_feedbatch
                WHERE (epoch, seq_to) > (%s, %s) AND (epoch, seq_to) <= (%s, %s)
                GROUP BY epoch ORDER BY epoch""",
            [after.epoch, after.seq, upto.epoch, upto.seq],
        )
        return [EpochSpan(*row) for row in cursor.fetchall()]


def has_epoch(epoch: str) -> bool:
    """True while any row of an epoch is kept. Rows are deleted oldest first, so then all later ones are kept too."""
    return FeedBatch.objects.filter(epoch=epoch).exists()


def next_epoch(*, after: str, before: str) -> str:
    """The oldest epoch with rows that is newer than `after`, `before` when there is none in between."""
    later = FeedBatch.objects.filter(epoch__gt=after, epoch__lt=before)
    return later.order_by("epoch", "seq_to").values_list("epoch", flat=True).first() or before


def rows_after(position: Position, *, max_messages: int) -> list[Batch]:
    """The oldest batches of the position's epoch that reach behind it: at least one if there is one, about `max_messages`."""
    rows = FeedBatch.objects.filter(epoch=position.epoch, seq_to__gt=position.seq).order_by("epoch", "seq_to")
    wanted: list[int] = []
    total = 0
    for number, count in rows.values_list("id", "message_count")[:PAGE_ROWS]:
        if wanted and total + count > max_messages:
            break
        wanted.append(number)
        total += count
    columns = ("epoch", "seq_from", "seq_to", "published_at", "messages")
    return [
        Batch(epoch, seq_from, seq_to, to_us(at), bytes(messages))
        for epoch, seq_from, seq_to, at, messages in rows.filter(id__in=wanted).values_list(*columns)
    ]


def position_at(at: Micros) -> Position | None:
    """The position before the oldest row published at or after `at`, None when there is none."""
    rows = FeedBatch.objects.filter(published_at__gte=from_us(at)).order_by("published_at", "epoch", "seq_to")
    row = rows.values_list("epoch", "seq_from").first()
    return None if row is None else Position(row[0], row[1] or 0)


def is_kept_before(at: Micros) -> bool:
    """True while a row published before a time is kept. Rows are deleted oldest first, so then all later ones are kept too."""
    return FeedBatch.objects.filter(published_at__lt=from_us(at)).exists()


def oldest_recorded(*, since: Micros) -> Micros | None:
    """The oldest `recorded_at` of what was published at or after a time and is kept, None when nothing is.

    A row without a stamp counts as well: it may be in the ring already, and a reader who joins behind it there gets it by no other way.
    """
    since_then = Q(published_at__gte=from_us(since)) | Q(published_at=None)
    at = FeedBatch.objects.filter(since_then).aggregate(at=Min("recorded_at"))["at"]
    return None if at is None else to_us(at)


def published_at(position: Position) -> Micros | None:
    """When the batch that holds `position`, or the last kept one before it in its epoch, was published."""
    rows = FeedBatch.objects.filter(epoch=position.epoch, seq_from__lt=position.seq).order_by("-epoch", "-seq_to")
    at = rows.values_list("published_at", flat=True).first()
    return None if at is None else to_us(at)
