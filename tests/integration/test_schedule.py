"""Whatever beat rings is a task that some worker of `up` would do."""

from marketdata_site.beat_life import AT_THE_START
from marketdata_site.celery import app
from ops.running.programs import BACKFILL_QUEUES, LIVE_QUEUES, MAINTENANCE_QUEUES

QUEUES = set(",".join((LIVE_QUEUES, BACKFILL_QUEUES, MAINTENANCE_QUEUES)).split(","))


def test_all_that_beat_rings_is_a_task_on_a_queue_that_workers_read() -> None:
    app.loader.import_default_modules()
    rung = {(entry["task"], entry["options"]["queue"]) for entry in app.conf.beat_schedule.values()}
    for task, queue in {*rung, AT_THE_START[:2]}:
        assert task in app.tasks
        assert queue in QUEUES
