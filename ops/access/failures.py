"""Keys that open nothing, counted by the peer that sends them, so that guessing and broken programs cost little.

Counted in buckets of a window: memory is bounded whatever the peers do. Two peers of one bucket share it, which happens to one in
65,536. The counts are shared by all web processes through Valkey; a process learns others' counts with its own next failure, so n
processes let a peer try n - 1 times more. Without Valkey each process counts alone.
"""

import hashlib
import threading
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network

import redis
from django.conf import settings

LIMIT = 10
"""In a window, of one peer. A person who mistypes a key needs a few."""
WINDOW_SECONDS = 60
IPV6_SITE_BITS = 64
"""One site has as many addresses as it likes below this."""
PATIENCE_SECONDS = 0.5


class FailedKeys:
    """The counts of this process, and those of all as far as it has heard of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[int, int] = {}

    def wait_seconds(self, peer: str, *, now: datetime) -> int:
        """How long the peer has to wait before a key of its is looked at; 0: it has not to."""
        window, second = divmod(int(now.timestamp()), WINDOW_SECONDS)
        with self._lock:
            is_over = window == self._window and self._counts.get(_bucket(peer), 0) >= LIMIT
        return WINDOW_SECONDS - second if is_over else 0

    def add(self, peer: str, *, now: datetime) -> None:
        """One more."""
        window, bucket = int(now.timestamp()) // WINDOW_SECONDS, _bucket(peer)
        everywhere = _add_everywhere(window, bucket)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            self._counts[bucket] = max(self._counts.get(bucket, 0) + 1, everywhere)


def _bucket(peer: str) -> int:
    """Keyed, so that nobody can choose whose bucket he fills."""
    name = _site(peer).encode(errors="replace")
    return int.from_bytes(hashlib.blake2b(name, key=settings.SECRET_KEY.encode()[:64], digest_size=2).digest())


def _site(peer: str) -> str:
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    return peer if address.version == 4 else str(ip_network(f"{address}/{IPV6_SITE_BITS}", strict=False))


def _add_everywhere(window: int, bucket: int) -> int:
    """The count of all processes, 0 where Valkey does not answer."""
    name = f"access:failed:{window}"
    with suppress(redis.RedisError, OSError), _valkey().pipeline(transaction=False) as pipeline:
        pipeline.hincrby(name, str(bucket), 1)
        pipeline.expire(name, 2 * WINDOW_SECONDS)
        return int(pipeline.execute()[0])
    return 0


@lru_cache(maxsize=1)
def _valkey() -> "redis.Redis":
    patience = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    return redis.Redis.from_url(settings.REDIS_URL, retry=None, **patience)
