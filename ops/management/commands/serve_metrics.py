"""Show what the processes of this machine count, where no web process runs beside the workers."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata_site.observability.metrics import CONTENT_TYPE, page
from ops.auth import direct_host, is_allowed
from ops.running.ports import PortError, port_of

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
    """WSGI: the counts, for those who may call the REST API without a session."""
    names = [key.removeprefix("HTTP_").replace("_", "-") for key in environ if key.startswith("HTTP_")]
    host = direct_host(peer=environ.get("REMOTE_ADDR"), header_names=names)
    plain = [("Content-Type", "text/plain; charset=utf-8")]
    if not is_allowed(client_host=host, authorization=environ.get("HTTP_AUTHORIZATION"), is_staff=False):
        start_response("401 Unauthorized", [*plain, ("WWW-Authenticate", "Bearer")])
        return [b"send Authorization: Bearer with the shared secret, or call from this machine\n"]
    if environ.get("PATH_INFO") != "/metrics":
        start_response("404 Not Found", plain)
        return [b"only /metrics is here\n"]
    start_response("200 OK", [("Content-Type", CONTENT_TYPE)])
    return [page()]
