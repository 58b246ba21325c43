"""What operators do about many dead jobs, chunk by chunk, and the very jobs that each operation is about."""

from django.db import models
from django.db.models import F, Q

from ops.models.audit import AuditEntry


class BulkKind(models.TextChoices):
    """What becomes of the jobs."""

    REQUEUE = "requeue", "requeue"
    DISCARD = "discard", "discard"


class BulkState(models.TextChoices):
    """What an operation does; each with who sets it, what moves it on, and how long it is kept.

    A row stays for good, its items for MARKETDATA_BACKFILL_KEEP_DAYS after its end.
    """

    RUNNING = "running", "running"
    """By an operator who starts or resumes it; a tick acts on a chunk, ends it when nothing is left, or pauses it. Kept until then."""
    PAUSED = "paused", "paused"
    """By an operator, or by a tick because half of the first jobs are dead again; an operator resumes or cancels it. Kept until then."""
    DONE = "done", "done"
    """By the tick that left nothing. What became of requeued jobs is still counted while the items are kept."""
    CANCELLED = "cancelled", "cancelled"
    """By an operator. What it has not acted on is as it was."""


class ItemState(models.TextChoices):
    """What became of one job; each with who sets it and what moves it on."""

    WAITING = "waiting", "waiting"
    """By the start; a tick acts on it or skips it. Stays so when the operation is cancelled."""
    OPEN = "open", "open"
    """By the tick that requeued it, until the job ends."""
    FILLED = "filled", "filled"
    """By the tick that saw the job done (or gone with its series). Final, as all below."""
    DEAD_AGAIN = "dead_again", "dead again"
    """By the tick that saw the job dead."""
    DISCARDED = "discarded", "discarded"
    """By the tick that discarded it."""
    GONE = "gone", "gone"
    """Skipped by a tick: the job left that death before its turn, by another hand or because its span got covered."""
    SERIES_INACTIVE = "series_inactive", "series inactive"
    """Skipped by a tick: its series is collected no more."""
    ABANDONED = "abandoned", "abandoned"
    """Skipped by a tick: its span is abandoned."""


class BulkOperation(models.Model):
    """One requeue or discard of many dead jobs. Its counts change with its items, in one transaction under this row's lock."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=BulkKind.choices)
    filter = models.JSONField(default=dict, help_text="What the jobs were found by.")
    asking = models.JSONField(default=dict, help_text="Requeue: pin and exclude, where said.")
    abandon = models.BooleanField(default=False, help_text="Discard: the spans are abandoned too.")
    who = models.CharField(max_length=150)
    through = models.CharField(max_length=8, choices=AuditEntry.Through.choices)
    reason = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=BulkState.choices, default=BulkState.RUNNING)
    paused_why = models.TextField(blank=True)
    is_trial = models.BooleanField(default=False, help_text="The first jobs have not shown yet that it is worth going on.")
    kinds = models.JSONField(
        default=list, help_text="By lane, tier and interval: jobs, vendor calls that they take, and how many are left."
    )
    chunk = models.PositiveIntegerField(help_text="Jobs of one tick at the present throttle.")
    matched = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0, help_text="Requeued or discarded.")
    gone = models.PositiveIntegerField(default=0)
    series_inactive = models.PositiveIntegerField(default=0)
    abandoned = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    at_cap = models.PositiveIntegerField(default=0, help_text="Those of the left that have no room under their cap at present.")
    filled = models.PositiveIntegerField(default=0, help_text="Requeued, and done since.")
    dead_again = models.PositiveIntegerField(default=0, help_text="Requeued, and dead again.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    next_at = models.DateTimeField(help_text="No chunk before.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()  # those of dead letters count
        constraints = (
            models.CheckConstraint(
                condition=Q(matched=F("done") + F("gone") + F("series_inactive") + F("abandoned") + F("left")),
                name="bulk_operation_counts_each_job_once",
            ),
            models.CheckConstraint(
                condition=Q(done__gte=F("filled") + F("dead_again")), name="bulk_operation_ends_what_it_did"
            ),
            models.CheckConstraint(condition=Q(at_cap__lte=F("left")), name="bulk_operation_at_cap_is_left"),
            models.CheckConstraint(
                condition=Q(state__in=["running", "paused"], finished_at=None)
                | Q(state="done", left=0, finished_at__isnull=False)
                | Q(state="cancelled", finished_at__isnull=False),
                name="bulk_operation_finished_in_the_end",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.matched} dead jobs, {self.state}"


class BulkItem(models.Model):
    """One job of an operation, as it was dead when that was started: another death of the same job is none of its business.

    No foreign key to the job: done jobs are deleted in time.
    """

    pk = models.CompositePrimaryKey("operation_id", "job_id")
    operation = models.ForeignKey(BulkOperation, on_delete=models.CASCADE, related_name="items", db_index=False)
    job_id = models.BigIntegerField()
    died_at = models.DateTimeField()
    lane = models.CharField(max_length=8)
    tier = models.CharField(max_length=8)
    interval = models.CharField(max_length=4)
    state = models.CharField(max_length=16, choices=ItemState.choices, default=ItemState.WAITING)
    acted_at = models.DateTimeField(null=True, help_text="When it was requeued or discarded.")

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=["operation", "state", "lane", "tier", "died_at", "job_id"], name="bulk_item_next"),
            models.Index(fields=["acted_at"], condition=Q(acted_at__isnull=False), name="bulk_item_by_time"),
        )

    def __str__(self) -> str:
        return f"job {self.job_id} of {self.operation_id}: {self.state}"
