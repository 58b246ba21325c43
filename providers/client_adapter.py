"""The contract of a vendor's adapter, second kind: a client library does the asking. Pure.

For vendors whose endpoints and errors a library knows better than we could. What the library would do on its own stays ours:
each HTTP request it makes goes through the `Send` that it is handed, which waits for the budget, keeps the deadline, bounds the
answer and follows no redirect. A library's own throttle, retries and time-outs are off.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

from providers.adapter import Account, Adapter, BarPage, HttpRequest, HttpResponse
from providers.market.quotes import QuoteQuery
from providers.market.types import BarQuery
from providers.quote_adapter import QuoteLimits, QuotePage

Read = TypeVar("Read")


class Send(Protocol):
    """How a client's requests leave: under our budget and deadline."""

    async def __call__(self, request: HttpRequest, read: Callable[[HttpResponse], Read]) -> Read:
        """What `read` makes of the answer; what it raises is counted as the call's outcome. Raises: ProviderError."""
        ...


class VendorClient(Protocol):
    """One account's client, kept for as long as its account stays the same; used by several calls at once, in one event loop."""

    async def bars(self, query: BarQuery, *, send: Send) -> BarPage:
        """Everything of one window of `windows`; `next` is None. Raises: ProviderError, nothing of the library's."""
        ...

    async def quotes(self, query: QuoteQuery, *, send: Send) -> QuotePage:
        """The newest quotes; a symbol without a row has none. Raises: ProviderError, nothing of the library's."""
        ...

    async def close(self) -> None:
        """Give up whatever the library holds."""
        ...


@runtime_checkable
class ClientAdapter(Adapter, Protocol):
    """What a file in `providers/adapters/` provides whose vendor is asked through a client library; stateless."""

    quote_limits: ClassVar[QuoteLimits]

    def open_client(self, account: Account) -> VendorClient:
        """A client of this account. Slow the first time (the library is imported here), so it is called outside the loop."""
        ...
