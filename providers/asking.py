"""One query for bars or quotes to one provider: all pages to the end, under one deadline.

No failover, no budget, no retries: that is `providers.fetching`'s work. A failed later page fails the whole answer, because
part of an answer would pass for silence about the rest.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Generic, TypeAlias

from marketdata_site.observability.clock import now_us
from marketdata_site.observability.redaction import redact
from providers.accounts import secrets_of
from providers.adapter import Account, Adapter, HttpRequest, HttpResponse, Priced, RateNews, check_supported, cost, windows
from providers.client_adapter import Read
from providers.errors import MalformedAnswer, ProviderError, UnknownSymbol, VendorTimeout
from providers.http import VendorHttp
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import BarBatch, BarQuery, Micros
from providers.metrics import one_call
from providers.paging import Batch, Page, Pages, Query, bar_pages, open_client, quote_pages
from providers.quote_adapter import QuoteAdapter, check_quotes_supported
from providers.refusals import vendor_time_us
from providers.tolls import Toll, rate_news

MAX_PAGES = 1_000
MAX_UNKNOWN_ROUNDS = 20
"""A vendor that names one unknown symbol a refusal is asked this often for the rest."""


@dataclass(frozen=True, eq=False)  # no slots: the names below could not be called
class Answer(Generic[Batch]):
    """A complete answer.

    `asked_at`: our clock just before the first request; `received_at`: when the last page was complete. `vendor_time`: the
    `Date` of the first page. `unknown_symbols`: named by the vendor as unknown; the batch answers for the others only.
    `calls`: requests sent. `elapsed_s` is without the waits for tokens.
    """

    batch: Batch
    asked_at: Micros
    received_at: Micros
    vendor_time: Micros | None
    is_delayed: bool
    unknown_symbols: tuple[str, ...]
    calls: int
    elapsed_s: float


BarAnswer: TypeAlias = Answer[BarBatch]
QuoteAnswer: TypeAlias = Answer[QuoteBatch]


@dataclass(frozen=True, slots=True)
class _Question(Generic[Query, Batch]):
    """What an adapter does with one kind of query: the windows that it takes at once, and their pages.

    `endpoint` is what metrics call it, `price` what tells the cost of a request.
    """

    endpoint: str
    price: Priced
    news: Callable[[HttpResponse], RateNews | None]
    query: Query
    windows: Callable[[Query], Iterable[Query]]
    pages: Pages[Query, Batch]
    concat: Callable[[list[Batch]], Batch]


@dataclass(slots=True)
class _Asking:
    account: Account
    http: VendorHttp
    begun: float
    deadline: float
    toll: Toll | None
    asked_at: Micros | None = None
    calls: int = 0
    vendor_time: Micros | None = None
    _seen: set[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=set)

    async def pages(self, question: _Question[Query, Batch]) -> list[Page[Batch]]:
        pages: list[Page[Batch]] = []
        self._seen.clear()
        self.vendor_time = None
        for window in question.windows(question.query):
            tokens = cost(question.price, symbols=len(window.symbols))
            pages += await question.pages(window, _Gate(self, question.endpoint, question.news, tokens))
        return pages

    async def admit(self, request: HttpRequest, tokens: int) -> None:
        """Wait for tokens; the wait is ours, so neither the deadline nor the vendor's time counts it."""
        self._guard(request)
        begun = time.monotonic()
        if self.toll is not None:
            await self.toll.admit(tokens)
        waited = time.monotonic() - begun
        self.deadline += waited
        self.begun += waited
        if self.asked_at is None:
            self.asked_at = now_us()

    async def settle(self, news: RateNews | None, error: ProviderError | None) -> None:
        if self.toll is not None:
            await self.toll.settle(news=news, error=error)

    def time_left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise VendorTimeout(f"{self.account.provider}: the deadline passed after {self.calls} calls")
        self.calls += 1
        return left

    def _guard(self, request: HttpRequest) -> None:
        place = (request.url, tuple(sorted(request.params.items())))
        if place in self._seen:
            raise MalformedAnswer(
                f"{self.account.provider} names page {len(self._seen)} as its own next page or an earlier one's"
            )
        if len(self._seen) >= MAX_PAGES:
            raise MalformedAnswer(f"{self.account.provider} goes on after {MAX_PAGES} pages")
        self._seen.add(place)


