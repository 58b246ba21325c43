"""One job's quotes of one provider: chunks as large as a call may be, in our symbols, each answered or failed."""

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web

from providers.adapter import Account
from providers.errors import BadRequest, ProviderError, UnknownSymbol, UnsupportedRequest, VendorTimeout
from providers.fetching import ProviderQuotes, ask_provider_for_quotes
from providers.http import VendorHttp
from providers.market.types import AssetClass, FeedScope
from providers.registry import get_adapter
from providers.selectors import Candidate
from tests.unit.providers.vendor_server import Handler, serving

CREDENTIALS = {"key_id": "sk-made-up-key", "secret_key": "s", "api_key": "k"}
AT = 1_700_000_000_000_000


async def _ask(
    handlers: Mapping[str, Handler],
    vendor: str,
    names: Mapping[str, str],
    *,
    asset_class: AssetClass = AssetClass.EQUITY,
    scope: FeedScope = FeedScope.CONSOLIDATED,
    **rest: float,
) -> ProviderQuotes:
    http = VendorHttp()
    async with serving(**handlers) as base:
        account = Account(provider="t", adapter=vendor, base_url=base, credentials=CREDENTIALS, feed_scope=scope)
        candidate = Candidate(1, get_adapter(vendor), account, rank=0, overlap=0, settle_after=0, deadline_s=30.0)
        try:
            return await ask_provider_for_quotes(
                candidate, asset_class=asset_class, vendor_symbols=names, http=http, asked_at=AT, **rest
            )
        finally:
            await http.close()


def _row(symbol: str) -> dict[str, object]:
    return {"t": "2026-01-05T14:30:00.123456789Z", "bp": 1.5, "bs": len(symbol), "ap": 1.25, "as": 2}


@pytest.mark.asyncio
async def test_quotes_of_many_symbols_come_in_chunks_and_under_our_names() -> None:
    asked: list[tuple[str, ...]] = []

    async def latest(request: web.Request) -> web.Response:
        asked.append(tuple(request.query["symbols"].split(",")))
        return web.json_response({"quotes": {symbol: _row(symbol) for symbol in asked[-1] if symbol != "V7"}})

    names = {f"O{i}": f"V{i}" for i in range(201)} | {"TWIN": "V3"}
    answer = await _ask({"v2/stocks/quotes/latest": latest}, "alpaca", names)
    assert sorted(map(len, asked)) == [1, 200]
    assert sum(len(set(chunk)) for chunk in asked) == 201
    assert answer.answered == set(names)  # O7 as well: the vendor knows it and has no quote
    owners = [answer.batch.symbols[i] for i in answer.batch.symbol_index]
    assert sorted(owners) == sorted(set(names) - {"O7"})
    assert (answer.calls, answer.failed) == (2, {})
    assert AT < answer.asked_at <= answer.received_at


@pytest.mark.asyncio
async def test_currencies_are_asked_one_a_call() -> None:
    asked: list[str] = []

    async def top(request: web.Request) -> web.Response:
        asked.append(request.query["tickers"])
        return web.json_response([{"quoteTimestamp": "2026-01-05T14:30:00Z", "bidPrice": 1.5, "askPrice": 1.6}])

    names = {"EUR/USD": "eurusd", "GBP/USD": "gbpusd"}
    answer = await _ask({"tiingo/fx/top": top}, "tiingo", names, asset_class=AssetClass.FX)
    assert sorted(asked) == ["eurusd", "gbpusd"]
    assert [answer.batch.symbols[i] for i in answer.batch.symbol_index] == ["EUR/USD", "GBP/USD"]


def _types(failed: Mapping[str, ProviderError]) -> dict[str, type[ProviderError]]:
    return {symbol: type(error) for symbol, error in failed.items()}


@pytest.mark.asyncio
async def test_unknown_symbol_fails_alone() -> None:
    async def latest(request: web.Request) -> web.Response:
        symbols = request.query["symbols"].split(",")
        if "NOPE" in symbols:
            return web.json_response({"message": "invalid symbol: NOPE"}, status=400)
        return web.json_response({"quotes": {symbol: _row(symbol) for symbol in symbols}})

    answer = await _ask({"v2/stocks/quotes/latest": latest}, "alpaca", {"AAPL": "AAPL", "GONE": "NOPE"})
    assert (answer.answered, _types(answer.failed), answer.calls) == ({"AAPL"}, {"GONE": UnknownSymbol}, 2)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("vendor", "asset_class"), [("yahoo", AssetClass.EQUITY), ("polygon", AssetClass.CRYPTO), ("polygon", AssetClass.INDEX)]
)
async def test_provider_without_such_quotes_refuses_without_a_call(vendor: str, asset_class: AssetClass) -> None:
    answer = await _ask({}, vendor, {"A": "A", "B": "B"}, asset_class=asset_class)
    assert (answer.answered, len(answer.batch), answer.calls) == (set(), 0, 0)
    assert _types(answer.failed) == {"A": UnsupportedRequest, "B": UnsupportedRequest}
    assert (answer.asked_at, answer.received_at) == (AT, AT)


@pytest.mark.asyncio
async def test_scope_that_a_vendors_quotes_do_not_have_is_refused_without_a_call() -> None:
    answer = await _ask({}, "tiingo", {"A": "A"})
    assert _types(answer.failed) == {"A": UnsupportedRequest}
    assert "no consolidated quotes of equity, it offers iex" in str(answer.failed["A"])


@pytest.mark.asyncio
async def test_quotes_that_do_not_come_in_the_jobs_time_have_failed() -> None:
    release = asyncio.Event()

    async def latest(request: web.Request) -> web.Response:
        await release.wait()
        return web.json_response({"quotes": {}})

    async def then_release() -> ProviderQuotes:
        try:
            return await _ask({"v2/stocks/quotes/latest": latest}, "alpaca", {"A": "A"}, deadline_s=0.2)
        finally:
            release.set()

    assert _types((await then_release()).failed) == {"A": VendorTimeout}


@pytest.mark.asyncio
async def test_key_in_a_refusal_of_quotes_is_not_shown() -> None:
    async def latest(request: web.Request) -> web.Response:
        return web.json_response({"message": f"nothing for {request.headers['APCA-API-KEY-ID']}-here"}, status=400)

    answer = await _ask({"v2/stocks/quotes/latest": latest}, "alpaca", {"A": "A"})
    assert _types(answer.failed) == {"A": BadRequest}
    assert "sk-made-up-key" not in str(answer.failed["A"])
