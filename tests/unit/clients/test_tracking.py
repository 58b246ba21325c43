"""The parts of the Python client that need no server: the proof of contiguity, what is a repeat, whose messages are wanted, how long to wait."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata_client import Backoff, Bar, Gap, Position, Quote
from marketdata_client.channels import Channels
from marketdata_client.errors import HoleFound
from marketdata_client.models import read
from marketdata_client.position import Tracker
from marketdata_client.repeats import Repeats
from tests.feed_support import bar

START = datetime(2025, 10, 8, 14, 30, tzinfo=UTC)


def subscribed(epoch: str, seq: int) -> dict[str, Any]:
    return {"op": "subscribed", "epoch": epoch, "seq": seq, "recovered": True}


def data(begin: int, end: int) -> dict[str, Any]:
    return {"op": "data", "from": begin, "to": end, "at": f"2025-10-08T14:30:{end % 60:02d}Z", "messages": []}


@given(st.lists(st.integers(0, 5), min_size=1), st.data())
def test_tracker_takes_frames_that_join_and_finds_every_one_that_does_not(lengths: list[int], draw: st.DataObject) -> None:
    tracker, seq = Tracker(None), 10
    tracker.subscribed(subscribed("a", seq))
    for length in lengths:
        off = draw.draw(st.integers(-3, 3))
        if off:
            with pytest.raises(HoleFound):
                tracker.data(data(seq + off, seq + off + length))
        tracker.data(data(seq, seq + length))
        seq += length
        assert tracker.position is not None
        assert (tracker.position.epoch, tracker.position.seq) == ("a", seq)


def test_tracker_goes_on_in_a_new_epoch_only_from_the_end_of_the_one_before() -> None:
    tracker = Tracker(Position("a", 7, at="2025-10-08T14:30:00Z"))
    tracker.subscribed(subscribed("a", 7))
    with pytest.raises(HoleFound):
        tracker.epoch({"op": "epoch", "epoch": "b", "seq": 0, "previous": {"epoch": "a", "seq": 8}})
    tracker.epoch({"op": "epoch", "epoch": "b", "seq": 0, "previous": {"epoch": "a", "seq": 7}})
    assert tracker.position == Position("b", 0, at="2025-10-08T14:30:00Z")
    with pytest.raises(HoleFound):
        tracker.subscribed(subscribed("b", 1))


def test_tracker_stands_where_the_server_says_behind_a_gap() -> None:
    tracker = Tracker(Position("a", 7))
    missing = {"reason": "too_old", "gap": {"from": None, "to": "2025-10-08T14:30:00Z"}, "fill_urls": ["/bars?x=1"]}
    told = tracker.subscribed({**subscribed("b", 3), "recovered": False, **missing})
    assert told == Gap("too_old", None, START, ("/bars?x=1",))
    assert tracker.position == Position("b", 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5))))
def test_repeats_let_each_revision_through_once_and_none_behind_a_higher_one(seen: list[tuple[int, int]]) -> None:
    repeats, highest = Repeats(most=4), dict.fromkeys(range(4), 0)
    for key, rev in seen:
        assert repeats.is_new(key, rev) is (rev > highest[key])
        highest[key] = max(highest[key], rev)


def test_repeats_forget_the_key_that_was_seen_longest_ago() -> None:
    repeats = Repeats(most=2)
    assert [repeats.is_new(key, 1) for key in "abacab"] == [True, True, False, True, False, True]


def test_channels_match_what_the_server_sends_on_them() -> None:
    one = read(Bar, bar("BRK.B"))
    at = read(
        Quote,
        {"at": "2025-10-08T14:30:00Z", **dict.fromkeys(("mic", "bid", "ask", "bid_size", "ask_size", "size_unit"))}
        | {"symbol": "MSFT", "provider": "polygon", "rev": 1},
    )
    for channel in ("bars.1m.BRK.B", "bars.1m.*", "bars.*.BRK.B", "bars.*.*"):
        assert Channels([channel]).match(one)
        assert not Channels([channel]).match(at)
    assert not Channels(["bars.5m.*", "bars.1m.BRK", "quotes.*"]).match(one)
    assert Channels(["quotes.*"]).match(at)
    assert not Channels(["quotes.AAPL", "bars.*.*"]).match(at)
    assert not any(Channels(["marks.1m.*", "marks.*.*"]).match(message) for message in (one, at))
    with pytest.raises(ValueError, match="at least one"):
        Channels([])
    with pytest.raises(TypeError, match="text of its own"):
        Channels(["bars.1m.AAPL", ["bars.1m.MSFT"]])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="wildcard"):
        Channels(f"bars.1m.{number:010d}" for number in range(2_000))


@given(st.integers(1, 200), st.floats(0, 60))
def test_pauses_grow_to_a_bound_and_are_never_shorter_than_the_server_asked_for(failures: int, least: float) -> None:
    pause = Backoff(first_s=1, most_s=30).pause_s(failures=failures, at_least_s=least)
    assert max(least, 0.5 * min(2 ** (failures - 1), 30)) <= pause <= 1.5 * max(least, min(2 ** (failures - 1), 30))


def test_position_survives_storage() -> None:
    here = Position("a", 7, at="2025-10-08T14:30:00Z", fills=("/bars?x=1", "/quotes?x=1"))
    assert Position.from_json(json.loads(json.dumps(here.as_json()))) == here
    assert Position.from_json({"epoch": "a", "seq": 7}) == Position("a", 7)
