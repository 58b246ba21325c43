"""Time that many series miss at once: one row for the outage instead of one for each symbol."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from providers.market.types import Interval


class SameText(Func):
    """A text as a range of its hash: what GiST can compare without the extension btree_gist, which not every server has."""

    template = "int8range(hashtextextended(%(expressions)s, 0), hashtextextended(%(expressions)s, 0), '[]')"


class TimeSpan(Func):
    """Two moments as a half-open range."""

    function = "tstzrange"
    output_field = DateTimeRangeField()


class Incident(models.Model):
    """Missing time `[start, end)` that many series of one calendar and interval share. It grows with the outage and never shrinks.

    Open until nothing of it is missing any more; kept for MARKETDATA_INCIDENT_KEEP_DAYS from then.
    """

    id = models.BigAutoField(primary_key=True)
    calendar = models.CharField(max_length=16)
    interval = models.CharField(max_length=4, choices=[(i.value, i.value) for i in Interval])
    start = models.DateTimeField(help_text="Inclusive.")
    end = models.DateTimeField(help_text="Exclusive.")
    series_worst = models.PositiveIntegerField(help_text="Most series that missed some of it at once.")
    series_now = models.PositiveIntegerField(help_text="Series that still missed some of it when it was last looked at.")
    tiers = ArrayField(models.CharField(max_length=8), help_text="Of all series that missed some of it.")
    symbols = ArrayField(models.CharField(max_length=40), help_text="Some of them, from when most were missing.")
    cause = models.CharField(max_length=16, help_text="The commonest among its jobs; pending while no vendor was asked.")
    providers = models.JSONField(default=dict, help_text="What vendors said to its jobs: provider, code, how often.")
    found_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(help_text="When something of it was last missing.")
    ended_at = models.DateTimeField(null=True)
    part_of = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The incident that it turned out to be one with.",
    )

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="incident_runs_forwards"),
            models.CheckConstraint(condition=Q(series_now__lte=F("series_worst")), name="incident_worst_is_most"),
            ExclusionConstraint(
                name="incident_once_while_open",
                expressions=[
                    (SameText("calendar"), RangeOperators.OVERLAPS),
                    (SameText("interval"), RangeOperators.OVERLAPS),
                    (TimeSpan("start", "end", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
                condition=Q(ended_at=None),
            ),
        )
        indexes = (models.Index(fields=["-found_at", "-id"], name="incident_newest_first"),)

    def __str__(self) -> str:
        return f"{self.calendar} {self.interval} from {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"
