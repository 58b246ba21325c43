"""The web process ends when it is told to, whatever it is at, and lets everybody say a last word."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.web_server import END_SECONDS, ROOT

pytestmark = pytest.mark.any_postgres
SIGNALS = [signal.SIGTERM, signal.SIGINT]


@dataclass
class Site:
    """A running server with a slow application."""

    process: "subprocess.Popen[str]"
    address: str

    def ask(self) -> None:
        """A request that is being worked at when this returns; its end is nobody's concern."""

        def ask() -> None:
            with suppress(OSError), urlopen(f"http://{self.address}/", timeout=END_SECONDS) as answer:
                answer.read()

        Thread(target=ask, daemon=True).start()
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "working\n"


@pytest.fixture
def site() -> Iterator[Site]:
    command = [sys.executable, "-m", "tests.integration.serving.slow_site"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Site(process, process.stdout.readline().rpartition("/")[2].strip())
        process.kill()


@pytest.mark.parametrize("how", SIGNALS)
def test_process_ends_though_a_request_still_works_in_its_thread(site: Site, how: signal.Signals) -> None:
    site.ask()
    site.process.send_signal(how)
    assert site.process.wait(END_SECONDS) == 0


def test_socket_gets_its_last_word_though_a_request_ends_sooner(site: Site) -> None:
    with connect(f"ws://{site.address}/") as socket:
        site.ask()
        site.process.send_signal(signal.SIGTERM)
        assert socket.recv(timeout=END_SECONDS) == "bye"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=END_SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4000
    assert site.process.wait(END_SECONDS) == 0
