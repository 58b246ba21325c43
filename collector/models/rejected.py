"""What all kinds of refused rows have in common."""

from django.db import models

from providers.models import Provider


class RejectedRow(models.Model):
    """A row that a provider sent and we refused. Repeats of the same row are counted, not added."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=40, help_text="Short stable code, e.g. high_below_low.")
    detail = models.TextField(blank=True, help_text="What was expected and what came.")
    raw = models.TextField(help_text="The row as it came.")
    fingerprint = models.CharField(max_length=32, editable=False)
    times_seen = models.IntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        abstract = True
