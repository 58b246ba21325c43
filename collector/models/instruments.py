"""What is collected: tiers, instruments, series."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from collector.models.fields import MultirangeField, no_spans
from marketdata_site.observability.clock import now
from providers.market.calendar import get_calendar
from providers.market.types import Adjustment, AssetClass, FeedScope, Hours, Interval


def next_minute() -> datetime:
    """The default of `Series.collect_from`: a new series has no history of gaps until somebody asks for one."""
    return now().replace(second=0, microsecond=0) + timedelta(minutes=1)


class Tier(models.Model):
    """How much an instrument matters: when it is asked for, and what share of it must be there."""

    code = models.CharField(max_length=8, primary_key=True)
    cadence_seconds = models.PositiveIntegerField(default=60, help_text="A plan is made once in so many seconds.")
    lateness_seconds = models.PositiveIntegerField(help_text="How long after a slot closes vendors are first asked.")
    objective = models.FloatField(help_text="Highest share of series that may be behind, e.g. 0.005.")
    backfill_cap = models.PositiveIntegerField(help_text="Most backfill jobs that may wait at once.")
    planned_through = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Newest boundary a plan was made for."
    )
    quote_cadence_seconds = models.PositiveIntegerField(default=60, help_text="Quotes are asked for once in so many seconds.")
    quotes_planned_through = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Newest boundary that quotes were planned for."
    )

    class Meta:
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(condition=Q(cadence_seconds__gte=1), name="tier_cadence_positive"),
            models.CheckConstraint(condition=Q(lateness_seconds__lt=F("cadence_seconds")), name="tier_lateness_under_cadence"),
            models.CheckConstraint(condition=Q(objective__gt=0) & Q(objective__lt=1), name="tier_objective_is_a_share"),
            models.CheckConstraint(condition=Q(backfill_cap__gt=0), name="tier_cap_positive"),
            models.CheckConstraint(condition=Q(quote_cadence_seconds__gte=1), name="tier_quote_cadence_positive"),
        )

    def __str__(self) -> str:
        return self.code


class Instrument(models.Model):
    """One thing that trades at one venue. `mic` is ISO 10383; `XXXX` means no market (FX, crypto, indices by a vendor)."""

    symbol = models.CharField(max_length=40)
    mic = models.CharField(max_length=4, default="XXXX", verbose_name="MIC")
    name = models.CharField(max_length=120, blank=True)
    asset_class = models.CharField(max_length=8, choices=[(a.value, a.value) for a in AssetClass], default=AssetClass.EQUITY)
    calendar = models.CharField(max_length=16, help_text="An exchange_calendars name, 24/7, 24/5, CME or FX.")
    listed_at = models.DateTimeField(null=True, blank=True)
    delisted_at = models.DateTimeField(null=True, blank=True)
    vendor_symbols = models.JSONField(
        default=dict, blank=True, help_text="Provider → its symbol, where it differs from the adapter's spelling."
    )

    class Meta:
        ordering = ("symbol", "mic")
        constraints = (
            models.UniqueConstraint(fields=["symbol", "mic"], name="instrument_once_per_venue"),
            models.CheckConstraint(condition=~Q(symbol=""), name="instrument_symbol_not_empty"),
            models.CheckConstraint(
                condition=Q(listed_at=None) | Q(delisted_at=None) | Q(listed_at__lt=F("delisted_at")),
                name="instrument_listed_before_delisted",
            ),
        )

    def __str__(self) -> str:
        return f"{self.symbol} ({self.mic})"

    def clean(self) -> None:
        """Raises: ValidationError for a calendar that is unknown or lacks a series' hours, or vendor symbols that are no map of texts."""
        self._check_calendar()
        texts = self.vendor_symbols if isinstance(self.vendor_symbols, dict) else {"": None}
        if not all(isinstance(symbol, str) and symbol for symbol in texts.values()):
            raise ValidationError({"vendor_symbols": f"expected a map of provider to symbol, got {self.vendor_symbols!r}"})

    def _check_calendar(self) -> None:
        try:
            get_calendar(self.calendar)
        except ValueError as error:
            raise ValidationError({"calendar": str(error)}) from error
        held = set(Series.objects.filter(instrument=self.pk).order_by().values_list("hours", flat=True))
        quotes = getattr(self, "quote_series", None)
        for hours in sorted(held | ({quotes.hours} if quotes else set())):
            try:
                get_calendar(self.calendar, Hours(hours))
            except ValueError as error:
                raise ValidationError({"calendar": f"There is a series of {hours} hours: {error}"}) from error


class Series(models.Model):
    """What is collected of an instrument. Its expected slots lie in `[collect_from, collect_until)` and in `history`, clipped to the listing."""

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="series")
    interval = models.CharField(max_length=4, choices=[(i.value, i.value) for i in Interval], default=Interval.M1)
    hours = models.CharField(max_length=8, choices=[(h.value, h.value) for h in Hours], default=Hours.REGULAR)
    adjustment = models.CharField(max_length=16, choices=[(a.value, a.value) for a in Adjustment], default=Adjustment.RAW)
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="series")
    feed_scope = models.CharField(
        max_length=16,
        blank=True,
        choices=[(s.value, s.value) for s in FeedScope],
        help_text="The only feed this series accepts; empty: any, but only a consolidated one can prove that a slot had no trade.",
    )
    collect_from = models.DateTimeField(default=next_minute, help_text="Slots that start before it are nobody's gap.")
    collect_until = models.DateTimeField(null=True, blank=True)
    history = MultirangeField(
        default=no_spans, editable=False, help_text="Spans outside of those two that an operator asked for."
    )
    is_active = models.BooleanField(default=True)
    answered_through = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="End of the newest slot that a vendor credibly answered for."
    )

    class Meta:
        ordering = ("instrument__symbol", "interval")
        verbose_name_plural = "series"
        constraints = (
            models.UniqueConstraint(fields=["instrument", "interval", "hours", "adjustment"], name="series_once"),
            models.CheckConstraint(
                condition=Q(collect_until=None) | Q(collect_from__lt=F("collect_until")), name="series_collected_forwards"
            ),
            models.CheckConstraint(condition=Q(interval__in=[i.value for i in Interval]), name="series_interval_known"),
            models.CheckConstraint(condition=Q(hours__in=[h.value for h in Hours]), name="series_hours_known"),
        )

    def __str__(self) -> str:
        return f"{self.instrument.symbol} {self.interval} {self.hours} {self.adjustment}"

    def clean(self) -> None:
        """Raises: ValidationError when the instrument's calendar has no such hours."""
        if not hasattr(self, "instrument"):
            return  # a form without an instrument; the field itself says so
        try:
            get_calendar(self.instrument.calendar, Hours(self.hours))
        except ValueError as error:
            raise ValidationError({"hours": str(error)}) from error
