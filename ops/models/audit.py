"""The record of what operators did."""

from django.db import models


class AuditEntry(models.Model):
    """One action of an operator: who did what to how much, through what and why. Never changed; deleted by age only, MARKETDATA_AUDIT_KEEP_DAYS."""

    class Through(models.TextChoices):
        """The ways in."""

        API = "api", "API"
        ADMIN = "admin", "admin"
        COMMAND = "command", "command"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    who = models.CharField(max_length=150)
    through = models.CharField(max_length=8, choices=Through.choices)
    action = models.CharField(max_length=40, help_text="Stable name, e.g. dead_letter_requeue.")
    filter = models.JSONField(default=dict, help_text="What it was asked to act on.")
    counts = models.JSONField(default=dict, help_text="What became of how many.")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=["-at", "-id"], name="audit_newest_first"),
            models.Index(fields=["action", "-at"], name="audit_by_action"),
        )

    def __str__(self) -> str:
        return f"{self.action} by {self.who}"
