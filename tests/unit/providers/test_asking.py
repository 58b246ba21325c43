import asyncio
import json
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from aiohttp import web

from marketdata_site.observability.clock import now_us
from providers.adapter import Account, RateNews
from providers.asking import BarAnswer, fetch_bars
from providers.errors import (
    AuthFailed,
    MalformedAnswer,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
    VendorFault,
    VendorTimeout,
)
from providers.http import VendorHttp
from providers.market.types import BarQuery, Interval, to_us
from providers.registry import get_adapter
from tests.unit.providers.vendor_server import Handler, serving

pytestmark = pytest.mark.asyncio
KEY = "sk-made-up-of-whole-cloth"
POLYGON = Account(provider="polygon", adapter="polygon", base_url="", credentials={"api_key": KEY})
ALPACA = Account(provider="alpaca", adapter="alpaca", base_url="", credentials={"key_id": KEY, "secret_key": KEY + "2"})
START = to_us(datetime(2024, 1, 2, 14, 30, tzinfo=UTC))
MINUTE = 60_000_000
QUERY = BarQuery(("AAPL",), Interval.M1, START, START + 10 * MINUTE)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[VendorHttp]:
    client = VendorHttp()
    yield client
    await client.close()


def row(minute: int) -> dict[str, object]:
    return {"t": START // 1000 + minute * 60_000, "o": 1, "h": 2, "l": 1, "c": 2, "v": 10}


def polygon_page(*minutes: int, next_url: str | None = None, status: str = "OK") -> web.Response:
    body = {"ticker": "AAPL", "status": status, "results": [row(m) for m in minutes], "resultsCount": len(minutes)}
    return web.json_response(
        body | ({"next_url": next_url} if next_url else {}), headers={"Date": "Tue, 02 Jan 2024 15:00:00 GMT"}
    )


async def ask(
    http: VendorHttp, handler: Handler, account: Account = POLYGON, query: BarQuery = QUERY, **options: object
) -> BarAnswer:
    async with serving(v2=handler) as base:
        account = replace(account, base_url=base)
        options.setdefault("deadline_s", 10)
        return await fetch_bars(get_adapter(account.adapter), account, query, http=http, **options)  # type: ignore[arg-type]


async def failing(http: VendorHttp, handler: Handler, *args: object, **options: object) -> ProviderError:
    with pytest.raises(ProviderError) as info:
        await ask(http, handler, *args, **options)  # type: ignore[arg-type]
    assert KEY not in "".join(traceback.format_exception(info.value))
    return info.value


def paging(*pages: web.Response, seen: list[str | None] | None = None) -> Handler:
    """Pages in turn; `next_url`s of other hosts must still come here, with the key."""
    left = list(pages)

    async def handler(request: web.Request) -> web.Response:
        if seen is not None:
            seen.append(request.headers.get("Authorization"))
        return left.pop(0)

    return handler


def cursor(name: str) -> str:
    return f"https://api.elsewhere.example/v2/aggs/ticker/AAPL/range/1/minute/1/2?cursor={name}"


async def test_all_pages_are_read_to_the_end_with_the_key_on_each(http: VendorHttp) -> None:
    seen: list[str | None] = []
    pages = [polygon_page(0, 1, next_url=cursor("a")), polygon_page(next_url=cursor("b")), polygon_page(2)]
    answer = await ask(http, paging(*pages, seen=seen))
    assert ((answer.batch.start - START) // MINUTE).tolist() == [0, 1, 2]
    assert seen == [f"Bearer {KEY}"] * 3
    assert (answer.calls, answer.is_delayed, answer.unknown_symbols) == (3, False, ())
    assert answer.asked_at <= answer.received_at
    assert answer.vendor_time == to_us(datetime(2024, 1, 2, 15, tzinfo=UTC))
    assert answer.elapsed_s > 0


async def test_one_delayed_page_makes_the_answer_delayed(http: VendorHttp) -> None:
    pages = [polygon_page(0, next_url=cursor("a")), polygon_page(1, status="DELAYED")]
    assert (await ask(http, paging(*pages))).is_delayed


@pytest.mark.parametrize(
    ("last", "meant"),
    [
        (web.Response, lambda: VendorFault),
        (lambda: web.Response(status=500), lambda: VendorFault),
        (lambda: web.Response(status=429, headers={"Retry-After": "7"}), lambda: Throttled),
        (lambda: web.Response(status=401, text=f"key {KEY}"), lambda: AuthFailed),
        (lambda: web.Response(text="<html>"), lambda: MalformedAnswer),
    ],
)
async def test_failed_later_page_fails_the_whole_answer(http: VendorHttp, last, meant) -> None:
    error = await failing(http, paging(polygon_page(0, next_url=cursor("a")), last()))
    assert type(error) is meant()


async def test_page_that_leads_back_is_malformed(http: VendorHttp) -> None:
    pages = [polygon_page(m, next_url=cursor(name)) for m, name in enumerate("aba")]
    assert isinstance(await failing(http, paging(*pages)), MalformedAnswer)


async def test_pages_without_end_are_malformed(http: VendorHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.asking.MAX_PAGES", 3)
    pages = [polygon_page(m, next_url=cursor(str(m))) for m in range(5)]
    assert isinstance(await failing(http, paging(*pages)), MalformedAnswer)


async def test_deadline_is_of_all_pages_together(http: VendorHttp) -> None:
    count = 0

    async def endless(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return polygon_page(0, next_url=cursor(str(count)))

    assert isinstance(await failing(http, endless, deadline_s=0.3), VendorTimeout)
    assert count > 1


class Counting:
    """A toll that admits so many requests and keeps what it hears of them."""

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.costs: list[int] = []
        self.heard: list[tuple[RateNews | None, type | None]] = []

    async def admit(self, cost: int) -> None:
        self.costs.append(cost)
        if len(self.costs) > self.most:
            raise Throttled("no tokens left")

    async def settle(self, *, news: RateNews | None, error: ProviderError | None) -> None:
        self.heard.append((news, type(error) if error else None))


async def test_toll_is_asked_before_each_page_and_its_refusal_stops(http: VendorHttp) -> None:
    toll = Counting(most=2)
    pages = [polygon_page(m, next_url=cursor(str(m))) for m in range(5)]
    assert isinstance(await failing(http, paging(*pages), toll=toll), Throttled)
    assert toll.costs == [1, 1, 1]
    assert toll.heard == [(None, None), (None, None)]


async def test_toll_hears_of_each_request_what_the_vendor_said_and_what_was_wrong(http: VendorHttp) -> None:
    toll = Counting()
    said = {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": str(to_us(datetime(2024, 1, 2, 15, 0, 30, tzinfo=UTC)) // 10**6)}
    first, last = polygon_page(0, next_url=cursor("a")), web.Response(status=429, headers={"Retry-After": "7"})
    first.headers.update(said)
    error = await failing(http, paging(first, last), toll=toll)
    assert isinstance(error, Throttled)
    assert toll.heard == [(RateNews(left=7, resets_in_s=30.0), None), (None, Throttled)]


async def test_toll_hears_of_a_request_without_an_answer(http: VendorHttp) -> None:
    toll = Counting()

    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    assert isinstance(await failing(http, silent, toll=toll, deadline_s=0.1), VendorTimeout)
    assert toll.heard == [(None, VendorTimeout)]


async def test_waits_for_tokens_count_neither_for_the_deadline_nor_for_the_time_that_the_vendor_took(http: VendorHttp) -> None:
    class Slow(Counting):
        ended_at = 0

        async def admit(self, cost: int) -> None:
            await asyncio.sleep(1.0)
            self.ended_at = self.ended_at or now_us()

    toll = Slow()
    pages = [polygon_page(0, next_url=cursor("a")), polygon_page(1)]
    answer = await ask(http, paging(*pages), toll=toll, deadline_s=0.9)
    assert answer.elapsed_s < 0.9
    assert toll.ended_at <= answer.asked_at < answer.received_at


async def test_unsupported_query_is_refused_before_asking(http: VendorHttp) -> None:
    seen: list[str | None] = []
    query = replace(QUERY, symbols=("A", "B"))
    assert isinstance(await failing(http, paging(seen=seen), POLYGON, query), UnsupportedRequest)
    assert seen == []


def alpaca_knowing(*known: str, asked: list[str]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        symbols = request.query["symbols"].split(",")
        asked.append(request.query["symbols"])
        for symbol in symbols:
            if symbol not in known:
                return web.json_response({"message": f"invalid symbol: {symbol}"}, status=400)
        stamped = row(0) | {"t": "2024-01-02T14:30:00Z"}
        return web.Response(text=json.dumps({"bars": {s: [stamped] for s in symbols}, "next_page_token": None}))

    return handler


async def test_symbols_named_as_unknown_are_left_out_and_the_rest_is_answered(http: VendorHttp) -> None:
    asked: list[str] = []
    query = replace(QUERY, symbols=("AAPL", "NOPE", "MSFT", "GONE"))
    answer = await ask(http, alpaca_knowing("AAPL", "MSFT", asked=asked), ALPACA, query)
    assert asked == ["AAPL,NOPE,MSFT,GONE", "AAPL,MSFT,GONE", "AAPL,MSFT"]
    assert answer.unknown_symbols == ("NOPE", "GONE")
    assert answer.batch.symbols == ("AAPL", "MSFT")
    assert answer.calls == 3


async def test_unknown_symbol_is_an_error_when_none_is_left(http: VendorHttp) -> None:
    error = await failing(http, alpaca_knowing(asked=[]), ALPACA, replace(QUERY, symbols=("NOPE",)))
    assert isinstance(error, UnknownSymbol)
    assert error.symbols == ("NOPE",)
