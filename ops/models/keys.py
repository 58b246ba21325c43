"""Keys of programs."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from ops.access.scopes import Scope


class ApiKey(models.Model):
    """One program's way in. Made and revoked by `ops.access.issuing` only; never changed otherwise and never deleted by us."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=60, help_text="Which program has it.")
    prefix = models.CharField(max_length=11, help_text="The key's beginning, by which people tell it from others.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the whole key, which is kept nowhere.")
    scope = models.CharField(max_length=5, choices=[(one.value, one.value) for one in Scope])
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="From then on it opens nothing. None: never.")
    last_used_at = models.DateTimeField(null=True, help_text="To the minute: written at most once in one.")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "API key"
        default_permissions = ("add", "view")
        permissions = (
            ("empower_apikey", "Can make API keys that may change something (ops, admin)"),
            ("revoke_apikey", "Can revoke API key"),
        )
        constraints = (
            models.UniqueConstraint(fields=["prefix"], name="api_key_prefix_once"),
            models.CheckConstraint(condition=~Q(name=""), name="api_key_has_a_name"),
            models.CheckConstraint(condition=Q(scope__in=[one.value for one in Scope]), name="api_key_scope_is_known"),
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="api_key_digest_is_a_digest"),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("created_at")), name="api_key_expires_after_it_was_made"
            ),
        )

    def __str__(self) -> str:
        return f"key {self.name} ({self.prefix})"

    def state(self, *, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"
