"""Celery's part in the log: its lines go through our handlers, and those of a task say which it is and for which request it runs.

A request's id travels in the headers of the tasks that it rings, and of those that these ring. Imported for its signals.
"""

from typing import Any

from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun

from marketdata_site.observability import log_context
from marketdata_site.observability.log_lines import log_the_rest

HEADER = "request_id"


@setup_logging.connect
def _leave_logging_alone(**_: Any) -> None:
    """Django has set it up (`settings.LOGGING`). That somebody answers this signal keeps Celery from adding handlers of its own."""
    log_the_rest()


@before_task_publish.connect
def _hand_on(headers: dict[str, Any] | None = None, **_: Any) -> None:
    request_id = log_context.request_id()
    if headers is not None and request_id is not None:
        headers.setdefault(HEADER, request_id)


@task_prerun.connect
def _begin(task_id: str, task: Any, **_: Any) -> None:
    asked_by = log_context.well_formed(getattr(task.request, HEADER, None))
    log_context.begin(request_id=asked_by, task_id=task_id, task=task.name)


@task_postrun.connect
def _end(**_: Any) -> None:
    log_context.begin()
