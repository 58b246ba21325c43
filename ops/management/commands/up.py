"""Run the whole service on this machine: `make run`."""

import asyncio
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from marketdata_site.observability import clock, metrics
from ops.running.admin_login import ensure_administrator
from ops.running.greeting import greeting, wait_for_health
from ops.running.log import PrefixedLog
from ops.running.ports import PortError, port_of, require_free
from ops.running.programs import DEMO_CREDENTIALS, Addresses, service_programs
from ops.running.single import AlreadyRunning, single
from ops.running.supervisor import SYSTEM, Supervisor
from providers.services import policies

WEB_PORT, SIMULATOR_PORT, WEB_HOST = "MARKETDATA_WEB_PORT", "MARKETDATA_SIMULATOR_PORT", "MARKETDATA_WEB_HOST"


class Command(BaseCommand):
    """Prepares the database, then keeps web, workers, beat and simulated vendors running until Ctrl-C."""

    help = "Run the whole service on this machine: simulated vendors (unless DATABASE_URL is set), web, workers, beat."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError when it runs already or a port is taken; SystemExit with the supervisor's code otherwise."""
        home = Path(os.environ["MARKETDATA_HOME"])
        home.mkdir(parents=True, exist_ok=True)
        try:
            clock.offset_seconds()
            addresses = _addresses()
            with single(home / "up.lock", about=f"{addresses.web}/"):
                require_free(host=addresses.host, port=addresses.web_port, variable=WEB_PORT)
                if settings.DATABASE_IS_EMBEDDED:
                    require_free(host="127.0.0.1", port=addresses.simulator_port, variable=SIMULATOR_PORT)
                code = self._run(home=home, addresses=addresses)
        except AlreadyRunning as error:
            raise CommandError(
                f"already running on {home}: {error}; stop that one with Ctrl-C or kill it by its pid"
            ) from error
        except (PortError, ValueError) as error:
            raise CommandError(str(error)) from error
        raise SystemExit(code)

    def _run(self, *, home: Path, addresses: Addresses) -> int:
        metrics.start_anew()
        programs = service_programs(addresses, with_vendors=settings.DATABASE_IS_EMBEDDED)
        log = PrefixedLog(names=[SYSTEM, *(program.name for program in programs)], as_json=settings.LOG_FORMAT == "json")
        log.line(SYSTEM, "database: migrations")
        call_command("migrate", interactive=False, verbosity=0)
        if settings.DATABASE_IS_EMBEDDED:
            _load_demo(log, addresses)
        else:
            log.line(SYSTEM, "database: named by DATABASE_URL, so no demo is loaded and no vendor simulated")
        _start_policy(log)
        login_file = home / "admin-login"
        login = ensure_administrator(kept_in=login_file)
        connections.close_all()

        async def greet() -> None:
            problem = await wait_for_health(addresses.web)
            if problem:
                log.line(SYSTEM, f"{addresses.web}/health still does not answer with 200: {problem}")
            log.line(
                SYSTEM,
                greeting(
                    addresses=addresses,
                    home=home,
                    login=login,
                    login_file=login_file,
                    with_vendors=settings.DATABASE_IS_EMBEDDED,
                ),
            )

        return asyncio.run(Supervisor(programs=programs, log=log).run(once_started=greet))


def _load_demo(log: PrefixedLog, addresses: Addresses) -> None:
    """Fill our own database, and set what the programs need for it: a database that somebody named holds real data."""
    os.environ["MARKETDATA_SIMULATOR_URL"] = addresses.simulator
    for name, value in DEMO_CREDENTIALS.items():
        os.environ.setdefault(name, value)
    log.line(SYSTEM, "database: demo universe")
    call_command("load_demo", stdout=log.stream(SYSTEM))


def _start_policy(log: PrefixedLog) -> None:
    """Where no version of the policy ever was active, the draft is it; a draft that is refused leaves everybody unasked."""
    first = policies.start(author="up", now=clock.now())
    if first is not None and not first.ok:
        log.line(SYSTEM, f"policy: no version is active, nobody is asked: {first.error}")


def _addresses() -> Addresses:
    return Addresses(
        host=os.environ.get(WEB_HOST) or "127.0.0.1",
        web_port=port_of(variable=WEB_PORT, default=8000),
        simulator_port=port_of(variable=SIMULATOR_PORT, default=8001),
    )
