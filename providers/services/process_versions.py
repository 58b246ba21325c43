"""Each process says which version of the policy it runs, so that an operator sees who lags behind."""

import os
import socket
from datetime import datetime, timedelta

from django.conf import settings

from marketdata_site.observability.version import VERSION
from providers.models import ProcessVersion
from providers.services.policies import running_version

REPORT_EVERY = timedelta(seconds=30)

_reported: tuple[str, int | None, datetime] | None = None


def report_process(*, now: datetime, every: timedelta = REPORT_EVERY) -> None:
    """Write what this process runs, when that is another version than it said before or `every` has passed since."""
    global _reported  # noqa: PLW0603  # what this process said last
    host, number = socket.gethostname()[:64], running_version()
    process = f"{host}:{settings.ROLE}:{os.getpid()}"
    if _reported is not None and _reported[:2] == (process, number) and timedelta(0) <= now - _reported[2] < every:
        return
    ProcessVersion.objects.bulk_create(
        [ProcessVersion(process=process, host=host, role=settings.ROLE, version=number, code=VERSION, seen_at=now)],
        update_conflicts=True,
        unique_fields=["process"],
        update_fields=["version", "code", "seen_at"],
    )
    _reported = (process, number, now)
