"""The durable log behind the feed's ring."""

from django.db import models
from django.db.models import Q


class FeedBatch(models.Model):
    """What one write changed, as feed messages. Inserted in the write's own transaction, stamped when it is published.

    `messages` is a JSON array without `seq`: the message at index i has `seq = seq_from + i + 1`. Rows stay 48 hours.
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
