"""Which programs the service consists of on one machine."""

import sys
from dataclasses import dataclass

from ops.running.supervisor import Program

LIVE_QUEUES = "plan,live.t0,live.t1,live.t2"
BACKFILL_QUEUES = "backfill,verify"
"""In this order: what is missing goes before what is read again."""
MAINTENANCE_QUEUES = "maintenance"
"""A worker of its own: a backfill may wait for minutes until a budget lets it go on."""

DEMO_CREDENTIALS = dict.fromkeys(
    ("POLYGON_API_KEY", "ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY", "TWELVE_DATA_API_KEY"), "demo"
)
"""What the simulated vendors take for a key; a real one in the environment is left alone."""

WORKER_ENVIRONMENT = {
    "MARKETDATA_ROLE": "worker",
    "REMAP_SIGTERM": "SIGQUIT",  # SIGTERM waits for a running task without end, SIGQUIT is a soft shutdown of a few seconds
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser",  # root inside a container, reading JSON, is no news
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts that listen do so."""

    host: str
    web_port: int
    simulator_port: int

    @property
    def web(self) -> str:
        """Base URL of the pages, the API and the feed, as seen from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  read, not bound
        return f"http://[{host}]:{self.web_port}" if ":" in host else f"http://{host}:{self.web_port}"

    @property
    def simulator(self) -> str:
        """Base URL of the simulated vendors."""
        return f"http://127.0.0.1:{self.simulator_port}"


def service_programs(addresses: Addresses, *, with_vendors: bool) -> list[Program]:
    """Everything that `up` keeps running, in the order of start; with simulated vendors where the demo asks them."""
    manage = (sys.executable, "manage.py")
    vendors = (*manage, "simulate_vendors", "--synthetic", "--port", str(addresses.simulator_port))
    web = (sys.executable, "-m", "marketdata_site.serve", "--host", addresses.host, "--port", str(addresses.web_port))
    beat = _celery("beat", "--scheduler", "celery.beat:Scheduler")  # this one keeps its state in memory: no file to go stale
    return [
        *([Program(name="vendors", command=vendors)] if with_vendors else []),
        Program(name="web", command=web, environment={"MARKETDATA_ROLE": "web"}),
        _worker(name="live", queues=LIVE_QUEUES, processes=2),
        _worker(name="backfill", queues=BACKFILL_QUEUES, processes=1),
        _worker(name="maintenance", queues=MAINTENANCE_QUEUES, processes=1),
        Program(name="beat", command=beat, environment={"MARKETDATA_ROLE": "beat"}),
    ]


def _worker(*, name: str, queues: str, processes: int) -> Program:
    quick_start = ("--without-gossip", "--without-mingle")  # they only matter to commands that workers send each other
    command = _celery("worker", "-n", f"{name}@%h", "-Q", queues, "-c", str(processes), *quick_start)
    return Program(name=name, command=command, environment=WORKER_ENVIRONMENT)


def _celery(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--quiet", "-A", "marketdata_site", *words, "--loglevel", "INFO")
