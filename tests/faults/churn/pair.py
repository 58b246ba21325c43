"""Two web processes, each at an address of its own, whatever becomes of them."""

import signal
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from tests.web_server import Web, end, ended, start


class Pair:
    """Ends one or the other, and starts it again beside whatever else goes on."""

    def __init__(self, **variables: str) -> None:
        self._variables = variables
        self._until_the_end = ExitStack()
        self._ports = [self._reserve() for _ in range(2)]
        self._webs: list[Web] = []
        self._starter = self._until_the_end.enter_context(ThreadPoolExecutor(1))
        self._starting: Future[None] | None = None
        self.ended: list[signal.Signals] = []
        """By what, in this order."""

    def __enter__(self) -> "Pair":
        self._webs = [start(port=port, **self._variables) for port in self._ports]
        self._until_the_end.callback(lambda: end(self._webs))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.ready()
        finally:
            self._until_the_end.close()

    @property
    def addresses(self) -> list[str]:
        """Host and port of both."""
        return [f"127.0.0.1:{port}" for port in self._ports]

    def ready(self) -> None:
        """Wait until both are there."""
        if self._starting is not None:
            self._starting.result()

    def restart(self) -> None:
        """End the next one, each by SIGTERM and by SIGKILL in turn, and let it come back."""
        self.ready()
        count = len(self.ended)
        number, how = count % 2, (signal.SIGTERM, signal.SIGKILL)[(count + count // 2) % 2]
        self.ended.append(how)
        self._webs[number].process.send_signal(how)
        self._starting = self._starter.submit(self._come_back, number)

    def _come_back(self, number: int) -> None:
        ended(self._webs[number])
        self._webs[number] = start(port=self._ports[number], **self._variables)

    def _reserve(self) -> int:
        """A port that nobody else gets while its process is away: bound here as well, but not listened on."""
        kept = self._until_the_end.enter_context(socket.socket())
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port: int = kept.getsockname()[1]
        return port
