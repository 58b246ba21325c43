"""Jobs that fill what is missing, what became of those that could not, and spans that nobody wants any more.

A job's row is the truth; a message only says "look now". Every change of a running job is guarded by its `lease`, so a worker that
wakes up late can't finish what was given to another.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from collector.models.instruments import Series
from providers.models import Provider


class BackfillState(models.TextChoices):
    """What a job waits for; each with who sets it, what moves it on, and how long it is kept."""

    QUEUED = "queued", "queued"
    """By a scan, an operator or a requeue; a drain claims it. Kept until then."""
    RUNNING = "running", "running"
    """By a drain, for the time of a lease; its worker finishes or fails it, the reaper frees it when the lease ran out."""
    RETRY_WAIT = "retry_wait", "waiting for its next try"
    """By its worker after a failure that may pass; a drain claims it after `due_at`."""
    PARKED = "parked", "parked"
    """By its worker when nobody could be asked (budget, quota, every breaker open); no attempt is burnt; claimed after `due_at`."""
    DONE = "done", "done"
    """By its worker, or because its span got covered another way or was declared bad. Deleted after MARKETDATA_BACKFILL_KEEP_DAYS."""
    DEAD = "dead", "dead"
    """By its worker or the reaper, with a `DeadLetter`; an operator requeues or discards it, a covered span resolves it. Kept until then."""
    DISCARDED = "discarded", "discarded"
    """By an operator; can be undone until it is deleted, after MARKETDATA_BACKFILL_KEEP_DAYS."""


OPEN_STATES = (BackfillState.QUEUED, BackfillState.RUNNING, BackfillState.RETRY_WAIT, BackfillState.PARKED)
WAITING_STATES = (BackfillState.QUEUED, BackfillState.RETRY_WAIT, BackfillState.PARKED)


class Lane(models.TextChoices):
    """Which of two ways a job goes: today's gaps never wait behind years that somebody asked for."""

    RECENT = "recent", "recent"
    HISTORY = "history", "history"


class Backfill(models.Model):
    """Missing slots of one series in `[start, end)`, at most one session of them (`1d`: at most a year)."""

    id = models.BigAutoField(primary_key=True)
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="+")
    start = models.DateTimeField(help_text="Inclusive.")
    end = models.DateTimeField(help_text="Exclusive.")
    slots = models.PositiveIntegerField(help_text="Missing slots in the span when it was found.")
    lane = models.CharField(max_length=8, choices=Lane.choices, default=Lane.RECENT)
    tier = models.CharField(max_length=8, help_text="The series' tier when it was found: caps and fairness go by it.")
    state = models.CharField(max_length=12, choices=BackfillState.choices, default=BackfillState.QUEUED)
    attempts = models.PositiveIntegerField(default=0, help_text="Tries that failed; parking burns none.")
    due_at = models.DateTimeField(help_text="Not claimed before.")
    lease = models.PositiveIntegerField(default=0, help_text="One more with each claim; a stale worker holds an older number.")
    leased_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    is_solo = models.BooleanField(default=False, help_text="Its worker was lost once: it runs alone next time.")
    lost_alone = models.PositiveSmallIntegerField(default=0, help_text="Workers lost while it ran alone.")
    pinned_provider = models.CharField(max_length=40, blank=True, help_text="Ask only this one.")
    excluded_providers = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    times_requeued = models.PositiveIntegerField(default=0)
    tries = models.JSONField(default=list, help_text="The newest tries: at, provider, code, message, HTTP status.")
    found_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="backfill_runs_forwards"),
            models.CheckConstraint(condition=Q(slots__gt=0), name="backfill_misses_something"),
            models.CheckConstraint(
                condition=Q(state="running", leased_until__isnull=False) | (~Q(state="running") & Q(leased_until=None)),
                name="backfill_leased_while_running",
            ),
            models.UniqueConstraint(
                fields=["series", "start"],
                condition=Q(state__in=["queued", "running", "retry_wait", "parked", "dead"]),
                name="backfill_once_while_open",
            ),
        )
        indexes = (
            models.Index(
                fields=["lane", "tier", "due_at"],
                include=["found_at"],  # what is counted at each scrape of the metrics is read from the index alone
                condition=Q(state__in=["queued", "retry_wait", "parked"]),
                name="backfill_to_claim",
            ),
            models.Index(fields=["tier"], condition=Q(state="dead"), name="backfill_dead"),
            models.Index(fields=["leased_until"], condition=Q(state="running"), name="backfill_leases"),
            models.Index(fields=["series", "start"], name="backfill_by_span"),
            models.Index(
                fields=["-finished_at", "-id"], condition=Q(state__in=["done", "dead", "discarded"]), name="backfill_ended"
            ),
        )
        permissions = (("request_backfill", "Can ask for a range to be filled"),)

    def __str__(self) -> str:
        return f"{self.series_id} [{self.start}, {self.end}) {self.state}"


