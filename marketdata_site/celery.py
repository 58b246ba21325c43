"""The Celery application: doorbells only. Every message may be lost or repeated; rows are the truth."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")

from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import task_prerun

from marketdata_site import beat_life, task_logs  # noqa: F401  for their signals
from marketdata_site.beat import EverySecond

PLAN_EXPIRES_S = 10
"""A worker discards a message by its own clock, which may be ahead of beat's: with two seconds left none would reach one that is two ahead.
A plan that comes late finds its boundary planned, so more of them cost nothing."""

app = Celery("marketdata")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=False,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="maintenance",
    task_create_missing_queues=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_soft_shutdown_timeout=3,  # a stop lets a running task finish for so long; what it cut off is planned again
    broker_connection_retry_on_startup=True,
    # Without acknowledgements a worker survives a restart of the broker; strict order: plans first, then T0 before T1 before T2.
    broker_transport_options={"ack_emulation": False, "queue_order_strategy": "priority"},
    beat_schedule={
        "plan-live": {
            "task": "collector.tasks.plan_live",
            "schedule": EverySecond(1),
            "options": {"queue": "plan", "expires": PLAN_EXPIRES_S},
        },
        "plan-quotes": {
            "task": "collector.tasks.plan_quotes",
            "schedule": EverySecond(1),
            "options": {"queue": "plan", "expires": PLAN_EXPIRES_S},
        },
        "sweep-feed": {
            "task": "collector.tasks.sweep_feed",
            "schedule": EverySecond(5),
            "options": {"queue": "maintenance", "expires": 5},
        },
        "tell-marks": {
            "task": "collector.tasks.tell_marks",
            "schedule": EverySecond(10),
            "options": {"queue": "maintenance", "expires": 10},
        },
        "sample-health": {
            "task": "providers.tasks.sample_health",
            "schedule": EverySecond(10),
            "options": {"queue": "maintenance", "expires": 10},
        },
        "drain-backfills": {
            "task": "collector.tasks.drain_backfills",
            "schedule": EverySecond(5),
            "options": {"queue": "backfill", "expires": 5},
        },
        "reap-backfills": {
            "task": "collector.tasks.reap_backfills",
            "schedule": EverySecond(10),
            "options": {"queue": "maintenance", "expires": 10},
        },
        "advance-bulk": {
            "task": "ops.tasks.advance_bulk",
            "schedule": EverySecond(5),
            "options": {"queue": "maintenance", "expires": 5},
        },
        "watch-objectives": {
            "task": "ops.tasks.watch_objectives",
            "schedule": EverySecond(30),
            "options": {"queue": "maintenance", "expires": 30},
        },
        "thin-slo-samples": {
            "task": "ops.tasks.thin_slo_samples",
            "schedule": EverySecond(3600),
            "options": {"queue": "maintenance", "expires": 3600},
        },
        "scan-recent": {
            "task": "collector.tasks.scan_recent",
            "schedule": EverySecond(60),
            "options": {"queue": "maintenance", "expires": 60},
        },
        "scan-all": {
            "task": "collector.tasks.scan_all",
            "schedule": crontab(hour="3", minute="30"),  # UTC
            "options": {"queue": "maintenance", "expires": 3600},
        },
        "plan-verifications": {
            "task": "collector.tasks.plan_verifications",
            "schedule": EverySecond(300),
            "options": {"queue": "maintenance", "expires": 300},
        },
        "refill-history": {
            "task": "collector.tasks.refill_history",
            "schedule": EverySecond(60),
            "options": {"queue": "maintenance", "expires": 60},
        },
        "look-after-tables": {
            "task": "ops.tasks.look_after_tables",
            "schedule": EverySecond(600),
            "options": {"queue": "maintenance", "expires": 600},
        },
    },
)
app.autodiscover_tasks(["collector", "providers", "ops"])


@task_prerun.connect
def _drop_broken_connections(**_: Any) -> None:
    """The connection is kept from task to task; one that a database restart broke is replaced here."""
    from django.db import close_old_connections

    close_old_connections()
