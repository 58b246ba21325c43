"""What enters a queue, for how long, and what becomes of it without a broker or too late."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from collector import tasks
from collector.queues import enqueue
from collector.replay.processes import Worker
from collector.schemas import Priority, fixture_bars_job, fixture_quotes_job

NOW = datetime(2025, 10, 8, 13, 35, 2, tzinfo=UTC)


@pytest.fixture
def broker() -> redis.Redis:
    client = redis.Redis.from_url(
        settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://").replace("virtual_host=", "db="), retry=None
    )
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.mark.parametrize(
    ("priority", "tier", "queue"),
    [(Priority.LIVE, "T0", "live.t0"), (Priority.LIVE, "T2", "live.t2"), (Priority.HISTORY, "T0", "backfill")],
)
def test_job_goes_to_the_queue_of_its_priority_and_tier_and_expires_with_its_plan(broker, priority, tier, queue):
    job = fixture_bars_job().model_copy(update={"priority": priority, "tier": tier, "expires_at": NOW + timedelta(seconds=58)})
    assert enqueue(job, now=NOW)
    (message,) = broker.lrange(queue, 0, -1)
    headers = json.loads(message)["headers"]
    left = datetime.fromisoformat(headers["expires"]) - datetime.now(UTC)
    assert timedelta(0) < left <= timedelta(seconds=58)


def test_enqueue_says_no_when_there_is_no_broker(monkeypatch):
    def refuse(*_, **__):
        raise OperationalError("gone")

    monkeypatch.setattr(current_app, "send_task", refuse)
    assert not enqueue(fixture_bars_job(), now=NOW)


@pytest.mark.django_db
def test_plan_stops_ringing_when_the_broker_is_gone(monkeypatch, caplog):
    tried = []
    monkeypatch.setattr(tasks, "plan", lambda now: [fixture_bars_job()] * 30)
    monkeypatch.setattr(tasks, "enqueue", lambda job, now: tried.append(job))
    tasks.plan_live()
    assert len(tried) == 1
    assert "30 of 30 planned jobs were not enqueued" in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("make", "service", "task"),
    [(fixture_bars_job, "collect_bars", tasks.fetch_bars), (fixture_quotes_job, "collect_quotes", tasks.fetch_quotes)],
)
def test_stale_job_is_not_run_when_a_worker_takes_it_late(monkeypatch, caplog, make, service, task):
    ran = []
    monkeypatch.setattr(tasks, service, lambda job, **_: ran.append(job))
    monkeypatch.setattr(tasks, "vendor_loop", lambda: None)
    monkeypatch.setattr(tasks, "now", lambda: NOW)
    fresh, stale = (make().model_copy(update={"expires_at": NOW + timedelta(seconds=s)}) for s in (1, 0))
    for job in (fresh, stale):
        task(job.model_dump(mode="json"))
    assert ran == [fresh]
    assert "stale since" in caplog.text


def test_job_of_quotes_goes_to_its_own_task_in_the_queue_of_its_tier(broker):
    assert enqueue(fixture_quotes_job(), now=NOW)
    (message,) = broker.lrange("live.t1", 0, -1)
    assert json.loads(message)["headers"]["task"] == "collector.tasks.fetch_quotes"


def test_look_at_a_worker_over_a_connection_that_the_broker_has_ended_is_no_answer(tmp_path, broker):
    worker = Worker(log=tmp_path / "log", environment={}, processes=1, name="nobody")
    assert not worker.is_up()
    broker.execute_command("CLIENT", "KILL", "TYPE", "normal")
    assert not worker.is_up()
    assert not worker.is_up()
