"""The durable log behind the feed's ring, and what was told on it of whole intervals."""

from django.db import models
from django.db.models import Q

from collector.models.instruments import Tier
from providers.market.types import Interval


class FeedBatch(models.Model):
    """What one write changed, as feed messages. Inserted in the write's own transaction, stamped when it is published.

    `messages` is a JSON array without `seq`: the message at index i has `seq = seq_from + i + 1`. Rows stay for MARKETDATA_FEED_BATCH_HOURS.
    """

    id = models.BigAutoField(primary_key=True)
    recorded_at = models.DateTimeField(help_text="`clock_timestamp()` after the write's locks.")
    message_count = models.IntegerField()
    messages = models.BinaryField()
    epoch = models.CharField(max_length=40, blank=True, help_text="Empty until published.")
    seq_from = models.BigIntegerField(null=True, help_text="Exclusive.")
    seq_to = models.BigIntegerField(null=True, help_text="Inclusive.")
    published_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(message_count__gt=0), name="feed_batch_not_empty"),
            models.CheckConstraint(
                condition=Q(published_at=None, seq_from=None, seq_to=None, epoch="")
                | (Q(published_at__isnull=False, seq_from__isnull=False, seq_to__isnull=False) & ~Q(epoch="")),
                name="feed_batch_stamped_whole",
            ),
        )
        indexes = (
            models.Index(fields=["id"], condition=Q(published_at=None), name="feed_batch_unpublished"),
            models.Index(fields=["epoch", "seq_to"], name="feed_batch_position"),
            models.Index(fields=["published_at", "id"], name="feed_batch_published"),
        )


class FeedMark(models.Model):
    """A slot of an interval that was told to be complete for all series of a tier, or overdue: each once, complete at last.

    The counts are those that were told; `start` is the slot's. Rows stay for MARKETDATA_MARK_KEEP_DAYS.
    """

    tier = models.ForeignKey(Tier, on_delete=models.CASCADE, db_index=False, related_name="+")
    interval = models.CharField(max_length=4, choices=[(i.value, i.value) for i in Interval])
    start = models.DateTimeField()
    is_complete = models.BooleanField()
    expected = models.PositiveIntegerField(help_text="Series that must have the slot.")
    held = models.PositiveIntegerField(help_text="Those that had a bar.")
    empty = models.PositiveIntegerField(help_text="Those that provably had no trade.")
    told_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tier", "interval", "start", "is_complete"], name="mark_once"),
            models.CheckConstraint(
                condition=Q(is_complete=False) | Q(expected=models.F("held") + models.F("empty")), name="mark_complete_is_whole"
            ),
        )
