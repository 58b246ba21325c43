"""Quotes as they were seen, the newest of each instrument, and what was refused.

`Quote` is partitioned by day of `at` and written by `collector.quotes_store` alone; as with bars, its composite key keeps it out of
the Django admin, and foreign keys are not checked row by row.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from collector.models.instruments import Instrument, Tier
from collector.models.rejected import RejectedRow
from providers.market.calendar import get_calendar
from providers.market.quotes import SizeUnit
from providers.market.types import Hours
from providers.models import Provider


class QuoteSeries(models.Model):
    """An instrument whose quotes are collected while its venue trades."""

    instrument = models.OneToOneField(Instrument, on_delete=models.PROTECT, related_name="quote_series")
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="quote_series")
    hours = models.CharField(max_length=8, choices=[(h.value, h.value) for h in Hours], default=Hours.REGULAR)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("instrument__symbol",)
        verbose_name = verbose_name_plural = "quote series"
        constraints = (
            models.CheckConstraint(condition=Q(hours__in=[h.value for h in Hours]), name="quote_series_hours_known"),
        )

    def __str__(self) -> str:
        return f"quotes of {self.instrument.symbol}"

    def clean(self) -> None:
        """Raises: ValidationError when the instrument's calendar has no such hours."""
        if not hasattr(self, "instrument"):
            return  # a form without an instrument; the field itself says so
        try:
            get_calendar(self.instrument.calendar, Hours(self.hours))
        except ValueError as error:
            raise ValidationError({"hours": str(error)}) from error


class QuoteColumns(models.Model):
    """What one provider said of one instrument at one time. A side without a price is null, and has no size."""

    at = models.DateTimeField(help_text="The vendor's time of the quote; where it names none, when the answer came.")
    bid = models.FloatField(null=True)
    ask = models.FloatField(null=True)
    bid_size = models.FloatField(null=True)
    ask_size = models.FloatField(null=True)
    size_unit = models.CharField(max_length=12, blank=True, choices=[(u.value, u.value) for u in SizeUnit if u])
    is_crossed = models.BooleanField(help_text="Bid above ask: kept as it came.")
    is_locked = models.BooleanField(help_text="Bid equals ask.")
    has_vendor_time = models.BooleanField(help_text="False: the vendor named no time, `at` is when its answer came.")
    rev = models.IntegerField(default=1, help_text="1, and one more with each other value that the vendor gave for this time.")
    asked_at = models.DateTimeField()
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField(help_text="Taken inside the write.")
    provider = models.ForeignKey(Provider, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")

    class Meta:
        abstract = True
        constraints = (
            models.CheckConstraint(condition=Q(bid__isnull=False) | Q(ask__isnull=False), name="%(class)s_has_a_side"),
            models.CheckConstraint(
                condition=(Q(bid_size=None) | Q(bid__isnull=False, bid_size__gte=0))
                & (Q(ask_size=None) | Q(ask__isnull=False, ask_size__gte=0)),
                name="%(class)s_sizes_of_prices",
            ),
            models.CheckConstraint(
                condition=Q(is_crossed=False, is_locked=False) & (Q(bid=None) | Q(ask=None) | Q(bid__lt=F("ask")))
                | Q(is_crossed=True, is_locked=False, bid__gt=F("ask"), ask__isnull=False, bid__isnull=False)
                | Q(is_crossed=False, is_locked=True, bid=F("ask"), ask__isnull=False, bid__isnull=False),
                name="%(class)s_marked_rightly",
            ),
        )


class Quote(QuoteColumns):
    """Every quote that was seen. Partitioned by day (see the migration); dropped after MARKETDATA_QUOTE_DAYS."""

    instrument = models.ForeignKey(
        Instrument, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    pk = models.CompositePrimaryKey("instrument_id", "at", "provider_id")

    class Meta(QuoteColumns.Meta):
        db_table = "collector_quote"
        indexes = (BrinIndex(fields=["recorded_at"], name="quote_recorded", autosummarize=True, pages_per_range=32),)


class LatestQuote(QuoteColumns):
    """The quote of an instrument with the newest `at`; it never moves back."""

    instrument = models.OneToOneField(Instrument, primary_key=True, on_delete=models.PROTECT, related_name="latest_quote")

    def __str__(self) -> str:
        return f"{self.instrument.symbol} {self.bid} / {self.ask}"


class RejectedQuote(RejectedRow):
    """A quote that a provider sent and we refused."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(null=True, help_text="Null when the row named no readable time.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["instrument", "provider", "fingerprint"], name="rejected_quote_once"),)
        indexes = (models.Index(fields=["-last_seen_at", "-id"], name="rejected_quote_newest_first"),)

    def __str__(self) -> str:
        return f"{self.reason} at {self.at}"
