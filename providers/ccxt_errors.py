"""What an answer means that ccxt takes for an error: from its exceptions and the vendor's words to our error tree. Pure.

ccxt's own texts are never shown: they hold the URL. Its classes are known here by their names, so that ccxt need not be
imported.
"""

import re
from dataclasses import dataclass

from providers.adapter import Account, HttpResponse
from providers.errors import (
    AuthFailed,
    BadRequest,
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
    VendorFault,
    VendorTimeout,
)
from providers.market.types import SECOND_US
from providers.refusals import named_symbols, refusal, retry_after_s, shown_text, vendor_text, vendor_time_us

_MEANINGS: tuple[tuple[str, type[ProviderError]], ...] = (
    ("BadSymbol", UnknownSymbol),
    ("PermissionDenied", NotEntitled),
    ("AccountSuspended", NotEntitled),
    ("RestrictedLocation", NotEntitled),
    ("AuthenticationError", AuthFailed),
    ("RateLimitExceeded", Throttled),
    ("DDoSProtection", Throttled),
    ("RequestTimeout", VendorTimeout),
    ("ExchangeNotAvailable", VendorFault),
    ("BadResponse", MalformedAnswer),
    ("OperationFailed", VendorFault),
    ("NotSupported", UnsupportedRequest),
    ("BadRequest", BadRequest),
)
"""In the order in which they are looked for among an exception's classes: ccxt's narrow ones stand before its wide ones."""
_MS_DIGITS = 13
_GUESSED = frozenset({"ExchangeNotAvailable", "AuthenticationError"})
"""ccxt's classes for a status alone, where the vendor's words may say more."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a venue says in words that ccxt does not know. Groups: `banned_until` (1) is epoch seconds, or milliseconds in 13 digits."""

    unknown_symbol: re.Pattern[str] | None = None
    throttled: re.Pattern[str] | None = None
    throttled_statuses: frozenset[int] = frozenset()
    banned_until: re.Pattern[str] | None = None


def meaning_of(
    error: Exception | None, *, response: HttpResponse, account: Account, symbols: tuple[str, ...], words: Words
) -> ProviderError:
    """Our error for an answer; `error` is what ccxt said of it, None when it knew no more than that it is no success."""
    said, status = vendor_text(response.body), response.status
    message = f"{account.provider} answered {status}: {shown_text(said, account)}"
    kind = _kind(error)
    is_throttled = words.throttled is not None and words.throttled.search(said) is not None
    if kind is Throttled or is_throttled or status in words.throttled_statuses | {418, 429}:
        return Throttled(message, status=status, retry_after=_wait_s(said, response, words))
    if status == 451:
        return NotEntitled(message, status=status)  # not from where this machine stands
    if status >= 500:
        return (VendorTimeout if kind is VendorTimeout else VendorFault)(message, status=status)
    if kind is UnknownSymbol or (words.unknown_symbol is not None and words.unknown_symbol.search(said)):
        return UnknownSymbol(message, symbols=named_symbols(said, asked=symbols), status=status)
    if kind is None or (type(error).__name__ in _GUESSED and 300 <= status < 500):
        return refusal(response=response, account=account, symbols=symbols, forbidden=NotEntitled)
    return kind(message, status=status)


def _kind(error: Exception | None) -> type[ProviderError] | None:
    names = {ancestor.__name__ for ancestor in type(error).__mro__}
    return next((ours for theirs, ours in _MEANINGS if theirs in names), None)


def _wait_s(said: str, response: HttpResponse, words: Words) -> float | None:
    """Seconds that the venue asks to wait; the end of a ban is measured against the answer's own `Date`."""
    wait = retry_after_s(response.headers)
    found = words.banned_until.search(said) if words.banned_until is not None and wait is None else None
    answered = vendor_time_us(response.headers)
    if found is None or answered is None:
        return wait
    until_s = int(found[1]) / (1_000 if len(found[1]) == _MS_DIGITS else 1)
    return max(0.0, until_s - answered / SECOND_US)


def without_response(error: Exception, *, account: Account) -> ProviderError:
    """Our error for what ccxt raises before it sends anything; the library's text stays out of it."""
    return UnsupportedRequest(f"{account.provider}: the client library could not make the request ({type(error).__name__})")


def is_ccxt_error(error: Exception | None) -> bool:
    """Whether ccxt means a failure, rather than failing itself."""
    return any(ancestor.__name__ == "BaseError" for ancestor in type(error).__mro__)
