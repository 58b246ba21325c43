"""What every test of the contract asks with: an account with recognisable secrets and queries wide enough for any recording.

Adapters of both kinds are asked alike: those of the first build a request and read an answer, those of the second are handed the
answer when their client library sends a request.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from providers.adapter import Account, Adapter, BarPage, HttpAdapter, HttpRequest, HttpResponse
from providers.client_adapter import ClientAdapter, VendorClient
from providers.errors import ProviderError
from providers.market.quotes import QuoteQuery
from providers.market.types import AssetClass, BarQuery, FeedScope, Interval, to_us

SECRET = "sk-7f3a/91+c%d2"
WIDE_START = to_us(datetime(2000, 1, 1, tzinfo=UTC))
WIDE_END = to_us(datetime(2030, 1, 1, tzinfo=UTC))


def account_of(adapter: Adapter, *, base_url: str = "", feed_scope: FeedScope = FeedScope.CONSOLIDATED) -> Account:
    """An account whose every credential is `SECRET` with a tail of its own."""
    credentials = {name: f"{SECRET}{i}" for i, name in enumerate(adapter.credential_names)}
    return Account(
        provider=f"{adapter.name}-main", adapter=adapter.name, base_url=base_url, credentials=credentials, feed_scope=feed_scope
    )


def query_of(
    *symbols: str,
    interval: Interval = Interval.M1,
    start: int = WIDE_START,
    end: int = WIDE_END,
    asset_class: AssetClass = AssetClass.EQUITY,
) -> BarQuery:
    """A query of three decades unless told otherwise."""
    return BarQuery(symbols=symbols or ("AAPL",), interval=interval, start=start, end=end, asset_class=asset_class)


NOTHING_MORE = HttpResponse(200, {}, b"[]")


class Transport:
    """A `Send` that gives prepared answers, after them an empty list, and keeps the requests."""

    def __init__(self, *answers: HttpResponse) -> None:
        self.answers, self.requests = list(answers), []

    async def __call__(self, request: HttpRequest, read: Callable[[HttpResponse], Any]) -> Any:
        self.requests.append(request)
        return read(self.answers.pop(0) if self.answers else NOTHING_MORE)


_CLIENTS: list[tuple[Account, VendorClient]] = []


def client_of(adapter: ClientAdapter, account: Account) -> VendorClient:
    """The account's client, opened once: that takes longer than most tests."""
    known = next((client for owner, client in _CLIENTS if owner == account), None)
    if known is None:
        _CLIENTS.append((account, known := adapter.open_client(account)))
    return known


def ask_client(
    adapter: ClientAdapter, query: BarQuery | QuoteQuery, *answers: HttpResponse, account: Account | None = None
) -> tuple[Any, list[HttpRequest]]:
    """What the client library makes of the answers, and what it asked for."""
    transport = Transport(*answers)
    client = client_of(adapter, account or account_of(adapter))
    question = client.quotes if isinstance(query, QuoteQuery) else client.bars
    return asyncio.run(question(query, send=transport)), transport.requests


def first_request(adapter: Adapter, query: BarQuery, account: Account) -> HttpRequest:
    """The first request for bars."""
    if isinstance(adapter, HttpAdapter):
        return adapter.bars_request(query, account)
    assert isinstance(adapter, ClientAdapter)
    transport = Transport(HttpResponse(404, {}, b""))
    with suppress(ProviderError):
        asyncio.run(client_of(adapter, account).bars(query, send=transport))
    return transport.requests[0]


def read_bars(adapter: Adapter, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
    """What an answer to the first request means."""
    if isinstance(adapter, HttpAdapter):
        return adapter.parse_bars(response, query, account)
    assert isinstance(adapter, ClientAdapter)
    return ask_client(adapter, query, response, account=account)[0]
