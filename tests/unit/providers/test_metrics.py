"""Each request that is sent is counted once, with its error; what was never sent is no call."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from marketdata_site.observability.metrics import page
from providers.adapter import Account, RateNews
from providers.asking import fetch_bars
from providers.errors import MalformedAnswer, OverBudget, ProviderError, UnsupportedRequest, VendorFault
from providers.http import VendorHttp
from providers.registry import get_adapter
from tests.unit.providers.test_asking import POLYGON, QUERY, paging, polygon_page
from tests.unit.providers.vendor_server import Handler, serving

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def http() -> AsyncIterator[VendorHttp]:
    client = VendorHttp()
    yield client
    await client.close()


def counted(provider: str) -> dict[str, float]:
    """`calls`, and errors by their code, of one provider's bars."""
    samples = [sample for family in text_string_to_metric_families(page().decode()) for sample in family.samples]
    ours = [s for s in samples if s.labels.get("provider") == provider and s.labels.get("endpoint") == "bars"]
    return {
        s.labels.get("code", "calls"): s.value for s in ours if s.name in {"provider_latency_ms_count", "provider_errors_total"}
    }


class NoTokens:
    """A toll that lets nothing out."""

    async def admit(self, cost: int) -> None:
        raise OverBudget("no token came in time", retry_after=1)

    async def settle(self, *, news: RateNews | None, error: ProviderError | None) -> None:
        raise AssertionError("nothing was sent")


async def ask(http: VendorHttp, handler: Handler, provider: str, **options: object) -> None:
    async with serving(v2=handler) as base:
        account: Account = replace(POLYGON, provider=provider, base_url=base)
        await fetch_bars(get_adapter("polygon"), account, QUERY, http=http, **{"deadline_s": 10, **options})  # type: ignore[arg-type]


async def test_every_page_is_a_call(http: VendorHttp) -> None:
    pages = paging(
        polygon_page(0, 1, next_url="https://elsewhere/v2/aggs/ticker/AAPL/range/1/minute/1/2?cursor=1"), polygon_page(2)
    )
    await ask(http, pages, "two-pages")
    assert counted("two-pages") == {"calls": 2}


async def test_call_counts_as_an_error_when_the_vendor_breaks_or_its_answer_can_not_be_read(http: VendorHttp) -> None:
    for kind, answer in (
        (VendorFault, web.Response(status=503)),
        (MalformedAnswer, web.Response(text="<html>")),
        (MalformedAnswer, web.json_response([])),
    ):
        with pytest.raises(kind):
            await ask(http, paging(answer), "broken")
    assert counted("broken") == {"calls": 3, "vendor_fault": 1, "malformed_answer": 2}


async def test_nothing_is_counted_as_a_call_when_no_request_was_sent(http: VendorHttp) -> None:
    with pytest.raises(OverBudget):
        await ask(http, paging(), "unsent", toll=NoTokens())
    pair = replace(QUERY, symbols=("AAPL", "MSFT"))
    with pytest.raises(UnsupportedRequest):
        await fetch_bars(get_adapter("polygon"), replace(POLYGON, provider="unsent"), pair, http=http, deadline_s=10)
    assert counted("unsent") == {}


async def test_call_that_is_cancelled_says_nothing_about_the_vendor(http: VendorHttp) -> None:
    arrived = asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    asking = asyncio.create_task(ask(http, silent, "cancelled"))
    await arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert counted("cancelled") == {}
