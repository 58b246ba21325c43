"""What a request costs, who is asked before it goes out, and what its answer says about the vendor's limit. Pure."""

from typing import Protocol

from providers.adapter import HttpResponse, Priced, RateNews, symbols_for
from providers.errors import ProviderError
from providers.refusals import rate_news_of, retry_after_s


class Toll(Protocol):
    """A gate before each request: `providers.services.budgeting.Purse`, or anything else that counts."""

    @property
    def most_at_once(self) -> int:
        """What one request may cost at most."""
        ...

    async def admit(self, cost: int) -> None:
        """Awaited before each request; what it raises stops the answer. Raises: ProviderError, OverBudget where tokens ran out."""
        ...

    async def settle(self, *, news: RateNews | None, error: ProviderError | None) -> None:
        """Awaited once for each request that was sent: what its answer said about the limit, and what was wrong with it."""
        ...


def rate_news(adapter: object, response: HttpResponse) -> RateNews | None:
    """What an answer says about the vendor's limit: by the adapter's own `rate_news`, else by the usual headers.

    A vendor that is down and says until when lets nothing through before: that is news for every worker, beside the failure.
    """
    if response.status >= 500 and "retry-after" in response.headers and (wait := retry_after_s(response.headers)) is not None:
        return RateNews(left=0, resets_in_s=wait)
    own = getattr(adapter, "rate_news", None)
    news: RateNews | None = rate_news_of(response.headers) if own is None else own(response)
    return news


def affordable(size: int, *, price: Priced, tokens: int | None) -> int:
    """Of `size` symbols a call, as many as one request can ever pay for; at least one, which then says what is wrong.

    `tokens`: the most that one request can get, None where nobody counts.
    """
    most = None if tokens is None else symbols_for(price, tokens=tokens)
    return size if most is None else max(1, min(size, most))
