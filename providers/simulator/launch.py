"""Start a simulator from Python, for tests and benchmarks: in a thread of this process, or as a process of its own."""

import asyncio
import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from providers.simulator.options import SimulatorOptions
from providers.simulator.server import CannotStart, Simulator

PROJECT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 10


class SimulatorControl:
    """A running simulator's `/_control`, as calls."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set_fault(
        self,
        kind: str,
        *,
        vendor: str = "*",
        symbols: Sequence[str] = (),
        share: float = 1.0,
        count: int | None = None,
        for_seconds: float | None = None,
        **parameters: bool | int | float | str,
    ) -> int:
        """Script a fault; returns its number. Raises: ValueError with the simulator's reason."""
        fault: dict[str, Any] = {"kind": kind, "vendor": vendor, "symbols": list(symbols), "share": share}
        fault |= {"count": count, "for_seconds": for_seconds, "parameters": parameters}
        number: int = self._ask("POST", "/_control/faults", fault)["id"]
        return number

    def faults(self) -> list[dict[str, Any]]:
        """The faults that can still strike."""
        faults: list[dict[str, Any]] = self._ask("GET", "/_control/faults")
        return faults

    def clear_faults(self, number: int | None = None) -> None:
        """Clear one fault, or all."""
        self._ask("DELETE", "/_control/faults" if number is None else f"/_control/faults/{number}")

    def set_limits(self, limits: Mapping[str, int | None]) -> None:
        """Requests per minute by vendor, None for no limit."""
        self._ask("PUT", "/_control/limits", dict(limits))

    def calls(self, *, vendor: str | None = None, symbol: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """The calls that were answered or broken off, oldest first."""
        chosen = {"vendor": vendor, "symbol": symbol, "after": after}
        query = urlencode({name: value for name, value in chosen.items() if value is not None})
        calls: list[dict[str, Any]] = self._ask("GET", f"/_control/calls?{query}")["calls"]
        return calls

    def summary(self) -> dict[str, Any]:
        """Counters of all calls: `total`, and by vendor `total`, `by_status`, `by_symbol`."""
        summary: dict[str, Any] = self._ask("GET", "/_control/calls?vendor=-")
        return summary

    def forget_calls(self) -> None:
        """Begin to count anew."""
        self._ask("DELETE", "/_control/calls")

    def log(self) -> list[str]:
        """The newest lines of the log."""
        return self._send("GET", "/_control/log")[1].decode().splitlines()

    def _ask(self, method: str, path: str, value: object = None) -> Any:
        status, body = self._send(method, path, None if value is None else msgspec.json.encode(value))
        answer = msgspec.json.decode(body)
        if status >= 400:
            raise ValueError(f"the simulator refused {method} {path}: {answer['error']}")
        return answer

    def _send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=STOP_SECONDS)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def start_simulator(options: SimulatorOptions) -> Iterator[SimulatorControl]:
    """A simulator in a thread, while the context lasts. Raises: CannotStart, DatasetError."""
    simulator = Simulator(options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(simulator.start(), loop).result()
        try:
            yield SimulatorControl(simulator.url)
        finally:
            asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(STOP_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS)
        loop.close()


@contextmanager
def start_simulator_process(options: SimulatorOptions, *, log: Path | None = None) -> Iterator[SimulatorControl]:
    """A simulator as a process that ends with this one, while the context lasts; its log goes to a file.

    Raises: CannotStart with what it said.
    """
    command = [sys.executable, "-m", "providers.simulator", *replace(options, has_to_die_with_parent=True).arguments()]
    with (log or Path("/dev/null")).open("ab") as stderr:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=stderr, text=True)  # noqa: S603 own command
    assert process.stdout is not None
    with process.stdout as stdout:
        try:
            line = stdout.readline()
            if not line:
                raise CannotStart(f"the simulator ended with status {process.wait()}; see {log or 'its log'}")
            yield SimulatorControl(line.split()[-1])
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
