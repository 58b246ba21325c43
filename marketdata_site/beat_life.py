"""What beat does beside its schedule: it shows that it lives, and rings at its start for what comes seldom. Imported for its signals."""

import logging
from typing import Any

from celery import current_app
from celery.signals import after_task_publish, beat_init
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

AT_THE_START = ("ops.tasks.look_after_tables", "maintenance", 600)
"""Task, queue, seconds until it expires. Partitions are there before the first ten minutes are over."""


@beat_init.connect
def _begin(**_: Any) -> None:
    from ops.health.pulse import Pulse  # not before the apps are loaded

    pulse = Pulse()
    pulse.start()
    after_task_publish.connect(lambda **_: pulse.rang(), weak=False)
    task, queue, expires = AT_THE_START
    try:
        current_app.send_task(task, queue=queue, expires=expires, retry=False)
    except OperationalError as error:
        log.warning("no broker to ring at: %s", error, extra={"action": "beat_without_broker"})
