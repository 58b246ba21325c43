"""What is counted about vendors. Labels are names of provider rows, capabilities, `bars` or `quotes`, and codes of `ProviderError`:
few values, none of them from outside. Our own refusals to ask are no calls and no errors of a vendor; they have a counter of their own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from marketdata_site.observability.metrics import MS_BUCKETS, Counter, Histogram
from providers.errors import ProviderError

SELECTED = Counter(
    "provider_selected_total", "Times that a provider was chosen to be asked, by capability.", ["capability", "provider"]
)
ERRORS = Counter(
    "provider_errors_total", "Requests that were sent and failed, by the error's code.", ["provider", "endpoint", "code"]
)
LATENCY_MS = Histogram(
    "provider_latency_ms",
    "Milliseconds from sending a request until its answer is read or has failed, without the wait for a token.",
    ["provider", "endpoint"],
    buckets=MS_BUCKETS,
)
REFUSALS = Counter(
    "provider_refusals_total",
    "Requests that were not sent, because our breaker, budget or isolation kept them back, by the refusal's code.",
    ["capability", "provider", "code"],
)


def selected(*, capability: str, provider: str) -> None:
    """Count a choice: this provider is asked now."""
    SELECTED.labels(capability, provider).inc()


def called(*, provider: str, endpoint: str, elapsed_ms: float, code: str | None) -> None:
    """Count one request that was sent; `code` is its error's, None when it was answered."""
    LATENCY_MS.labels(provider, endpoint).observe(elapsed_ms)
    if code is not None:
        ERRORS.labels(provider, endpoint, code).inc()


def refused(*, capability: str, provider: str, code: str, requests: int) -> None:
    """Count requests that we did not send."""
    REFUSALS.labels(capability, provider, code).inc(requests)


@contextmanager
def one_call(*, provider: str, endpoint: str) -> Iterator[None]:
    """Count the request that the block sends and reads, with its duration and the ProviderError that ends it; nothing when it is cancelled."""
    begun = time.monotonic()

    def count(code: str | None) -> None:
        called(provider=provider, endpoint=endpoint, elapsed_ms=(time.monotonic() - begun) * 1_000, code=code)

    try:
        yield
    except ProviderError as error:
        count(error.code)
        raise
    count(None)
