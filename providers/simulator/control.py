"""`/_control`: faults, limits, calls and the log of a running simulator.

GET    /_control/faults         the faults that can still strike
POST   /_control/faults         set one (an object) or several (a list); nothing is set when one of them makes no sense
DELETE /_control/faults[/{id}]  clear one or all
GET    /_control/limits         requests per minute by vendor, null for no limit
PUT    /_control/limits         change some, e.g. {"polygon": 300}
GET    /_control/calls          counters and calls; ?vendor=&symbol=&after=
DELETE /_control/calls          forget them
GET    /_control/log            the newest lines
"""

from typing import Any

import msgspec
from aiohttp import web

from marketdata_site.observability.clock import now_us
from providers.simulator.fault_input import FaultError, read_fault, write_fault
from providers.simulator.faults import FaultBook
from providers.simulator.journal import Journal, Log
from providers.simulator.limits import RateLimit
from providers.simulator.vendors import VENDORS


class Control:
    """The handlers."""

    def __init__(self, *, faults: FaultBook, limits: dict[str, RateLimit], journal: Journal, log: Log) -> None:
        self._faults = faults
        self._limits = limits
        self._journal = journal
        self._log = log

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are mounted."""
        return [
            web.get("/_control/faults", self._get_faults),
            web.post("/_control/faults", self._post_faults),
            web.delete("/_control/faults", self._delete_faults),
            web.delete(r"/_control/faults/{id:\d+}", self._delete_faults),
            web.get("/_control/limits", self._get_limits),
            web.put("/_control/limits", self._put_limits),
            web.get("/_control/calls", self._get_calls),
            web.delete("/_control/calls", self._delete_calls),
            web.get("/_control/log", self._get_log),
        ]

    async def _get_faults(self, request: web.Request) -> web.Response:
        return _json([write_fault(scripted) for scripted in self._faults.active(now=now_us())])

    async def _post_faults(self, request: web.Request) -> web.Response:
        try:
            raw = msgspec.json.decode(await request.read())
            entries = raw if isinstance(raw, list) else [raw]
            faults = [read_fault(entry, vendors=VENDORS, now=now_us()) for entry in entries]
        except (msgspec.DecodeError, FaultError) as error:
            return _error(422, str(error))
        written = [write_fault(self._faults.set(fault)) for fault in faults]
        return _json(written if isinstance(raw, list) else written[0], status=201)

    async def _delete_faults(self, request: web.Request) -> web.Response:
        fault_id = request.match_info.get("id")
        cleared = self._faults.clear(int(fault_id) if fault_id else None)
        if fault_id and not cleared:
            return _error(404, f"there is no fault {fault_id}")
        return _json({"cleared": cleared})

    async def _get_limits(self, request: web.Request) -> web.Response:
        return _json({vendor: limit.limit for vendor, limit in self._limits.items()})

    async def _put_limits(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=dict[str, int | None])
        except msgspec.DecodeError as error:
            return _error(422, str(error))
        unknown = sorted(set(wanted) - VENDORS)
        if unknown:
            return _error(422, f"unknown vendor {unknown[0]!r}, known: {', '.join(sorted(VENDORS))}")
        if any(limit is not None and limit < 1 for limit in wanted.values()):
            return _error(422, "a limit must be null or at least 1")
        for vendor, limit in wanted.items():
            self._limits[vendor].limit = limit
            self._log.say(f"limit of {vendor} set: {'none' if limit is None else f'{limit} a minute'}")
        return await self._get_limits(request)

    async def _get_calls(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not after.isdecimal():
            return _error(422, f"after must be the number of a call, got {after!r}")
        vendor, symbol = request.query.get("vendor"), request.query.get("symbol")
        return _json(self._journal.summary(vendor=vendor, symbol=symbol, after=int(after)))

    async def _delete_calls(self, request: web.Request) -> web.Response:
        self._journal.clear()
        return _json({"cleared": True})

    async def _get_log(self, request: web.Request) -> web.Response:
        return web.Response(text="".join(f"{line}\n" for line in self._log.lines))


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _error(status: int, message: str) -> web.Response:
    return _json({"error": message}, status=status)
