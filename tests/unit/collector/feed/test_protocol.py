"""Frames: what clients may say."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from collector.feed import protocol
from collector.feed.limits import Limits
from collector.feed.position import Position, epoch_opened_us, read_cursor
from collector.feed.protocol import Missing, Pong, ProtocolError, Since, Subscribe, Unsubscribe, read_frame

LIMITS = Limits()
EPOCH = "19aabdd537b-3f2a91"


def read(frame: object) -> protocol.ClientFrame:
    return read_frame(frame if isinstance(frame, str) else json.dumps(frame), limits=LIMITS)


def test_frames_are_read_when_they_follow_the_specification() -> None:
    since = {"epoch": EPOCH, "seq": 1234}
    frame = {"op": "subscribe", "id": "1", "channels": ["bars.1m.AAPL"], "since": since, "mode": "every"}
    assert read(frame) == Subscribe(["bars.1m.AAPL"], "1", Since(EPOCH, 1234), "every")
    by_time = read({"op": "subscribe", "channels": ["quotes.*"], "since": {"time": "2026-11-22T14:30:00Z"}})
    assert by_time == Subscribe(["quotes.*"], since=Since(time=datetime(2026, 11, 22, 14, 30, tzinfo=UTC)))
    assert read({"op": "unsubscribe", "channels": ["quotes.*"]}) == Unsubscribe(["quotes.*"])
    assert read({"op": "pong", "to": 7}) == Pong(7)


@pytest.mark.parametrize(
    ("frame", "code", "expected"),
    [
        ("", "bad_json", "one JSON object"),
        ("[]", "bad_json", "one JSON object"),
        ('{"op":"subscribe"', "bad_json", "one JSON object"),
        ({}, "unknown_op", "subscribe, unsubscribe or pong"),
        ({"op": "publish"}, "unknown_op", "'publish'"),
        ({"op": ["subscribe"]}, "unknown_op", "subscribe"),
        ({"op": "subscribe"}, "bad_frame", "channels"),
        ({"op": "subscribe", "channels": "bars.1m.AAPL"}, "bad_frame", "array"),
        ({"op": "subscribe", "channels": ["bars.1m.*"], "sicne": {}}, "bad_frame", "sicne"),
        ({"op": "subscribe", "channels": ["bars.1m.*"], "since": {"epoch": EPOCH}}, "bad_frame", "seq"),
        ({"op": "subscribe", "channels": ["bars.1m.*"], "since": {"epoch": EPOCH, "seq": -1}}, "bad_frame", ">= 0"),
        ({"op": "subscribe", "channels": ["bars.1m.*"], "since": {"epoch": EPOCH, "seq": 2**53}}, "bad_frame", "<="),
        ({"op": "subscribe", "channels": ["bars.1m.*"], "since": {}}, "bad_frame", "or time"),
        ({"op": "subscribe", "channels": ["bars.1m.*"], "since": {"time": "2026-11-22T14:30:00"}}, "bad_frame", "timezone"),
        (
            {"op": "subscribe", "channels": ["bars.1m.*"], "since": {"time": "2026-11-22T14:30:00Z", "epoch": EPOCH, "seq": 1}},
            "bad_frame",
            "alone",
        ),
        ({"op": "subscribe", "channels": []}, "bad_channel", "at least one"),
        ({"op": "unsubscribe", "channels": ["bars"]}, "bad_channel", "interval"),
        ({"op": "subscribe", "channels": ["bars.1m.*"], "mode": "newest"}, "unsupported_mode", "every or latest"),
        ({"op": "pong"}, "bad_frame", "to"),
        ("x" * (LIMITS.max_frame_bytes + 1), "frame_too_large", "at most 32768 bytes"),
        ("é" * (LIMITS.max_frame_bytes // 2 + 1), "frame_too_large", "at most 32768 bytes"),
    ],
)
def test_frame_is_refused_with_what_was_expected_when_it_is_wrong(frame: object, code: str, expected: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        read(frame)
    assert refused.value.code == code
    assert expected in refused.value.message


def test_refusal_carries_the_id_of_the_frame_when_that_can_be_read() -> None:
    with pytest.raises(ProtocolError) as refused:
        read({"op": "subscribe", "id": "seven", "channels": ["nonsense"]})
    assert json.loads(protocol.error(refused.value))["id"] == "seven"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
frames = st.fixed_dictionaries(
    {"op": st.sampled_from(["subscribe", "unsubscribe", "pong"]) | anything},
    optional={"channels": anything, "since": anything, "mode": anything, "id": anything, "to": anything},
)


@given(st.text() | st.builds(json.dumps, frames | anything))
@example("\ud800")
@example('{"op":"\ud800"}')
@example("[" * 20_000)
@example('{"op":"pong","to":' + "9" * 5000 + "}")
def test_reading_a_frame_answers_or_refuses_and_never_fails_otherwise(text: str) -> None:
    try:
        read(text)
    except ProtocolError as refused:
        answer = json.loads(protocol.error(refused))
        event(answer["code"])


def test_answer_to_a_resume_names_the_gap_and_where_to_fetch_it_when_something_is_missing() -> None:
    missing = Missing("too_old", None, 1_700_000_000_000_000, ["/bars?recorded_since=x", "/quotes?recorded_since=x"])
    answer = json.loads(protocol.subscribed(frame_id="1", position=Position(EPOCH, 5), channels=2, missing=missing))
    assert answer == {
        "op": "subscribed",
        "id": "1",
        "epoch": EPOCH,
        "seq": 5,
        "channels": 2,
        "recovered": False,
        "reason": "too_old",
        "gap": {"from": None, "to": "2023-11-14T22:13:20Z"},
        "fill_url": "/bars?recorded_since=x",
        "fill_urls": ["/bars?recorded_since=x", "/quotes?recorded_since=x"],
    }


@given(st.integers(0, 2**53 - 1))
def test_cursor_is_read_back_as_the_same_position(seq: int) -> None:
    assert read_cursor(Position(EPOCH, seq).cursor) == Position(EPOCH, seq)


@given(st.text(max_size=40))
@example(f"{EPOCH}.٣")
@example(f"{EPOCH}.{2**60}")
def test_cursor_is_refused_as_a_value_error_when_it_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected a cursor"):
        read_cursor(text)
    assert epoch_opened_us(text) is None
