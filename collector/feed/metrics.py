"""What is counted about the feed's clients. Web processes only: the ones without labels take a slot when they are made."""

from collections.abc import Iterator
from contextlib import contextmanager

from collector.feed.frames import CloseCode, Reason
from marketdata_site.observability.metrics import MS_BUCKETS, Counter, Gauge, Histogram
from providers.market.types import Micros

CLIENTS = Gauge(
    "ws_clients_gauge",
    "Clients that are connected to the feed, of all web processes on the machine.",
    multiprocess_mode="livesum",
)
PUBLISH_LATENCY_MS = Histogram(
    "ws_publish_latency_ms",
    "From a write's commit until a frame with it goes to a client's socket, by Postgres' clock and ours.",
    buckets=MS_BUCKETS,
)
DROPPED = Counter(
    "ws_dropped_messages_total",
    "Messages that a slow client's connection went without: conflated, or queued when it was closed with 4008.",
)
RECOVERED = Counter(
    "ws_recover_total", "Resumes, by result: recovered or missing, and why messages are missing.", ["result", "reason"]
)
CLOSED = Counter("ws_closed_total", "Connections that ended, by close code: the server's, else the client's.", ["code"])
CLIENTS_CODES = frozenset({1000, 1001, 1005, 1006})
"""Of the codes that a client may send or leave out; the others share a label, or clients could make any number of series."""
OUR_CODES = frozenset(int(code) for code in CloseCode)


@contextmanager
def connected() -> Iterator[None]:
    """Count a client for as long as it is there."""
    CLIENTS.inc()
    try:
        yield
    finally:
        CLIENTS.dec()


def handed_to_socket(*, committed: Micros, now: Micros) -> None:
    """Observe a live frame; clocks of two machines may differ, so that it seems to come before its commit."""
    PUBLISH_LATENCY_MS.observe(max(now - committed, 0) / 1000)


def dropped(count: int) -> None:
    """Count messages that a client goes without on this connection."""
    if count:
        DROPPED.inc(count)


def resumed(reason: Reason | None) -> None:
    """Count a resume's answer."""
    RECOVERED.labels("recovered" if reason is None else "missing", reason or "none").inc()


def closed(code: CloseCode) -> None:
    """Count a connection that the server ends."""
    CLOSED.labels(str(int(code))).inc()


def left(code: int | None) -> None:
    """Count a connection that its client ended, or that broke; one of our codes comes back from a close that is counted already."""
    if code in OUR_CODES:
        return
    CLOSED.labels(str(code) if code in CLIENTS_CODES else "other").inc()
