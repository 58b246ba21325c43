"""What can go wrong with a vendor, and whether asking again can help.

    ProviderError
    ├── RetryableError            ask again later, or ask another provider now
    │   ├── Throttled             429 or a quota: `retry_after` seconds if the vendor said so; quota, not illness
    │   │   └── OverBudget        our own refusal: no token in time, so no request was sent
    │   ├── CircuitOpen           our own refusal: the provider failed too often, so the rest is not sent
    │   ├── OutOfTime             our own refusal: the job's time was up before the request was sent
    │   ├── VendorFault           5xx, a connection that broke off, a body that broke off
    │   ├── VendorTimeout         no complete answer before the deadline
    │   └── LocalFault            DNS, refused connection, TLS: our side of the wire
    └── PermanentError            the same request will fail again
        ├── AuthFailed            bad key: stops the provider until a human looks
        ├── NotEntitled           good key, but the plan does not cover this endpoint, feed or window
        ├── UnknownSymbol         `symbols` names them; the mapping is wrong, not the vendor
        ├── BadRequest            the vendor refused the request as malformed
        ├── MalformedAnswer       a complete body that is not what the format says (HTML, wrong shape)
        └── UnsupportedRequest    refused by the adapter before asking: outside what it declares

Messages are redacted before they get here: no key, token or secret is ever in them. Pure.
"""


class ProviderError(Exception):
    """Base of all. `status` is the HTTP status, None where there was none."""

    retryable = False

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(_printable(message))
        self.status = status

    @property
    def code(self) -> str:
        """Short stable name for logs, metrics and rows, such as `throttled` or `not_entitled`."""
        return "".join("_" + c.lower() if c.isupper() else c for c in type(self).__name__).lstrip("_")


def _printable(message: str) -> str:
    """Vendors' words may hold what no log line and no database text can (NUL, a line's end, half a surrogate pair): spelled out."""
    return message if message.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)


class RetryableError(ProviderError):
    """Asking again later, or asking another provider, can help."""

    retryable = True


class Throttled(RetryableError):
    """Over the vendor's limit. `retry_after` in seconds, None when the vendor did not say."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class OverBudget(Throttled):
    """Our own refusal: no token came in time, so no request was sent. `retry_after`: when one is expected, in seconds."""


class CircuitOpen(RetryableError):
    """Our own refusal: the provider failed too often, so the rest is not sent."""


class OutOfTime(RetryableError):
    """Our own refusal: the job's time was up, so the rest is not sent."""


class VendorFault(RetryableError):
    """The vendor is ill: 5xx, or a connection or body that broke off."""


class VendorTimeout(RetryableError):
    """No complete answer before the deadline."""


class LocalFault(RetryableError):
    """DNS, refused connection or TLS: our side of the wire."""


class PermanentError(ProviderError):
    """The same request will fail again."""


class AuthFailed(PermanentError):
    """The key is missing, wrong or revoked."""


class NotEntitled(PermanentError):
    """The key is good, the plan does not cover what was asked."""


class UnknownSymbol(PermanentError):
    """The vendor does not know these vendor symbols."""

    def __init__(self, message: str, *, symbols: tuple[str, ...], status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.symbols = symbols


class BadRequest(PermanentError):
    """The vendor refused the request as malformed."""


class MalformedAnswer(PermanentError):
    """A complete body that is not what the vendor's format says."""


class UnsupportedRequest(PermanentError):
    """Refused before asking: outside what the adapter declares."""
