"""Show what the processes of this machine count, where no web process runs beside the workers."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections

from marketdata_site.observability import clock
from marketdata_site.observability.metrics import CONTENT_TYPE, page
from ops.auth import find_caller, may_scrape
from ops.running.ports import PortError, port_of
from providers.api_errors import ApiError

METRICS_PORT = "MARKETDATA_METRICS_PORT"
DEFAULT_PORT = 9464


class Command(BaseCommand):
    """Serves `/metrics` until it is told to end. Counters and histograms only: gauges are read from rows, by the web process."""

    help = "Serve this machine's counters for Prometheus. The web process does so too: this is for hosts with workers only."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The address."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
        parser.add_argument("--port", type=int, help=f"port (default: {METRICS_PORT} or {DEFAULT_PORT}), 0 for a free one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError when the port can't be used."""
        try:
            port = options["port"] if options["port"] is not None else port_of(variable=METRICS_PORT, default=DEFAULT_PORT)
            server = make_server(options["host"], port, answer, handler_class=_Quiet)
        except (PortError, OSError) as error:
            raise CommandError(str(error)) from error
        with server:
            self.stdout.write(f"Listening on http://{options['host']}:{server.server_port}/metrics")
            self.stdout.flush()
            server.serve_forever()


class _Quiet(WSGIRequestHandler):
    """One line per scrape says nothing; and a name of each caller would be looked up in DNS."""

    timeout = 10  # one caller at a time: none may hold the others by sending nothing

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class' name
        """Nothing."""

    def address_string(self) -> str:
        """The address, not looked up."""
        return str(self.client_address[0])


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI: the counts, for those who may read `/metrics` of the web process without a session."""
    plain = [("Content-Type", "text/plain; charset=utf-8")]
    try:
        is_known = _may_read(environ)
    except ApiError as error:
        status = HTTPStatus(error.status)
        retry = [] if error.retry_after is None else [("Retry-After", str(error.retry_after))]
        start_response(f"{status.value} {status.phrase}", [*plain, *retry])
        return [f"{error.message}\n".encode()]
    except (DatabaseError, InterfaceError):
        start_response("503 Service Unavailable", plain)
        return [b"the database that knows the keys does not answer\n"]
    if not is_known:
        start_response("401 Unauthorized", [*plain, ("WWW-Authenticate", "Bearer")])
        return [b"send an API key as Authorization: Bearer or X-API-Key, or call from this machine\n"]
    if environ.get("PATH_INFO") != "/metrics":
        start_response("404 Not Found", plain)
        return [b"only /metrics is here\n"]
    start_response("200 OK", [("Content-Type", CONTENT_TYPE)])
    return [page()]


def _may_read(environ: dict[str, Any]) -> bool:
    """Any key will do: each scope includes `read`. Raises: ApiError for one that does not open."""
    close_old_connections()  # no request of Django's begins here: one that a restart of the database broke is replaced by us
    peer = environ.get("REMOTE_ADDR")
    named = {name[5:].replace("_", "-").lower(): text for name, text in environ.items() if name.startswith("HTTP_")}
    if may_scrape(peer=peer, header_names=named):
        return True
    return find_caller(peer=peer, headers=named, session=lambda: None, now=clock.now()) is not None
