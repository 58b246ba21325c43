"""The HTTP server: one port for all vendors and the control endpoint."""

import asyncio
import errno
import signal
import time
from collections.abc import Callable
from email.utils import formatdate
from itertools import count

from aiohttp import web

from marketdata_site.observability.clock import now_us
from marketdata_site.observability.redaction import redact
from providers.market.types import DAY_US, SECOND_US, Hours, Interval
from providers.simulator.control import Control
from providers.simulator.delivery import deliver, hang
from providers.simulator.faults import Fault, FaultBook, FaultKind, seconds_us
from providers.simulator.journal import Call, Journal, Log
from providers.simulator.limits import RateLimit
from providers.simulator.options import SimulatorOptions
from providers.simulator.recorded import RecordedSource
from providers.simulator.source import Calendar, Source
from providers.simulator.synthetic import SyntheticSource
from providers.simulator.universe import Universe, load_universe
from providers.simulator.vendors import VENDORS, Vendors
from providers.simulator.wire import WIRE_FORMATS
from providers.simulator.wire.base import Answer, VendorRequest

GOODBYE_SECONDS = 0.2
_MOST_HEADER_BYTES = 65_536  # a thousand symbols in a query


class CannotStart(Exception):
    """The simulator can't be started as told; the message says what to change."""


class Simulator:
    """A server that is started and stopped in an event loop."""

    def __init__(self, options: SimulatorOptions) -> None:
        """Builds everything, opens nothing. Raises: CannotStart, DatasetError."""
        self._options = options
        self._numbers = count(1)
        self._log = Log()
        self._journal = Journal(log=self._log)
        faults = FaultBook(log=self._log.say, seed=options.seed)
        self._vendors = Vendors(source=source_of(options), faults=faults, limits=_limits(options), keys=options.keys)
        control = Control(faults=faults, limits=self._vendors.limits, journal=self._journal, log=self._log)
        app = web.Application()
        app.add_routes([*control.routes(), web.get("/{path:.*}", self._handle)])
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=GOODBYE_SECONDS,
            max_line_size=_MOST_HEADER_BYTES,
            max_field_size=_MOST_HEADER_BYTES,
        )
        self.url = ""

    async def start(self) -> None:
        """Open the port; `url` is set afterwards. Raises: CannotStart when the port can't be had."""
        options = self._options
        _warm(self._vendors.source)
        await self._runner.setup()
        site = web.TCPSite(self._runner, options.host, options.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"can't be had ({error.strerror})"
            raise CannotStart(f"port {options.port} of {options.host} {reason}: choose another one with --port") from error
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        source = "synthetic bars" if options.data is None else f"the bars of {options.data}"
        self._log.say(f"serving {source} at {self.url} as {', '.join(sorted(VENDORS))}")

    async def stop(self) -> None:
        """Close the port; calls that hang are cut off."""
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = VendorRequest(
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            base_url=f"{request.scheme}://{request.host}",
            now=now_us(),
            number=next(self._numbers),
        )
        found = self._vendors.find(asked)
        if found is None:
            self._log.say(f"call {asked.number} to no vendor's path: {asked.path}")
            return web.Response(status=404, text="404 page not found\n")
        wire, symbols = found
        faults = self._vendors.faults.strike(vendor=wire.vendor, symbols=symbols, now=asked.now)
        begun = time.perf_counter()
        status = rows = 0
        try:
            if faults and faults[0].kind is FaultKind.TIMEOUT:
                return await hang(request, faults[0])
            answer = self._vendors.answer(wire, asked, faults)
            if not any(fault.kind is FaultKind.CONNECTION_RESET for fault in faults):
                status, rows = answer.status, answer.rows
            return await deliver(request, answer, faults, _headers(answer, asked))
        finally:
            self._journal.add(
                Call(
                    number=asked.number,
                    at=asked.now,
                    vendor=wire.vendor,
                    path=redact(request.path_qs),
                    symbols=symbols,
                    status=status,
                    rows=rows,
                    milliseconds=round((time.perf_counter() - begun) * 1000, 3),
                    faults=_names(faults),
                )
            )


def source_of(options: SimulatorOptions) -> Source:
    """The bars that the options name. Raises: DatasetError."""
    if options.data is not None:
        return RecordedSource(folder=options.data, calendars=_calendar)
    return SyntheticSource(
        seed=options.seed,
        calendars=_calendar,
        universe=load_universe(options.universe) if options.universe else Universe(),
        publication_delay_us=seconds_us(options.publication_delay_seconds),
        quiet_percent=options.quiet_percent,
    )


def _calendar(name: str, hours: Hours) -> Calendar:
    from providers.market.calendar import get_calendar  # exchange calendars are slow to import and not always needed

    return get_calendar(name, hours)


def _warm(source: Source) -> None:
    """Load the calendars now: the first caller of a synthetic symbol should not wait a second for them."""
    now = now_us()
    for symbol in ("WARM", "X:WARM"):
        source.bars(symbol=symbol, interval=Interval.M1, start=now - 7 * DAY_US, end=now, now=now)


def _limits(options: SimulatorOptions) -> dict[str, RateLimit]:
    for vendor in (*options.rates, *options.keys):
        if vendor not in VENDORS:
            raise CannotStart(f"unknown vendor {vendor!r}, known: {', '.join(sorted(VENDORS))}")
    defaults = {wire.vendor: wire.requests_per_minute for wire in WIRE_FORMATS}
    return {vendor: RateLimit(options.rates.get(vendor, default) or None) for vendor, default in defaults.items()}


def _headers(answer: Answer, asked: VendorRequest) -> dict[str, str]:
    """The vendor's clock is the simulator's, which may be shifted: aiohttp's own `Date` would give the machine's."""
    return {"Date": formatdate(asked.now / SECOND_US, usegmt=True), **answer.headers}


def _names(faults: list[Fault]) -> tuple[str, ...]:
    return tuple(fault.kind.value for fault in faults)


async def run(options: SimulatorOptions, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` gets the URL when the port is open. Raises: CannotStart, DatasetError."""
    simulator = Simulator(options)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await simulator.start()
    announce(simulator.url)
    try:
        await ended.wait()
    finally:
        await simulator.stop()
