"""How each provider stands at each capability: health, breaker, overrides, and the samples that tell its history.

Written by `providers.services.standings` alone, under the row's lock, in batches; read by whoever chooses a provider.
"""

from django.db import models
from django.db.models import Q

from providers.models.accounts import Provider, capability_choices

PHASES = [("closed", "closed"), ("open", "open"), ("half_open", "half-open")]
FORCED = [("", "not forced"), ("open", "forced open"), ("closed", "forced closed")]


class ProviderState(models.Model):
    """One provider at one capability, as all workers see it."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="states")
    capability = models.CharField(max_length=16, choices=capability_choices)
    memory = models.JSONField(
        default=dict, help_text="Decayed counters and the breaker's recent calls; see providers.health and providers.breaker."
    )
    score = models.FloatField(default=0.9, help_text="H, as of `updated_at`.")
    parts = models.JSONField(default=dict, help_text="What the score is made of.")
    good_since = models.DateTimeField(null=True, help_text="Since when the score has been at or above the promote threshold.")
    phase = models.CharField(max_length=10, choices=PHASES, default="closed")
    phase_since = models.DateTimeField(null=True)
    open_until = models.DateTimeField(null=True, help_text="Not asked before; then one probe at a time.")
    trips = models.PositiveIntegerField(default=0, help_text="Trips in a row; each keeps the breaker open for longer.")
    probe_holder = models.CharField(max_length=80, blank=True, help_text="Who holds the fleet's one probe.")
    probe_until = models.DateTimeField(null=True, help_text="When the probe is free again, whatever became of its holder.")
    forced = models.CharField(max_length=8, choices=FORCED, blank=True)
    forced_until = models.DateTimeField(null=True)
    forced_by = models.CharField(max_length=150, blank=True)
    forced_reason = models.CharField(max_length=200, blank=True)
    isolated_at = models.DateTimeField(
        null=True, help_text="Not asked until a human or a reload readmits it: bad key, or not entitled."
    )
    isolated_reason = models.CharField(max_length=300, blank=True)
    used_at = models.DateTimeField(null=True, help_text="When an outcome was last reported.")
    local_error_at = models.DateTimeField(null=True, help_text="Last failure on our side of the wire.")
    updated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("provider__name", "capability")
        verbose_name = verbose_name_plural = "provider health"
        permissions = (("override_breaker", "Can force breakers open or closed and readmit isolated providers"),)
        constraints = (
            models.UniqueConstraint(fields=["provider", "capability"], name="state_once_per_provider_and_capability"),
            models.CheckConstraint(condition=Q(score__gte=0) & Q(score__lte=1), name="state_score_is_a_share"),
            models.CheckConstraint(condition=~Q(phase="open") | Q(open_until__isnull=False), name="state_open_has_an_end"),
            models.CheckConstraint(condition=Q(forced="") | Q(forced_until__isnull=False), name="state_forced_has_an_end"),
        )

    def __str__(self) -> str:
        return f"{self.provider} at {self.capability}"


class HealthSample(models.Model):
    """The score and all its parts at one moment, every 10 s while the provider is in use."""

    id = models.BigAutoField(primary_key=True)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+", db_index=False)
    capability = models.CharField(max_length=16)
    at = models.DateTimeField(help_text="A multiple of 10 s.")
    score = models.FloatField()
    phase = models.CharField(max_length=10)
    parts = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["provider", "capability", "at"], name="health_sample_once"),)
        indexes = (
            models.Index(fields=["provider", "-at"], name="health_newest_first"),
            models.Index(fields=["at"], name="health_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.provider_id} {self.capability} {self.at}: {self.score:.2f}"


class Incumbent(models.Model):
    """Who is asked first for a capability of a tier now. Kept, so that a choice does not flap with each score."""

    capability = models.CharField(max_length=16)
    tier = models.CharField(max_length=8)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["capability", "tier"], name="incumbent_once"),)

    def __str__(self) -> str:
        return f"{self.capability} {self.tier}: {self.provider_id}"
