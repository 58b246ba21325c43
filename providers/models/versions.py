"""Immutable versions of who is asked in which order, the one that is active, and which one each process runs."""

from django.db import models
from django.db.models import Q


class PolicyVersion(models.Model):
    """One validated candidate, stored whole and never changed. `content` is what `providers.policy` builds and reads."""

    number = models.BigIntegerField(
        primary_key=True, help_text="Epoch seconds of the reload, or one more than the version before."
    )
    content = models.JSONField()
    checksum = models.CharField(max_length=64)
    author = models.CharField(max_length=150)
    through = models.CharField(max_length=20, help_text="admin, api, command or start.")
    created_at = models.DateTimeField()
    diff = models.JSONField(
        default=list, help_text="What it changes of the version that was active then, with each value's source."
    )

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return str(self.number)


class ActivePolicy(models.Model):
    """The one row that says which version runs. Moved by one UPDATE."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    activated_at = models.DateTimeField()
    activated_by = models.CharField(max_length=150)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="one_active_policy"),)

    def __str__(self) -> str:
        return str(self.version_id)


class ReloadAttempt(models.Model):
    """Each attempt to make a version active, refused ones too: an operator sees why nothing changed. Kept for 90 days."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    is_ok = models.BooleanField()
    error = models.TextField(blank=True, help_text="The first fault of a refused candidate.")
    version = models.BigIntegerField(null=True, help_text="The version that it made active.")
    author = models.CharField(max_length=150)
    through = models.CharField(max_length=20, help_text="admin, api, command or start.")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(is_ok=True, error="", version__isnull=False) | (Q(is_ok=False) & ~Q(error="")),
                name="reload_attempt_says_why",
            ),
        )

    def __str__(self) -> str:
        return f"{self.at}: {f'version {self.version}' if self.is_ok else self.error}"


class ProcessVersion(models.Model):
    """The versions, of the policy and of the program, that one process runs, as it last said."""

    process = models.CharField(max_length=100, primary_key=True, help_text="host:role:pid")
    host = models.CharField(max_length=64)
    role = models.CharField(max_length=16)
    version = models.BigIntegerField(null=True)
    code = models.CharField(max_length=20, blank=True, help_text="Version of the program itself; empty: an older one.")
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("role", "process")

    def __str__(self) -> str:
        return f"{self.process}: {self.version}"
