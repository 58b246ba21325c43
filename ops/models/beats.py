"""Signs of life of the schedulers."""

from django.db import models


class BeatTick(models.Model):
    """When one scheduler last rang, by Postgres' clock. Written by the scheduler itself every few seconds, deleted a day after its last sign.

    A row, because messages and Valkey may be lost without anybody being late.
    """

    beat = models.CharField(max_length=100, primary_key=True, help_text="host:pid")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.beat
