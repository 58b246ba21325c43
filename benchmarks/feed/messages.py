"""The messages of the benchmark, who watches which of them, and how one is published to each kind of server."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Literal

import msgspec
import redis

SYMBOLS = [f"S{number:03}" for number in range(100)]
WATCHED = 10
EVERYTHING = "bars.1m.*"
Watch = Literal["all", "ten"]
Publish = Callable[[int], float]
"""Publishes a message by its number; answers when, on the clock that all processes of a machine share (`time.monotonic`)."""
Publisher = Callable[[str, Watch], AbstractContextManager[Publish]]
"""Of a Valkey, by its URL."""
KEPT = 10_000
"""More than a burst; several databases must fit into one small Valkey."""
_batch_ids = itertools.count(10**9)
"""The ring takes a batch once, by its id. Far behind the ids of rows."""


def channels_of(client: int, watch: Watch) -> list[str]:
    """What a client subscribes to; ten symbols are drawn for each client, always the same."""
    if watch == "all":
        return [EVERYTHING]
    return [f"bars.1m.{symbol}" for symbol in random.Random(client).sample(SYMBOLS, WATCHED)]


def expected(channels: list[str], messages: int) -> int:
    """How many of the first messages go out on any of these channels."""
    rounds, rest = divmod(messages, len(SYMBOLS))
    if EVERYTHING in channels:
        return messages
    return rounds * len(channels) + sum(f"bars.1m.{symbol}" in channels for symbol in SYMBOLS[:rest])


def bar(number: int) -> dict[str, Any]:
    """As the write path makes them (`collector.core.messages`); its count of trades tells it from the others."""
    series = {
        "symbol": SYMBOLS[number % len(SYMBOLS)],
        "mic": "XNAS",
        "interval": "1m",
        "hours": "regular",
        "adjustment": "raw",
    }
    prices = {"open": 189.12, "high": 189.4, "low": 189.05, "close": 189.31}
    rest = {"volume": 12034.0, "vwap": 189.2143, "trade_count": number, "provider": "polygon", "rev": 1}
    return {"type": "bar", **series, "start": "2026-11-22T14:30:00Z", **prices, **rest}


@contextmanager
def to_ring(valkey: str, _: Watch) -> Iterator[Publish]:
    """Straight into the ring, which is what a worker does once it has committed."""
    from collector.feed.ring import Ring

    ring = Ring(redis.Redis.from_url(valkey))

    def publish(number: int) -> float:
        at = time.monotonic()
        payload = msgspec.json.encode([bar(number)])
        ring.append(batch_id=next(_batch_ids), count=1, payload=payload, now=time.time_ns() // 1000, keep=KEPT)
        return at

    yield publish


@contextmanager
def to_groups(valkey: str, watch: Watch) -> Iterator[Publish]:
    """To the group of everything, or of the symbol: the one that has members, which spares the rival half of its calls."""
    from channels_redis.core import RedisChannelLayer

    with closing(asyncio.new_event_loop()) as loop:
        layer = RedisChannelLayer(**layer_options(valkey))

        def publish(number: int) -> float:
            at = time.monotonic()
            message = bar(number)
            frame = msgspec.json.encode({"op": "data", "messages": [message]}).decode()
            group = group_of(EVERYTHING if watch == "all" else f"bars.1m.{message['symbol']}")
            loop.run_until_complete(layer.group_send(group, {"type": "data", "text": frame}))
            return at

        yield publish
    _wait_for_leavers(valkey)


def group_of(channel: str) -> str:
    """Names of groups have no `*`."""
    return channel.replace("*", "all")


def layer_options(valkey: str) -> dict[str, Any]:
    """Room for a whole burst, or the layer would drop silently; and for 1,000 clients that join or leave at once.

    Without redis-py's time-out of 5 s, which closes idle sockets.
    """
    host = {"address": valkey, "socket_timeout": None, "max_connections": 2_000}
    return {"hosts": [host], "capacity": 100_000}


def _wait_for_leavers(valkey: str) -> None:
    """Until the clients are out of their groups: the layer would send to them too."""
    client, deadline = redis.Redis.from_url(valkey), time.monotonic() + 60
    while any(client.scan_iter("asgi:group:*", count=1_000)):
        if time.monotonic() > deadline:
            raise RuntimeError("clients that left are still in their groups after a minute")
        time.sleep(0.1)
