"""The doorbell of operations. Lost without harm: beat rings too."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

from collector.core.bulk import TICK_SECONDS

log = logging.getLogger(__name__)


def ring_bulk() -> None:
    """Ring for the operations that run. Call it on commit."""
    try:
        current_app.send_task(
            "ops.tasks.advance_bulk", queue="maintenance", expires=TICK_SECONDS, retry=False, ignore_result=True
        )
    except OperationalError as error:
        log.warning("no broker to ring for bulk operations: %s", error, extra={"action": "enqueue_failed"})