@dataclass(frozen=True, slots=True)
class _Gate:
    """The `Send` of one window: each of its requests is admitted, sent and read, and the toll hears what came of it."""

    asking: _Asking
    endpoint: str
    news: Callable[[HttpResponse], RateNews | None]
    tokens: int

    async def __call__(self, request: HttpRequest, read: Callable[[HttpResponse], Read]) -> Read:
        asking = self.asking
        await asking.admit(request, self.tokens)
        news: RateNews | None = None
        try:
            left = asking.time_left()
            with one_call(provider=asking.account.provider, endpoint=self.endpoint):
                response = await asking.http.get(request, timeout_s=left)
                news = self.news(response)
                if asking.vendor_time is None:
                    asking.vendor_time = vendor_time_us(response.headers)
                answer = read(response)
        except ProviderError as error:
            await asking.settle(news, error)
            raise
        await asking.settle(news, None)
        return answer


async def fetch_bars(
    adapter: Adapter,
    account: Account,
    query: BarQuery,
    *,
    http: VendorHttp,
    deadline_s: float,
    toll: Toll | None = None,
) -> BarAnswer:
    """Bars of a query, complete or not at all, within `deadline_s` seconds, which do not run while it waits for tokens.

    `toll` is asked before each request, so that a rate budget counts pages, and told what came of it; what it raises stops the
    answer. A refusal that names some of the symbols as unknown is asked again without them.

    Raises: ProviderError; UnknownSymbol when no symbol is left or the vendor did not say which one.
    """
    check_supported(adapter, query, account=account, now=now_us())
    await open_client(adapter, account, http)
    question = _Question(
        endpoint="bars",
        price=adapter.limits,
        news=partial(rate_news, adapter),
        query=query,
        windows=partial(windows, adapter),
        pages=bar_pages(adapter, account, http),
        concat=BarBatch.concat,
    )
    return await _ask(question, account, http=http, deadline_s=deadline_s, toll=toll)


async def fetch_quotes(
    adapter: QuoteAdapter,
    account: Account,
    query: QuoteQuery,
    *,
    http: VendorHttp,
    deadline_s: float,
    toll: Toll | None = None,
) -> QuoteAnswer:
    """The newest quotes, complete or not at all; otherwise as `fetch_bars`. Raises: ProviderError."""
    check_quotes_supported(adapter, query, account=account)
    await open_client(adapter, account, http)
    question = _Question(
        endpoint="quotes",
        price=adapter.quote_limits,
        news=partial(rate_news, adapter),
        query=query,
        windows=_whole,
        pages=quote_pages(adapter, account, http),
        concat=QuoteBatch.concat,
    )
    return await _ask(question, account, http=http, deadline_s=deadline_s, toll=toll)


def _whole(query: QuoteQuery) -> tuple[QuoteQuery]:
    return (query,)


async def _ask(
    question: _Question[Query, Batch], account: Account, *, http: VendorHttp, deadline_s: float, toll: Toll | None
) -> Answer[Batch]:
    begun = time.monotonic()
    asking = _Asking(account, http, begun, begun + deadline_s, toll)
    pages: list[Page[Batch]]
    unknown: list[str]
    try:
        pages, unknown = await _known_pages(asking, question)
    except ProviderError as error:
        error.args = (redact(str(error), secrets=secrets_of(account)),)  # a net below each adapter's own care
        raise
    assert asking.asked_at is not None  # an answer has at least one page
    return Answer(
        batch=question.concat([page.batch for page in pages]),
        asked_at=asking.asked_at,
        received_at=now_us(),
        vendor_time=asking.vendor_time,
        is_delayed=any(page.is_delayed for page in pages),
        unknown_symbols=tuple(dict.fromkeys([*unknown, *(s for page in pages for s in page.unknown_symbols)])),
        calls=asking.calls,
        elapsed_s=time.monotonic() - asking.begun,
    )


async def _known_pages(asking: _Asking, question: _Question[Query, Batch]) -> tuple[list[Page[Batch]], list[str]]:
    unknown: list[str] = []
    for rounds in count(1):
        try:
            return await asking.pages(question), unknown
        except UnknownSymbol as refusal:
            symbols = question.query.symbols
            rest = tuple(symbol for symbol in symbols if symbol not in refusal.symbols)
            if not rest or rest == symbols or rounds > MAX_UNKNOWN_ROUNDS:
                raise
            unknown += [symbol for symbol in symbols if symbol in refusal.symbols]
            question = replace(question, query=replace(question.query, symbols=rest))
    raise AssertionError("count() does not end")
