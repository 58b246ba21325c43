"""One job's calls to one provider: its time, its patience, and symbols that share a spelling."""

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web

from providers.adapter import Account
from providers.breaker import TRIP_IN_A_ROW
from providers.errors import CircuitOpen, OutOfTime, VendorFault, VendorTimeout
from providers.fetching import ProviderAnswer, ask_provider
from providers.http import VendorHttp
from providers.market.types import MINUTE_US, BarQuery, Interval
from providers.registry import get_adapter
from providers.selectors import Candidate
from providers.watch import MAX_CONCURRENT_CALLS
from tests.unit.providers.vendor_server import serving

START = 1_700_000_000 // 60 * MINUTE_US
PATH = "v2/aggs/ticker/{symbol}/range/1/minute/{first}/{last}"


async def _ask(base: str, names: Mapping[str, str], **rest: float) -> ProviderAnswer:
    account = Account(provider="t", adapter="polygon", base_url=base, credentials={"api_key": "k"})
    candidate = Candidate(1, get_adapter("polygon"), account, rank=0, overlap=0, settle_after=0, deadline_s=30.0)
    query = BarQuery(symbols=(), interval=Interval.M1, start=START, end=START + 5 * MINUTE_US)
    http = VendorHttp()
    try:
        return await ask_provider(candidate, query=query, vendor_symbols=names, http=http, asked_at=START, **rest)
    finally:
        await http.close()


def _bars(symbol: str) -> web.Response:
    row = {"t": START // 1000, "o": 1.5, "h": 2, "l": 1, "c": 1.25, "v": 10}
    return web.json_response({"status": "OK", "ticker": symbol, "resultsCount": 1, "queryCount": 1, "results": [row]})


@pytest.mark.asyncio
async def test_symbols_that_a_vendor_spells_alike_are_asked_once_and_answered_each() -> None:
    asked: list[str] = []

    async def bars(request: web.Request) -> web.Response:
        asked.append(request.match_info["symbol"])
        return _bars(asked[-1])

    async with serving(**{PATH: bars}) as base:
        answer = await _ask(base, {"BTC-USD": "X:BTCUSD", "BTC/USD": "X:BTCUSD", "ETH-USD": "X:ETHUSD"})
    assert sorted(asked) == ["X:BTCUSD", "X:ETHUSD"]
    assert answer.answered == {"BTC-USD", "BTC/USD", "ETH-USD"}
    rows = [answer.batch.symbols[i] for i in answer.batch.symbol_index]
    assert sorted(rows) == ["BTC-USD", "BTC/USD", "ETH-USD"]


@pytest.mark.asyncio
async def test_what_is_not_asked_within_the_jobs_time_has_failed() -> None:
    release = asyncio.Event()

    async def bars(request: web.Request) -> web.Response:
        await release.wait()
        return _bars(request.match_info["symbol"])

    names = {f"S{i}": f"S{i}" for i in range(40)}
    async with serving(**{PATH: bars}) as base:
        answer = await _ask(base, names, deadline_s=1.0)
        release.set()
    assert answer.answered == frozenset()
    assert {type(error) for error in answer.failed.values()} == {VendorTimeout, OutOfTime}  # those that were out, and the rest
    assert len(answer.failed) == 40
    assert answer.calls < 40


@pytest.mark.asyncio
async def test_vendor_that_only_breaks_is_not_asked_for_all_symbols() -> None:
    asked: list[str] = []

    async def bars(request: web.Request) -> web.Response:
        asked.append(request.match_info["symbol"])
        return web.Response(status=500)

    names = {f"S{i}": f"S{i}" for i in range(200)}
    async with serving(**{PATH: bars}) as base:
        answer = await _ask(base, names)
    assert TRIP_IN_A_ROW <= len(asked) <= MAX_CONCURRENT_CALLS  # none is started once calls fail
    assert {type(error) for error in answer.failed.values()} == {VendorFault, CircuitOpen}
    assert len(answer.failed) == 200
    assert answer.calls == len(asked)
    assert answer.unsent == {"circuit_open": 200 - len(asked)}
