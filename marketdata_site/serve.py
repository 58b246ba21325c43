"""The web process: `python -m marketdata_site.serve --port 8000`. Daphne, with an end that WebSocket clients can see.

Daphne's own shutdown dies of a KeyError when a socket was opened or ended within the last second, and then cancels nothing: the
clients' consumers never get to say goodbye. It waits for the first application only that ends, and leaves a request's thread alone
that wants something of the event loop: such a process never ends. It also exits 0 when its port is taken.
"""

import argparse
import asyncio
import logging
import math
import os
import sys
import threading
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server as DaphneServer  # installs the asyncio reactor: before anything that imports twisted's
from twisted.internet.defer import Deferred

from marketdata_site import environment
from marketdata_site.embedded.errors import EmbeddedServerError
from marketdata_site.observability.log_lines import log_the_rest

log = logging.getLogger(__name__)

PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS = 20, 30
MAX_FRAME_BYTES = 64 * 1024
"""Clients send subscriptions and acknowledgements only; above this the socket is dropped."""
AGAIN_SECONDS = 5
"""An application that has not ended by then is cancelled once more: a library may have swallowed it."""
MAX_MESSAGE_BYTES = 1024 * 1024
"""Of both directions: the library refuses to send what is longer, and our data frames have 256 KiB and a message at most."""


class Server(DaphneServer):  # type: ignore[misc]  # published without types
    """Daphne's server; cancels every running application on shutdown, and remembers that it could not listen."""

    could_listen = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ports: list[Any] = []

    def run(self) -> None:
        """Serve until told to end. The loop goes on until this process is gone, for threads of requests that wait for it."""
        super().run()
        threading.Thread(target=asyncio.get_event_loop().run_forever, daemon=True).start()

    def listen_success(self, port: Any) -> None:
        """Say where we listen, on standard output, as programs read it that start us: with port 0 nobody else knows."""
        super().listen_success(port)
        self._ports.append(port)
        for host, number in self.listening_addresses[-1:]:
            print(f"Listening on http://{host}:{number}", flush=True)

    def listen_error(self, failure: Any) -> None:
        """Say why, and end."""
        self.could_listen = False
        log.error("this process can't listen: %s", failure.getErrorMessage(), extra={"action": "web_cannot_listen"})
        super().listen_error(failure)

    def kill_all_applications(self) -> Any:
        """Take no more connections, cancel what runs, and wait until all of it has ended."""
        for port in self._ports:
            port.stopListening()
        return Deferred.fromFuture(asyncio.get_event_loop().create_task(self._end_applications()))

    async def _end_applications(self) -> None:
        clock = asyncio.get_running_loop().time
        told: dict[asyncio.Future[None], float] = {}
        while running := self._running():
            for one in running:
                if clock() > told.get(one, -math.inf) + AGAIN_SECONDS:
                    told[one] = clock()
                    one.cancel()
            await asyncio.wait(running, timeout=1)

    def _running(self) -> list["asyncio.Future[None]"]:
        """Connections have none before their first message, and none any more when it has ended."""
        found = [details.get("application_instance") for details in self.connections.values()]
        return [one for one in found if one is not None and not one.done()]


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m marketdata_site.serve", description="Serve the web pages, REST API and feed."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on, 0 for a free one")
    parser.add_argument("--fd", type=int, help="file descriptor of a listening socket, instead of host and port")
    parser.add_argument("--forwarded", action="store_true", help="believe X-Forwarded-For and -Proto: only behind a proxy")
    return parser.parse_args(words)


def _endpoints(arguments: argparse.Namespace) -> list[str]:
    if arguments.fd is not None:
        return list(build_endpoint_description_strings(file_descriptor=arguments.fd))
    return list(build_endpoint_description_strings(host=arguments.host, port=arguments.port))


def main(words: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; answer the exit code."""
    arguments = _arguments(words)
    os.environ["MARKETDATA_ROLE"] = "web"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
    try:
        environment.prepare()
    except EmbeddedServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    from marketdata_site.asgi import application

    log_the_rest()
    server = Server(
        application=application,
        endpoints=_endpoints(arguments),
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=PING_TIMEOUT_SECONDS,
        websocket_max_message_size=MAX_MESSAGE_BYTES,
        websocket_max_frame_size=MAX_FRAME_BYTES,
        proxy_forwarded_address_header="X-Forwarded-For" if arguments.forwarded else None,
        proxy_forwarded_proto_header="X-Forwarded-Proto" if arguments.forwarded else None,
        server_name="marketdata",
    )
    server.run()
    return 0 if server.could_listen else 1


if __name__ == "__main__":
    sys.exit(main())
