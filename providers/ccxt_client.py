"""Asking a crypto venue through ccxt's async client, under our budget, deadline and redaction. Opens no socket of its own.

ccxt gives what it knows best: each venue's endpoints, the spelling of requests, and what its refusals mean. Its `fetch`, through
which every request goes, is replaced by ours, so that its session, time-outs, redirects, throttle and retries have no part in
it. Endpoints are called by ccxt's own methods for them, not by its unified ones: those ask for the venue's markets first (for
Binance several megabytes in three calls, in each process), name pairs anew, and lose trade counts and vwap on the way.

ccxt takes a second and a hundred megabytes to import, so it is imported by the first account that is asked.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, TypeAlias
from urllib.parse import urlsplit

from providers.accounts import secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse
from providers.ccxt_errors import Words, is_ccxt_error, meaning_of, without_response
from providers.client_adapter import Send
from providers.errors import MalformedAnswer, ProviderError, UnsupportedRequest, VendorFault
from providers.market.quotes import QuoteQuery
from providers.market.types import BarQuery
from providers.parsing import excerpt, json_document
from providers.quote_adapter import QuotePage

Params: TypeAlias = Mapping[str, object]
Ask: TypeAlias = Callable[[str, Params], Awaitable[object]]
"""Calls one of ccxt's endpoint methods and gives the JSON value of a success. Raises: ProviderError."""


class Venue(Protocol):
    """What a venue's file knows: what to ask, and how to read it."""

    default_base_url: ClassVar[str]
    exchange: ClassVar[str]
    """ccxt's name of the venue."""
    words: ClassVar[Words]

    async def bars(self, query: BarQuery, *, ask: Ask) -> BarPage:
        """All of one window. Raises: ProviderError."""
        ...

    async def quotes(self, query: QuoteQuery, *, ask: Ask) -> QuotePage:
        """The newest quotes. Raises: ProviderError."""
        ...


@dataclass(slots=True)
class _Call:
    send: Send
    symbols: tuple[str, ...]
    answered: HttpResponse | None = None
    is_read: bool = False
    ours: Exception | None = None
    """What our own side failed with before or behind the answer, such as the budget's database: the venue has no part in it."""


_CALL: ContextVar[_Call] = ContextVar("ccxt_call")
"""Whose request ccxt is about to send: its methods take nothing of ours along."""


class CcxtClient:
    """One account at one venue. Holds no connection: those are of whoever gives `send`."""

    def __init__(self, venue: Venue, account: Account) -> None:
        """Imports ccxt. Raises: UnsupportedRequest when the base URL is none."""
        self._venue, self._account = venue, account
        self._base_url = (account.base_url or venue.default_base_url).rstrip("/")
        self._exchange = _exchange(venue.exchange, base_url=self._base_url)
        self._exchange.fetch = self._fetch

    async def bars(self, query: BarQuery, *, send: Send) -> BarPage:
        """As `providers.client_adapter.VendorClient`."""
        return await self._venue.bars(query, ask=self._asker(send, query.symbols))

    async def quotes(self, query: QuoteQuery, *, send: Send) -> QuotePage:
        """As `providers.client_adapter.VendorClient`."""
        return await self._venue.quotes(query, ask=self._asker(send, query.symbols))

    async def close(self) -> None:
        """Nothing is open: ccxt makes its session in the `fetch` that is replaced."""

    def _asker(self, send: Send, symbols: tuple[str, ...]) -> Ask:
        async def ask(method: str, params: Params) -> object:
            call = _Call(send, symbols)
            token = _CALL.set(call)
            try:
                return await getattr(self._exchange, method)(dict(params))
            except ProviderError:
                raise
            except Exception as error:
                if error is call.ours:
                    raise
                failure = self._failure(error, call)
            finally:
                _CALL.reset(token)
            raise failure  # outside the handler, so that no error of the library hangs on it as context

        return ask

    def _failure(self, error: Exception, call: _Call) -> ProviderError:
        """What it means that ccxt fails by itself: before it sends, or over an answer that passed for a success."""
        if call.answered is None:
            return without_response(error, account=self._account)
        if is_ccxt_error(error):
            return self._meaning(error, call.answered, call.symbols)
        shown = excerpt(call.answered.body, secrets=secrets_of(self._account))
        return MalformedAnswer(
            f"{self._account.provider} answered what nobody can read: {shown!r}", status=call.answered.status
        )

    async def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> object:
        """In the place of ccxt's own."""
        if method != "GET" or body is not None or not url.startswith(self._base_url + "/"):
            raise UnsupportedRequest(
                f"{self._account.provider}: the client library wants to send something else than a question"
            )
        call = _CALL.get()
        request = HttpRequest(url=url, headers={"Accept": "application/json", **(headers or {})})
        try:
            return await call.send(request, partial(self._read, url=url, call=call))
        except Exception as error:
            if call.answered is None or call.is_read:
                call.ours = error
            raise

    def _read(self, response: HttpResponse, *, url: str, call: _Call) -> object:
        call.answered = response
        document, foreign = self._document(response)
        refusal = self._judged_by_ccxt(response, url, document)
        if refusal is not None or response.status != 200:
            raise self._meaning(refusal, response, call.symbols)
        if foreign is not None:
            raise foreign
        call.is_read = True
        return document

    def _document(self, response: HttpResponse) -> tuple[object, ProviderError | None]:
        """The JSON value, or why there is none."""
        try:
            return json_document(response.body, secrets=secrets_of(self._account)), None
        except (MalformedAnswer, VendorFault) as foreign:
            return None, foreign

    def _judged_by_ccxt(self, response: HttpResponse, url: str, document: object) -> Exception | None:
        """ccxt's exception for an answer that it takes for a failure."""
        text = response.body.decode("utf-8", errors="replace").strip()
        try:
            self._exchange.handle_errors(response.status, "", url, "GET", response.headers, text, document, {}, None)
            self._exchange.handle_http_status_code(response.status, "", url, "GET", text)
        except Exception as error:
            return error if is_ccxt_error(error) else None  # it stumbles over bodies that no venue should send
        return None

    def _meaning(self, error: Exception | None, response: HttpResponse, symbols: tuple[str, ...]) -> ProviderError:
        return meaning_of(error, response=response, account=self._account, symbols=symbols, words=self._venue.words)


def _exchange(name: str, *, base_url: str) -> Any:
    """ccxt's client of a venue, every address of it below `base_url`."""
    import ccxt.async_support as ccxt

    exchange = getattr(ccxt, name)({"enableRateLimit": False})
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise UnsupportedRequest("the base URL is none, expected one that begins with http:// or https://")
    exchange.urls["api"] = {name: base_url + urlsplit(url).path for name, url in exchange.urls["api"].items()}
    return exchange
