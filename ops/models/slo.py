"""What the objectives' monitor found: a row a run, tier and interval, counts that only grow, and when it ran last."""

from django.db import models
from django.db.models import F, Q


class SloSample(models.Model):
    """How series of one tier and interval stood at one run. For 7 days a row is one run; then those of 5 minutes are added up to one.

    `at` is the service's time. The rate is `violating / sampled`, for added rows too.
    """

    id = models.BigAutoField(primary_key=True)
    tier = models.CharField(max_length=8)
    interval = models.CharField(max_length=4)
    at = models.DateTimeField()
    runs = models.PositiveSmallIntegerField(default=1, help_text="Of how many runs this is the sum.")
    sampled = models.PositiveIntegerField(help_text="Series that were looked at.")
    violating = models.PositiveIntegerField(help_text="Those that were behind by more than two intervals of trading time.")
    expected = models.PositiveIntegerField(help_text="Slots of these series that fell due since the run before.")
    good = models.PositiveIntegerField(help_text="Those that were held, or answered for without a bar, by then.")
    interior_missing = models.PositiveIntegerField(
        help_text="Missing slots of the last session hour; of several runs the most."
    )
    worst = models.JSONField(default=list, help_text="A few that were behind: symbol, MIC, end of what was known of it.")

    class Meta:
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(fields=["tier", "interval", "at"], name="slo_sample_once"),
            models.CheckConstraint(condition=Q(violating__lte=F("sampled")), name="slo_sample_violating_are_sampled"),
            models.CheckConstraint(condition=Q(good__lte=F("expected")), name="slo_sample_good_are_expected"),
        )
        indexes = (models.Index(fields=["at"], name="slo_sample_by_time"),)

    @property
    def rate(self) -> float:
        """The share that was behind."""
        return self.violating / self.sampled if self.sampled else 0.0

    def __str__(self) -> str:
        return f"{self.tier} {self.interval} at {self.at:%Y-%m-%d %H:%M:%S}: {self.violating} of {self.sampled}"


class SloCount(models.Model):
    """Slots of one tier and interval, added up over all runs. Never goes back, whichever process runs; kept for good.

    Changed with the samples, in the run's transaction: what fell due up to `counted_through` was counted, once.
    """

    pk = models.CompositePrimaryKey("tier", "interval")
    tier = models.CharField(max_length=8)
    interval = models.CharField(max_length=4)
    counted_through = models.DateTimeField()
    expected = models.BigIntegerField(default=0)
    good = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=Q(good__lte=F("expected")), name="slo_count_good_are_expected"),)

    def __str__(self) -> str:
        return f"{self.tier} {self.interval}: {self.good} of {self.expected}"


class SloRun(models.Model):
    """The newest run: one row, the first run's. Its boundary in the service's time, and when it was by Postgres' clock."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    ran_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=Q(id=1), name="slo_run_is_one_row"),)

    def __str__(self) -> str:
        return f"run of {self.at:%Y-%m-%d %H:%M:%S}"