class HistoryWait(models.Model):
    """A series of which a gap found no room in the history lane: it is looked at again when there is some.

    By each scan that leaves something out; gone when a scan of all of its history leaves out nothing. Losing a row costs a day at
    most: the nightly scan finds the same.
    """

    series = models.OneToOneField(Series, on_delete=models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.series_id} since {self.since}"


class DeadLetter(models.Model):
    """Why a job died. One for each dead or discarded job; gone when the job is requeued."""

    backfill = models.OneToOneField(Backfill, on_delete=models.CASCADE, primary_key=True, related_name="dead_letter")
    reason = models.CharField(max_length=40, help_text="Short stable code, e.g. rejected, unknown_symbol, worker_lost.")
    fingerprint = models.CharField(max_length=32, help_text="Of provider, error class and message without its numbers.")
    provider = models.CharField(max_length=40, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    message = models.TextField(blank=True)
    traceback = models.TextField(blank=True, help_text="At most 8,000 characters of it.")
    missing_minutes = models.PositiveIntegerField(help_text="Bar-minutes that are missing for it.")
    died_at = models.DateTimeField()
    discarded_at = models.DateTimeField(null=True)
    discarded_by = models.CharField(max_length=150, blank=True)
    discard_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["-died_at", "-backfill"], name="dead_letter_newest_first"),
            models.Index(fields=["fingerprint", "-died_at"], name="dead_letter_by_fingerprint"),
        )
        permissions = (
            ("requeue_deadletter", "Can requeue a dead job"),
            ("bulk_deadletter", "Can requeue or discard many dead jobs at once"),
            ("discard_deadletter", "Can discard a dead job and undo it"),
        )

    def __str__(self) -> str:
        return f"{self.reason} of {self.backfill_id}"


class Abandonment(models.Model):
    """A span of a series that nobody wants any more: no gap, until it expires or is deleted."""

    id = models.BigAutoField(primary_key=True)
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="+")
    start = models.DateTimeField(help_text="Inclusive.")
    end = models.DateTimeField(help_text="Exclusive.")
    who = models.CharField(max_length=150)
    why = models.CharField(max_length=300)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, help_text="Empty: never.")

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(start__lt=F("end")), name="abandonment_runs_forwards"),)
        indexes = (models.Index(fields=["series", "start"], name="abandonment_by_span"),)

    def __str__(self) -> str:
        return f"{self.series_id} [{self.start}, {self.end}): {self.why}"


class RangeInvalidation(models.Model):
    """A span of a series that an operator declared bad. With a provider: only that one's values count there, as long as this row stands."""

    id = models.BigAutoField(primary_key=True)
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="+")
    start = models.DateTimeField(help_text="Inclusive.")
    end = models.DateTimeField(help_text="Exclusive.")
    provider = models.ForeignKey(
        Provider,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Whose values count; empty: whoever is asked.",
    )
    bars = models.PositiveIntegerField(help_text="How many held bars were taken back.")
    who = models.CharField(max_length=150)
    why = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "range declared bad"
        verbose_name_plural = "ranges declared bad"
        constraints = (models.CheckConstraint(condition=Q(start__lt=F("end")), name="invalidation_runs_forwards"),)
        indexes = (models.Index(fields=["series", "start"], name="invalidation_by_span"),)

    def __str__(self) -> str:
        return f"{self.series_id} [{self.start}, {self.end}): {self.why}"
