"""The client that the document shows, as it stands there."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from collector.feed.hub import in_thread
from tests import feed_document as document
from tests.acceptance.feed.conformance.peer import PATIENCE_S, Json
from tests.acceptance.feed.conformance.stage import Stage, scenario
from tests.feed_support import bar, connections_end_with_their_work, key_of
from tests.relay import Relay

FIRST = range(1000, 1400)
"""Bars that show that it has subscribed."""
NOWHERE = "127.0.0.1:1"


@scenario(
    "the client that the document shows misses nothing when its line is cut and Valkey is flushed, and takes what it is told of a gap"
)
def _(stage: Stage) -> None:
    program: dict[str, Any] = {}
    exec(compile(document.program(), "docs/feed.md", "exec"), program)
    symbol, taken = stage.symbol(), list[Json]()
    with connections_end_with_their_work():
        asyncio.run(_follow(stage, symbol, program["follow"], taken))
    gaps = [one for one in taken if one["type"] == "gap"]
    assert [one["fill_urls"][0].partition("?")[0] for one in gaps] == ["/bars"]
    bars = Counter(key_of(one) for one in taken if one["type"] == "bar" and one["trade_count"] not in FIRST)
    assert bars == {key_of(bar(symbol, number)): 1 for number in (3, 4, 5, 6, 10)}


async def _follow(stage: Stage, symbol: str, follow: Callable[..., Any], taken: list[Json]) -> None:
    def seen() -> list[int]:
        return [one["trade_count"] for one in taken if one["type"] == "bar"]

    async def publish(*numbers: int) -> None:
        await in_thread(stage.publish, symbol, numbers)

    async def came(number: int) -> None:
        while number not in seen():
            await asyncio.sleep(0.02)

    async with asyncio.timeout(3 * PATIENCE_S), Relay(stage.web.address) as relay:
        url, target = relay.address.replace("http", "ws") + "/ws/feed", relay.target
        following = asyncio.create_task(follow(url, [f"bars.1m.{symbol}"], taken.append))
        for number in FIRST:  # until it has subscribed
            await publish(number)
            await asyncio.sleep(0.1)
            if seen():
                break
        await publish(3)
        await came(3)
        relay.cut()
        await publish(4, 5)
        await came(5)
        await in_thread(stage.flush)
        await publish(6)
        await came(6)
        relay.target = NOWHERE
        relay.cut()
        await publish(7, 8, 9)
        await in_thread(stage.forget)
        relay.target = target
        while not any(one["type"] == "gap" for one in taken):
            await asyncio.sleep(0.02)
        await publish(10)
        await came(10)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
