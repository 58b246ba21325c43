"""All that `manage.py doctor` looks at: the parts of readiness, and how this installation is set up."""

from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from marketdata_site.observability.clock import OFFSET_VARIABLE, now
from ops.health import machine, ready, routes, workers
from ops.health.checking import Check, Group
from ops.health.database import MIGRATIONS_ADVICE
from ops.health.finding import Finding

LIMIT_SECONDS = 20.0
"""Of one group. A person waits, and calendars take seconds to be read."""

_MORE_ROWS = (
    Check("policy", routes.look_at_policy, MIGRATIONS_ADVICE),
    Check("credentials", routes.look_at_credentials, MIGRATIONS_ADVICE),
    Check("processes", lambda: routes.look_at_drift(now=now()), MIGRATIONS_ADVICE),
    Check("calendars", lambda: routes.look_at_calendars(now=now()), MIGRATIONS_ADVICE),
)
_MACHINE: tuple[tuple[str, Callable[[], Finding], str], ...] = (
    ("home", lambda: machine.look_at_home(Path(settings.MARKETDATA_HOME)), "see MARKETDATA_HOME"),
    ("disk", lambda: machine.look_at_disks(machine.folders()), "see that MARKETDATA_HOME can be read"),
    ("metrics_folder", machine.look_at_metrics_folder, f"see {machine.METRICS_FOLDER}"),
    ("env_file", machine.look_at_env_file, "see MARKETDATA_ENV_FILE"),
    ("secret_key", machine.look_at_secret_key, "see DJANGO_SECRET_KEY"),
    ("debug", machine.look_at_debug, "see DJANGO_DEBUG"),
    ("hosts", machine.look_at_hosts, "see DJANGO_ALLOWED_HOSTS"),
    ("clock_offset", machine.look_at_clock_offset, f"see {OFFSET_VARIABLE}"),
)


def everything() -> list[Group]:
    """Servers first. A check of the machine is a group of its own: none hides another."""
    in_database, broker, stream = ready.parts()
    queues = Check("queues", workers.look_at_queues, "see that the broker answers")
    return [
        Group((*in_database.checks, *_MORE_ROWS), is_about_the_database=True, limit_s=LIMIT_SECONDS),
        Group((*broker.checks, queues), limit_s=LIMIT_SECONDS),
        Group(stream.checks, limit_s=LIMIT_SECONDS),
        *(Group((Check(*one),), limit_s=LIMIT_SECONDS) for one in _MACHINE),
    ]
