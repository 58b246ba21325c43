"""Whatever a client sends, each frame is answered, or the connection ends with a code: no handler dies of it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from collector.feed.frames import CloseCode
from collector.feed.hub import Hub
from collector.feed.position import MAX_SEQ
from tests.feed_support import Wire, new_hub

pytestmark = pytest.mark.any_postgres
EXAMPLES = 150

text = st.text(max_size=12)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
channels = st.lists(
    st.sampled_from(["bars.1m.*", "bars.*.AAPL", "quotes.*", "bars.1m.é", "bars.2m.*", "", "*"]) | text, max_size=4
)
positions = st.fixed_dictionaries(
    {"epoch": st.sampled_from(["19aabdd537b-3f2a91", "99999999999-ffffff", "", "\x00"]) | text, "seq": st.integers(-1, 2**54)},
    optional={"at": st.sampled_from(["2026-11-22T14:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9+14:00"]) | text},
)
frames = st.one_of(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["subscribe", "unsubscribe"]), "channels": channels},
        optional={"id": text | st.none(), "since": positions, "mode": st.sampled_from(["every", "latest"]) | text},
    ),
    st.fixed_dictionaries({"op": st.just("pong"), "to": st.sampled_from([0, 1, -1, MAX_SEQ, MAX_SEQ + 1]) | anything}),
    st.fixed_dictionaries({"op": anything}, optional={"channels": anything, "since": anything, "to": anything}),
    anything,
)
said = st.builds(json.dumps, frames) | st.text(max_size=30) | st.binary(max_size=8)


@pytest.fixture
def runner() -> Iterator[tuple[asyncio.Runner, Hub]]:
    """One event loop and hub for all examples."""
    with asyncio.Runner() as one:
        hub = new_hub()
        yield one, hub
        one.run(hub.stop())


@given(sent=st.lists(said, max_size=25))
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(sent=['{"op":"subscribe","channels":["bars.*.*"],"since":{"epoch":"\ud800","seq":0}}'])
@example(sent=['{"op":"subscribe","channels":["bars.*.*"],"since":{"epoch":"","seq":0,"at":"9999-12-31T23:59:59Z"}}'])
@example(sent=["{}"] * 400)
@example(sent=["[" * 20_000])
def test_whatever_a_client_sends_is_answered_or_ends_with_a_code(
    runner: tuple[asyncio.Runner, Hub], sent: list[str | bytes]
) -> None:
    event(runner[0].run(_talk(runner[1], sent)))


async def _talk(hub: Hub, sent: list[str | bytes]) -> str:
    wire = Wire(hub)
    try:
        for one in sent:
            wire.say_raw(**({"data": one} if isinstance(one, bytes) else {"text": one}))
        wire.say(op="unsubscribe", id="the end", channels=["quotes.NONE"])
        return await _answers(wire)
    finally:
        Wire.open.remove(wire)
        await wire.hang_up()
        assert wire.task.exception() is None


async def _answers(wire: Wire) -> str:
    while True:
        frame: dict[str, Any] = await wire.frame()
        if frame["op"] == "bye":
            code = (await wire.event())["code"]
            assert code == frame["code"]
            return CloseCode(code).name
        if frame.get("id") == "the end":
            return "answered"
