"""What the monitor of objectives found and when beat last rang, read from rows at a scrape. Counters are rows too: none goes back."""

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from collector.models import Tier
from ops.health.beats import last_tick
from ops.models import SloCount, SloRun, SloSample

_LABELS = ("tier", "interval")


def beats() -> Iterable[Metric]:
    """When a scheduler last rang."""
    text = "When a beat last rang, in epoch seconds by the clock of Postgres; 0: none ever did."
    return [GaugeMetricFamily("beat_last_tick_timestamp_seconds", text, value=last_tick())]


def objectives() -> Iterable[Metric]:
    """The newest run's rates, the slots of all runs, when the newest run was. Without any run there is none of the first two."""
    rate = GaugeMetricFamily(
        "slo_gap_violation_rate",
        "Share of sampled series that are behind by more than two intervals of trading time.",
        labels=_LABELS,
    )
    interior = GaugeMetricFamily(
        "slo_interior_missing_slots",
        "Slots of the last session hour that sampled series lack, however new their newest bar.",
        labels=_LABELS,
    )
    run = SloRun.objects.first()
    for sample in SloSample.objects.filter(at=run.at) if run else ():
        rate.add_metric([sample.tier, sample.interval], sample.rate)
        interior.add_metric([sample.tier, sample.interval], sample.interior_missing)
    return [rate, interior, *_slots(), _objective(), _last_run(run)]


def _slots() -> Iterable[Metric]:
    expected = CounterMetricFamily("slo_expected_slots", "Slots of sampled series that fell due.", labels=_LABELS)
    good = CounterMetricFamily(
        "slo_good_slots", "Those that were held, or answered for without a bar, by then.", labels=_LABELS
    )
    for count in SloCount.objects.order_by("tier", "interval"):
        expected.add_metric([count.tier, count.interval], count.expected)
        good.add_metric([count.tier, count.interval], count.good)
    return [expected, good]


def _objective() -> Metric:
    family = GaugeMetricFamily("slo_objective", "Highest share of a tier's series that may be behind.", labels=["tier"])
    for code, share in Tier.objects.values_list("code", "objective"):
        family.add_metric([code], share)
    return family


def _last_run(run: SloRun | None) -> Metric:
    text = "When the monitor of objectives ran last, in epoch seconds by the database's clock; 0: it never did."
    # Not left out: a monitor that nobody ever rang is stale as well, and an alert hears nothing of what is not there.
    return GaugeMetricFamily("slo_last_run_timestamp_seconds", text, value=0 if run is None else run.ran_at.timestamp())
