"""Bars as they are held, what they were before, what was said otherwise, and what was refused.

`Bar` is partitioned by month of `start` and written by `collector.store` alone. Composite keys can't be registered in the Django
admin: these tables have browser views of their own. A foreign key that is checked row by row costs 2.6 times the COPY, hence
`db_constraint=False`.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from collector.models.instruments import Series
from collector.models.rejected import RejectedRow
from providers.models import Provider


class Withdrawal(models.TextChoices):
    """Who took a bar back; its row stays, and counts for nothing until a newer value takes its place."""

    VENDOR = "vendor", "its vendor no longer sends it"
    OPERATOR = "operator", "an operator declared it bad"


class BarColumns(models.Model):
    """What one provider said of one slot. Prices are IEEE doubles: the shortest decimal form is what the vendor sent."""

    start = models.DateTimeField(help_text="The bar's open, inclusive.")
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.FloatField(null=True, help_text="Null: unknown, which is not zero.")
    vwap = models.FloatField(null=True)
    trade_count = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField(help_text="When the request left; decides which of two answers of a provider is newer.")
    received_at = models.DateTimeField()
    provider = models.ForeignKey(Provider, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")

    class Meta:
        abstract = True


class HeldBar(BarColumns):
    """A bar that is held now."""

    rev = models.IntegerField(default=1, help_text="1 for the first value, one more with each that replaced it.")
    recorded_at = models.DateTimeField(help_text="Taken inside the write, after its locks: revisions of a bar never invert.")
    withdrawn_by = models.CharField(max_length=8, null=True, choices=Withdrawal.choices, help_text="Null: it counts.")
    pk = models.CompositePrimaryKey("series_id", "start")

    class Meta:
        abstract = True
        constraints = (
            models.CheckConstraint(
                condition=Q(low__lte=F("open")) & Q(low__lte=F("close")) & Q(high__gte=F("open")) & Q(high__gte=F("close")),
                name="%(class)s_prices_in_order",
            ),
            models.CheckConstraint(condition=Q(volume=None) | Q(volume__gte=0), name="%(class)s_volume_not_negative"),
        )
        # Rows lie in the order in which they were recorded: a BRIN finds a span of time, and costs the COPY a tenth of what a B-tree does.
        indexes = (BrinIndex(fields=["recorded_at"], name="%(class)s_recorded", autosummarize=True, pages_per_range=32),)


class Bar(HeldBar):
    """Intraday bars. Partitioned by month (see the migration); partitions are made ahead of the rows, dropped after MARKETDATA_BAR_KEEP_DAYS."""

    class Meta(HeldBar.Meta):
        db_table = "collector_bar"


class DailyBar(HeldBar):
    """`1d` bars: `start` is 00:00 UTC of the session date. One plain table."""

    class Meta(HeldBar.Meta):
        db_table = "collector_dailybar"


class BarRevision(BarColumns):
    """A value that a newer one replaced. With the held bar it answers "what did we know at T"."""

    id = models.BigAutoField(primary_key=True)
    rev = models.IntegerField()
    recorded_at = models.DateTimeField(help_text="When this value was recorded.")
    replaced_at = models.DateTimeField(help_text="When it stopped being the held one.")
    withdrawn_by = models.CharField(max_length=8, null=True, choices=Withdrawal.choices, help_text="Null: it counted.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["series", "start", "rev"], name="revision_once"),)


class BarAlternate(BarColumns):
    """A differing value of a provider that may not replace the held one: the newest, and how often it was seen."""

    id = models.BigAutoField(primary_key=True)
    times_seen = models.IntegerField(default=1)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["series", "start", "provider"], name="alternate_once_per_provider"),)


class RejectedBar(RejectedRow):
    """A bar that a provider sent and we refused. It never covers its slot."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="+")
    start = models.DateTimeField(null=True, help_text="Null when the row named no readable time.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["series", "provider", "fingerprint"], name="rejected_row_once"),)
        indexes = (models.Index(fields=["-last_seen_at", "-id"], name="rejected_newest_first"),)

    def __str__(self) -> str:
        return f"{self.reason} at {self.start}"
