"""How one window of a query becomes pages: by an adapter's own requests, or through its client library.

Either way each request leaves by the `Send` that is given; `providers.asking` counts and bounds them there.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

from providers.adapter import Account, Adapter, HttpAdapter, HttpRequest, HttpResponse
from providers.client_adapter import ClientAdapter, Send
from providers.http import VendorHttp
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import BarBatch, BarQuery
from providers.quote_adapter import HttpQuoteAdapter, QuoteAdapter

Batch = TypeVar("Batch", BarBatch, QuoteBatch)
Query = TypeVar("Query", BarQuery, QuoteQuery)
_PageBatch_co = TypeVar("_PageBatch_co", BarBatch, QuoteBatch, covariant=True)


class Page(Protocol[_PageBatch_co]):
    """`BarPage` or `QuotePage`."""

    @property
    def batch(self) -> _PageBatch_co: ...
    @property
    def next(self) -> HttpRequest | None: ...
    @property
    def is_delayed(self) -> bool: ...
    @property
    def unknown_symbols(self) -> tuple[str, ...]: ...


Pages: TypeAlias = Callable[[Query, Send], Awaitable[list[Page[Batch]]]]
"""All pages of one window."""


async def open_client(adapter: Adapter | QuoteAdapter, account: Account, http: VendorHttp) -> None:
    """Open the client of an adapter that has any: importing its library takes seconds that are not the vendor's."""
    if isinstance(adapter, ClientAdapter):
        async with http.clients.lend(adapter, account):
            pass


def bar_pages(adapter: Adapter, account: Account, http: VendorHttp) -> Pages[BarQuery, BarBatch]:
    """How this adapter is asked for bars."""
    if isinstance(adapter, HttpAdapter):
        return _paged(adapter.bars_request, adapter.parse_bars, account)

    async def ask(window: BarQuery, send: Send) -> list[Page[BarBatch]]:
        async with http.clients.lend(_client_adapter(adapter), account) as client:
            return [await client.bars(window, send=send)]

    return ask


def quote_pages(adapter: QuoteAdapter, account: Account, http: VendorHttp) -> Pages[QuoteQuery, QuoteBatch]:
    """How this adapter is asked for quotes."""
    if isinstance(adapter, HttpQuoteAdapter):
        return _paged(adapter.quotes_request, adapter.parse_quotes, account)

    async def ask(window: QuoteQuery, send: Send) -> list[Page[QuoteBatch]]:
        async with http.clients.lend(_client_adapter(adapter), account) as client:
            return [await client.quotes(window, send=send)]

    return ask


def _client_adapter(adapter: Adapter | QuoteAdapter) -> ClientAdapter:
    if not isinstance(adapter, ClientAdapter):
        raise TypeError(f"adapter {adapter.name} is of no known kind")
    return adapter


def _paged(
    first: Callable[[Query, Account], HttpRequest],
    parse: Callable[[HttpResponse, Query, Account], Page[Batch]],
    account: Account,
) -> Pages[Query, Batch]:
    async def ask(window: Query, send: Send) -> list[Page[Batch]]:
        pages: list[Page[Batch]] = []
        request: HttpRequest | None = first(window, account)
        while request is not None:
            pages.append(await send(request, lambda response: parse(response, window, account)))
            request = pages[-1].next
        return pages

    return ask
