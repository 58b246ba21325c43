"""What an operator knows better than a calendar: time in which somebody does not trade, or in which a provider is not to be asked."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import NullIf
from django.db.models.lookups import Exact

from collector.models.instruments import Instrument
from providers.market.calendar import get_calendar
from providers.models import Provider

MOST_DAYS = 366
"""Longer than any closure of a venue; what has ended for good has `delisted_at` or `collect_until`."""
TARGETS = ("calendar", "mic", "instrument", "provider")
_GIVEN = Func(
    NullIf("calendar", Value("")),
    NullIf("mic", Value("")),
    "instrument",
    "provider",
    function="num_nonnulls",
    output_field=models.IntegerField(),
)


class OverrideKind(models.TextChoices):
    """Why; all but maintenance mean the same for slots, and the word is for people."""

    CLOSURE = "closure", "closure"
    LATE_OPEN = "late_open", "late open"
    EARLY_CLOSE = "early_close", "early close"
    HALT = "halt", "halt"
    MAINTENANCE = "maintenance", "maintenance"


class CalendarOverride(models.Model):
    """Time `[start, end)` in which what it names does not trade: slots whose trading time lies wholly inside are not expected.

    Of a provider: it is not asked meanwhile, and its slots stay. Read anew by each scan, plan and job, so a change counts at once.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(
        max_length=12,
        choices=OverrideKind.choices,
        default=OverrideKind.CLOSURE,
        help_text="Halt: of one instrument. Maintenance: of a provider, which is not asked meanwhile. All others: no trading.",
    )
    calendar = models.CharField(
        max_length=16, blank=True, help_text="All instruments on this calendar, such as XNYS, whichever of its names they have."
    )
    mic = models.CharField(
        max_length=4, blank=True, verbose_name="MIC", help_text="All instruments of this venue, such as XNAS."
    )
    instrument = models.ForeignKey(Instrument, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="For maintenance, and only for that.",
    )
    start = models.DateTimeField(verbose_name="from", help_text="Inclusive, UTC.")
    end = models.DateTimeField(verbose_name="to", help_text="Exclusive, UTC.")
    why = models.CharField(max_length=300, help_text="What happened, for whoever looks at it later.")
    who = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ("-start", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=[k.value for k in OverrideKind]), name="override_kind_known"),
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="override_runs_forwards"),
            models.CheckConstraint(condition=Exact(_GIVEN, 1), name="override_is_about_one_thing"),
            models.CheckConstraint(
                condition=Q(kind="maintenance", provider__isnull=False) | (~Q(kind="maintenance") & Q(provider=None)),
                name="override_of_a_provider_is_maintenance",
            ),
            models.CheckConstraint(
                condition=~Q(kind="halt") | Q(instrument__isnull=False), name="override_halt_is_of_an_instrument"
            ),
            models.CheckConstraint(condition=~Q(why=""), name="override_says_why"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.target}, {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    @property
    def target(self) -> str:
        """What it is about."""
        return self.calendar or self.mic or str(self.instrument or self.provider)

    def clean(self) -> None:
        """Raises: ValidationError that says what was expected and what came."""
        problems = {**self._misplaced(), **self._unknown(), **self._backwards()}
        if problems:
            raise ValidationError(problems)

    def _misplaced(self) -> dict[str, str]:
        given = [name for name in TARGETS if getattr(self, name)]
        wanted = {OverrideKind.HALT: "instrument", OverrideKind.MAINTENANCE: "provider"}.get(OverrideKind(self.kind))
        if wanted and given != [wanted]:
            return {name: _expected(f"{self.kind} of one {wanted} and nothing else", given) for name in {wanted, *given}}
        if not wanted and "provider" in given:
            return {"provider": f"Expected no provider: {self.kind} is of what trades. Choose maintenance for a provider."}
        if len(given) != 1:
            return dict.fromkeys(given or TARGETS[:3], _expected("one of calendar, MIC and instrument", given))
        return {}

    def _unknown(self) -> dict[str, str]:
        problems = {}
        if self.calendar:
            try:
                get_calendar(self.calendar)
            except ValueError as error:
                used = sorted(set(Instrument.objects.order_by().values_list("calendar", flat=True)))
                close = str(error).split("known are")[0].rstrip("?; ")  # not the list of all there are
                problems["calendar"] = f"{close}. Instruments are on {_some(used)}."
        if self.mic and not Instrument.objects.filter(mic=self.mic).exists():
            used = sorted(set(Instrument.objects.order_by().values_list("mic", flat=True)))
            problems["mic"] = f"Expected the MIC of an instrument, got {self.mic!r}. Instruments have {_some(used)}."
        return problems

    def _backwards(self) -> dict[str, str]:
        if not self.start or not self.end:
            return {}  # the field itself says so
        if self.start >= self.end:
            return {"end": f"Expected a moment after {self.start:%Y-%m-%d %H:%M}, got {self.end:%Y-%m-%d %H:%M}."}
        if self.end - self.start > timedelta(days=MOST_DAYS):
            days = (self.end - self.start).days
            return {
                "end": f"Expected {MOST_DAYS} days at most, got {days}. What has ended for good has a day on which it was delisted,"
                " or until which it is collected."
            }
        return {}


def _expected(wanted: str, given: list[str]) -> str:
    return f"Expected {wanted}, got {' and '.join(given).replace('mic', 'MIC') or 'none of them'}."


def _some(names: list[Any], most: int = 12) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most) if names else "none yet"
