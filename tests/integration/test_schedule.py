"""Whatever beat rings is a task that some worker of `up` would do, and lives long enough to reach one."""

from marketdata_site.beat_life import AT_THE_START
from marketdata_site.celery import app
from ops.running.programs import BACKFILL_QUEUES, LIVE_QUEUES, MAINTENANCE_QUEUES
from providers.budget.terms import MAX_SKEW
from providers.market.types import SECOND_US

QUEUES = set(",".join((LIVE_QUEUES, BACKFILL_QUEUES, MAINTENANCE_QUEUES)).split(","))


def test_all_that_beat_rings_is_a_task_on_a_queue_that_workers_read() -> None:
    app.loader.import_default_modules()
    rung = {(entry["task"], entry["options"]["queue"]) for entry in app.conf.beat_schedule.values()}
    for task, queue in {*rung, AT_THE_START[:2]}:
        assert task in app.tasks
        assert queue in QUEUES


def test_what_beat_rings_outlives_the_distance_of_two_machines_clocks() -> None:
    """Each may be off by `MAX_SKEW`, and a worker discards what its own clock says is over."""
    lives = {name: entry["options"]["expires"] for name, entry in app.conf.beat_schedule.items()}
    assert {name: s for name, s in lives.items() if s <= 2 * MAX_SKEW / SECOND_US} == {}
