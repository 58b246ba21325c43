"""What each provider has been asked of late: one row a provider, taken from under its lock in blocks."""

from django.db import models

from providers.models.accounts import Provider


class ProviderBudget(models.Model):
    """The tokens that all workers took of one provider's allowance; see `providers.budget` for what `memory` holds."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, primary_key=True, related_name="budget")
    memory = models.JSONField(default=dict)
    blocked_until = models.DateTimeField(null=True, help_text="The vendor said to wait, or its quota is used up.")
    blocked_reason = models.CharField(max_length=200, blank=True)
    updated_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.pk}"
