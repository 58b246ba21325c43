"""From a batch to frames: every message once, ranges that join, bounded frames."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.feed.batches import Batch, empty_tail, tails, view

SYMBOLS = ["AAPL", "MSFT", "BRK.B"]
messages = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("bar"), "symbol": st.sampled_from(SYMBOLS), "interval": st.just("1m"), "note": st.text(max_size=30)}
    ),
    min_size=1,
    max_size=40,
)


def batch_of(some: list[dict[str, Any]], seq_from: int = 10) -> Batch:
    return Batch("19aabdd537b-3f2a91", seq_from, seq_from + len(some), 1_700_000_000_000_000, json.dumps(some).encode())


@given(messages, st.integers(1, 400), st.integers(0, 60), st.sampled_from([["AAPL"], ["AAPL", "BRK.B"], SYMBOLS]))
def test_frames_hold_each_wanted_message_once_and_join_when_cut_anywhere(
    some: list[dict[str, Any]], max_bytes: int, after: int, wanted: list[str]
) -> None:
    batch = batch_of(some)
    channels = frozenset(f"bars.1m.{symbol}" for symbol in wanted)
    position, got = after, []
    for tail in tails(view(batch, after=after), channels=channels, upto=batch.seq_to, max_bytes=max_bytes):
        frame = json.loads(tail.frame(position))
        assert (frame["op"], frame["from"], frame["at"]) == ("data", position, "2023-11-14T22:13:20Z")
        assert tail.count == len(frame["messages"]) > 0
        assert all(position < message["seq"] <= frame["to"] for message in frame["messages"])
        position = frame["to"]
        got += frame["messages"]
    expected = [
        {**message, "seq": 11 + number}
        for number, message in enumerate(some)
        if message["symbol"] in wanted and 11 + number > after
    ]
    assert got == expected
    assert position == (batch.seq_to if expected else after)


def test_cut_frame_tells_when_its_own_end_was_published_not_what_follows() -> None:
    """A client that has this frame and no more gives its time back, and a gap is told from there on."""
    bar = {"type": "bar", "symbol": "AAPL", "interval": "1m"}
    run = [Batch("e", 2 * n, 2 * n + 2, (n + 1) * 1_000_000, json.dumps([bar, bar]).encode()) for n in range(3)]
    frames = [json.loads(one.frame(0)) for one in tails(view(*run), channels=frozenset({"bars.*.*"}), upto=6, max_bytes=1)]
    assert [(frame["to"], frame["at"][17:19]) for frame in frames] == [
        (1, "01"), (2, "01"), (3, "02"), (4, "02"), (5, "03"), (6, "03")
    ]  # fmt: skip


@given(messages, st.integers(0, 60), st.integers(0, 60))
def test_view_holds_the_messages_between_its_bounds(some: list[dict[str, Any]], after: int, upto: int) -> None:
    seen = view(batch_of(some), after=after, upto=upto)
    assert [json.loads(text)["seq"] for text in seen.texts] == [
        number for number in range(11, 11 + len(some)) if after < number <= upto
    ]


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b"[{}", b'[{"type":1}]', b"\xff"])
def test_view_is_empty_and_tells_the_log_when_the_payload_is_broken(payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert list(view(Batch("e", 0, 1, 0, payload)).texts) == []
    assert "does not hold the messages" in caplog.text


def test_heartbeat_is_a_data_frame_without_messages() -> None:
    assert json.loads(empty_tail(upto=7, at=0).frame(5)) == {
        "op": "data",
        "from": 5,
        "to": 7,
        "at": "1970-01-01T00:00:00Z",
        "messages": [],
    }
