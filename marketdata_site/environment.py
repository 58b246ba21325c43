"""What must stand in the environment before settings are read: the home, and the servers' URLs.

`DATABASE_URL`, `REDIS_URL` and `CELERY_BROKER_URL` that are set are left alone; for the others embedded servers are started or
found. Who starts Django by another way than `manage.py` or `marketdata_site.serve` sets the URLs itself.
"""

import atexit
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_HOME = PROJECT / ".marketdata"

WITHOUT_SERVERS = frozenset(
    {
        "help",
        "version",
        "check",
        "diffsettings",
        "startapp",
        "startproject",
        "makemigrations",
        "makemessages",
        "compilemessages",
        "collectstatic",
        "findstatic",
        "simulate_vendors",
        "serve_metrics",
    }
)
"""Commands that neither read nor write a row."""

WITH_OWN_SERVERS = frozenset({"replay_dataset"})
"""Commands that work in a place of their own, whatever servers are named: they leave no row behind."""

FINDING_SERVERS = frozenset({"doctor"})
"""Commands that look at the home's servers if they run, and start none: who looks for a fault must not hide it."""

filled_in: set[str] = set()
"""The variables that nobody gave: this process set them to embedded servers."""

looks_only = False
"""Whether this process may make nothing, not even what every other one makes where it is not there yet."""


def needs_own_servers(arguments: Sequence[str]) -> bool:
    """Whether a command line is about to work in a pair of servers of its own."""
    return needs_servers(arguments) and arguments[0] in WITH_OWN_SERVERS


def prepare_own() -> None:
    """Start a private pair that ends with this process, and point the environment at it. Raises: EmbeddedServerError.

    What it counts is its own as well: it must not show among what the service does on this machine.
    """
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = until_exit.enter_context(TemporaryDirectory(prefix="marketdata-metrics-"))
    prepare(with_servers=False)
    _end_orderly_on_sigterm()
    from marketdata_site import embedded

    os.environ.update(until_exit.enter_context(embedded.private()).environment())


def name_metrics_folder(home: Path) -> None:
    """Say where processes count (see `observability.metrics`), unless somebody has said so already. Made when one counts."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(home / "metrics")


def needs_servers(arguments: Sequence[str]) -> bool:
    """Whether a command line of `manage.py` (without its own name) is about to use Postgres or Valkey."""
    if not arguments or {"--help", "-h", "--version"} & set(arguments):
        return False
    asks_database = any(argument == "--database" or argument.startswith("--database=") for argument in arguments)
    return asks_database or arguments[0] not in WITHOUT_SERVERS


def may_start_servers(arguments: Sequence[str]) -> bool:
    """Whether a command line may start what it needs."""
    return not arguments or arguments[0] not in FINDING_SERVERS


def prepare(*, with_servers: bool = True, may_start: bool = True) -> None:
    """Complete the environment of this process; without `may_start` servers that do not run are named all the same.

    Raises: EmbeddedServerError.
    """
    global looks_only  # noqa: PLW0603  # the process', as its environment is
    looks_only = not may_start
    home = Path(os.environ.get("MARKETDATA_HOME") or DEFAULT_HOME).absolute()
    os.environ["MARKETDATA_HOME"] = str(home)
    name_metrics_folder(home)
    wants_postgres = with_servers and not os.environ.get("DATABASE_URL")
    wants_valkey = with_servers and not os.environ.get("REDIS_URL")
    started: dict[str, str] = {}
    if wants_postgres or wants_valkey:
        from marketdata_site import embedded

        if may_start:
            _end_orderly_on_sigterm()
            started = embedded.ensure(home, postgres=wants_postgres, valkey=wants_valkey).environment()
        elif known := embedded.known(home, postgres=wants_postgres, valkey=wants_valkey):
            started = known.environment()
    if redis_url := os.environ.get("REDIS_URL"):
        started.setdefault("CELERY_BROKER_URL", broker_url(redis_url))
    for name, value in started.items():
        if not os.environ.get(name):
            os.environ[name] = value
            filled_in.add(name)


def broker_url(redis_url: str) -> str:
    """Celery's URL for the database after the one of a Redis or Valkey URL, on the same server.

    A cache that is flushed must not take the queues with it.
    """
    parts = urlsplit(redis_url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    database = int(query.pop("db", "") or (parts.path.strip("/") if parts.scheme != "unix" else "") or 0) + 1
    if parts.scheme == "unix":
        return f"redis+socket://{parts.netloc}{parts.path}?{urlencode(query | {'virtual_host': str(database)})}"
    return urlunsplit(parts._replace(path=f"/{database}", query=urlencode(query)))


def _end_orderly_on_sigterm() -> None:
    """Let SIGTERM run the exit handlers, so that the last user stops the embedded servers."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
