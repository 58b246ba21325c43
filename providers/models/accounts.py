"""Who can be asked, and in which order: plain rows that operators edit."""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from providers.accounts import check_options
from providers.adapter import optional_credential_names
from providers.market.types import Adjustment, Capability, FeedScope
from providers.registry import adapter_names, get_adapter


def _choices(names: type[Adjustment] | type[FeedScope] | type[Capability]) -> list[tuple[str, str]]:
    return [(name.value, name.value) for name in names]


def capability_choices() -> list[tuple[str, str]]:
    """What rows may be about."""
    return _choices(Capability)


def adapter_choices() -> list[tuple[str, str]]:
    """What the admin offers for `Provider.adapter`: every file in `providers/adapters/`."""
    return [(name, name) for name in adapter_names()]


class Provider(models.Model):
    """One account at one vendor. Secrets are never stored: `credentials` names the environment variables that hold them."""

    name = models.SlugField(max_length=40, unique=True, help_text="How policies, rows and metrics call it.")
    adapter = models.CharField(max_length=40, choices=adapter_choices)
    is_enabled = models.BooleanField(default=True, help_text="Off: never asked, whatever a policy says.")
    base_url = models.CharField(
        max_length=200,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Empty: the vendor's public address.",
    )
    credentials = models.JSONField(
        default=dict, blank=True, help_text='Credential → environment variable, e.g. {"api_key": "POLYGON_API_KEY"}.'
    )
    options = models.JSONField(
        default=dict,
        blank=True,
        help_text='What only this vendor can be told, e.g. {"bar_label": "end"}; see docs/providers.md.',
    )
    rate_per_minute = models.PositiveIntegerField(
        default=300, help_text="Requests (or what the vendor counts instead) in any 60 seconds that the account allows."
    )
    rate_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="The same for a day that begins at 00:00 UTC; empty: no daily quota."
    )
    live_reserve_percent = models.PositiveSmallIntegerField(
        default=50, help_text="Share of the allowance that backfill never touches."
    )
    feed_scope = models.CharField(max_length=16, choices=_choices(FeedScope), default=FeedScope.CONSOLIDATED)
    adjustment = models.CharField(max_length=16, choices=_choices(Adjustment), default=Adjustment.RAW)
    overlap_seconds = models.PositiveIntegerField(
        default=900, help_text="What each live request re-reads for late corrections."
    )
    settle_after_seconds = models.PositiveIntegerField(
        default=90, help_text="An absent bar means nothing before its slot has been closed for this long."
    )
    timeout_seconds = models.PositiveIntegerField(default=20, help_text="Deadline of one call, all its pages.")
    slow_after_ms = models.PositiveIntegerField(default=5_000, help_text="A call that takes longer counts as slow.")

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=Q(rate_per_minute__gt=0), name="provider_rate_positive"),
            models.CheckConstraint(condition=Q(rate_per_day=None) | Q(rate_per_day__gt=0), name="provider_daily_rate_positive"),
            models.CheckConstraint(condition=Q(live_reserve_percent__lte=100), name="provider_reserve_is_a_share"),
            models.CheckConstraint(condition=Q(timeout_seconds__gt=0), name="provider_timeout_positive"),
            models.CheckConstraint(condition=Q(adjustment__in=[a.value for a in Adjustment]), name="provider_adjustment_known"),
            models.CheckConstraint(condition=Q(feed_scope__in=[s.value for s in FeedScope]), name="provider_feed_scope_known"),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises: ValidationError for a rename under a policy, a missing credential, an unknown credential or option."""
        self._check_name()
        try:
            adapter = get_adapter(self.adapter)
        except KeyError as error:
            raise ValidationError({"adapter": str(error.args[0])}) from error
        wanted, optional = set(adapter.credential_names), optional_credential_names(adapter)
        if not isinstance(self.credentials, dict) or not wanted <= set(self.credentials) <= wanted | optional:
            expected = ", ".join(sorted(wanted)) or "none"
            also = f" and perhaps {', '.join(sorted(optional))}" if optional else ""
            raise ValidationError({"credentials": f"expected exactly these keys: {expected}{also}; got {self.credentials!r}"})
        if not isinstance(self.options, dict):
            raise ValidationError({"options": f"expected an object of options, got {self.options!r}"})
        try:
            check_options(adapter, self.options)
        except ValueError as error:
            raise ValidationError({"options": str(error)}) from error

    def _check_name(self) -> None:
        """Policies hold names: under another one the provider would silently not be asked any more."""
        before = Provider.objects.filter(pk=self.pk).values_list("name", flat=True).first()
        if before is None or before == self.name:
            return
        policies = [
            f"{p.capability} of {p.tier or 'all tiers'}" for p in RoutingPolicy.objects.filter(providers__contains=[before])
        ]
        if policies:
            named = "; ".join(policies)
            raise ValidationError({"name": f"routing policies still name {before}: {named}. Take it out of them first."})


class RoutingPolicy(models.Model):
    """In which order providers are asked for one capability, for one tier or for all that have no row of their own."""

    capability = models.CharField(max_length=16, choices=capability_choices)
    tier = models.CharField(max_length=8, blank=True, help_text="Empty: every tier without a policy of its own.")
    providers = ArrayField(models.SlugField(max_length=40), help_text="Provider names, first asked first, separated by commas.")

    class Meta:
        ordering = ("capability", "tier")
        verbose_name_plural = "routing policies"
        constraints = (
            models.UniqueConstraint(fields=["capability", "tier"], name="policy_once_per_capability_and_tier"),
            models.CheckConstraint(condition=Q(providers__len__gt=0), name="policy_not_empty"),
        )

    def __str__(self) -> str:
        return f"{self.capability} {self.tier or 'all tiers'}: {', '.join(self.providers or [])}"

    def clean(self) -> None:
        """Raises: ValidationError that names an unknown or repeated provider."""
        names = self.providers or []
        known = set(Provider.objects.filter(name__in=names).values_list("name", flat=True))
        for name in names:
            if name not in known:
                raise ValidationError({"providers": f"unknown provider {name!r}"})
        if len(set(names)) != len(names):
            raise ValidationError({"providers": f"a provider stands twice in {', '.join(names)}"})
