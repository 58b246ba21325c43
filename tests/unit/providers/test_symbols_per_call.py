"""A job's calls to a vendor whose quota counts symbols."""

import pytest
from aiohttp import web

from providers.adapter import Account
from providers.fetching import ask_provider
from providers.http import VendorHttp
from providers.market.types import MINUTE_US, BarQuery, Interval
from providers.registry import get_adapter
from providers.selectors import Candidate
from tests.unit.providers.vendor_server import serving


@pytest.mark.asyncio
async def test_no_call_names_more_symbols_than_the_account_allows() -> None:
    asked: list[str] = []

    async def time_series(request: web.Request) -> web.Response:
        asked.append(request.query["symbol"])
        return web.json_response({"code": 400, "message": "No data is available on the specified dates.", "status": "error"})

    start = 1_700_000_000 // 60 * MINUTE_US
    query = BarQuery(symbols=(), interval=Interval.M1, start=start, end=start + 5 * MINUTE_US)
    http = VendorHttp()
    async with serving(time_series=time_series) as base:
        options = {"symbols_per_call": "2"}
        account = Account(provider="t", adapter="twelve_data", base_url=base, credentials={"api_key": "k"}, options=options)
        candidate = Candidate(1, get_adapter("twelve_data"), account, rank=0, overlap=0, settle_after=0, deadline_s=10.0)
        names = {name: name for name in ("A", "B", "C")}
        answer = await ask_provider(candidate, query=query, vendor_symbols=names, http=http, asked_at=start)
        await http.close()
    assert sorted(asked) == ["A,B", "C"]
    assert answer.answered == {"A", "B", "C"}
