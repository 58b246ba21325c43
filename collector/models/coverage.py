"""What is known of each session's slots, and why an absent bar is believed to mean "no trade"."""

from django.db import models
from django.db.models import Q

from collector.models.fields import MultirangeField, no_spans
from collector.models.instruments import Series
from providers.models import Provider

VERIFICATIONS = 2
"""A session is read again as a whole after its close and the next morning."""


class Coverage(models.Model):
    """Per (series, session): `held` spans have bars, `empty` ones were credibly answered without. Missing = expected minus both.

    `void`: slots whose row is there and counts for nothing, because its vendor or an operator took it back. No slot is held and void.

    The row is also the lock that serialises writers of one series and session (see `collector.store`).
    """

    session = models.DateField(help_text="Session date, or the exchange-local date of off-session rows.")
    held = MultirangeField(default=no_spans)
    empty = MultirangeField(default=no_spans)
    void = MultirangeField(default=no_spans)
    verified = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How many of the readings of the whole session after its close are done."
    )
    series = models.ForeignKey(Series, on_delete=models.CASCADE, db_index=False, related_name="+")
    pk = models.CompositePrimaryKey("series_id", "session")

    class Meta:
        indexes = (models.Index(fields=["session"], condition=Q(verified__lt=VERIFICATIONS), name="coverage_to_verify"),)


class Absence(models.Model):
    """One answer that had no bar for slots where one was expected: the evidence behind `Coverage.empty`.

    `is_believed` false: the answer alone was not credible (a mute vendor looks the same); another witness may still agree.
    """

    session = models.DateField()
    spans = MultirangeField()
    feed_scope = models.CharField(max_length=16)
    is_believed = models.BooleanField()
    why = models.CharField(max_length=40, help_text="The rule that decided, e.g. settled, mute_answer, many_empty_together.")
    asked_at = models.DateTimeField()
    series = models.ForeignKey(Series, on_delete=models.CASCADE, db_index=False, related_name="+")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["series", "session", "provider", "is_believed", "why"], name="absence_once_per_witness_and_rule"
            ),
        )
