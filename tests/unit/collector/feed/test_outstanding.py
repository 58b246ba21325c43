"""What is unacknowledged: every byte is released once, by whichever pong covers it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.feed.outstanding import TOGETHER_BYTES, NeverSent, Outstanding
from collector.feed.peers import FrameRate, Peers, identity_of
from collector.feed.position import Position

OLD, NEW = "19aabdd537b-3f2a91", "19aabdd5fff-77aa01"


def handed(one: Outstanding, *frames: tuple[str, int, int]) -> None:
    for epoch, seq, size in frames:
        one.queued(size)
        one.handed_on(size, Position(epoch, seq))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2 * TOGETHER_BYTES)), max_size=30), st.data())
def test_bytes_are_those_behind_the_pong_and_never_less(frames: list[tuple[int, int]], data: st.DataObject) -> None:
    one, seq, sent = Outstanding(position=Position(OLD, 0)), 0, []
    for step, size in frames:
        seq += step
        sent.append((seq, size))
        handed(one, (OLD, seq, size))
    for pong in sorted(data.draw(st.lists(st.integers(0, seq), max_size=4))):
        one.acknowledge(pong)
        behind = sum(size for at, size in sent if at > pong)
        assert behind <= one.bytes <= behind + TOGETHER_BYTES
    one.acknowledge(seq)
    assert one.bytes == 0
    assert not one.acknowledge(seq)


def test_pong_is_of_the_new_epoch_when_it_can_be_and_of_the_old_one_else() -> None:
    one, size = Outstanding(position=Position(OLD, 5)), TOGETHER_BYTES
    handed(one, (OLD, 1000, size), (NEW, 0, size), (NEW, 20, size))
    assert one.acknowledge(1000)
    assert one.bytes == 2 * size
    assert one.acknowledge(20)
    assert one.bytes == 0
    assert not one.acknowledge(12)
    with pytest.raises(NeverSent, match="at most 20, got 1001"):
        one.acknowledge(1001)


def test_pong_that_is_late_by_an_epoch_is_no_news_and_no_lie_when_one_before_it_was_taken_for_the_new_one() -> None:
    one, size = Outstanding(position=Position(OLD, 5)), TOGETHER_BYTES
    handed(one, (OLD, 10, size), (OLD, 1000, size), (NEW, 0, size), (NEW, 20, size), (NEW, 30, size))
    assert one.acknowledge(10)
    assert not one.acknowledge(1000)
    assert one.acknowledge(20)
    assert one.bytes == size


def test_frame_that_only_waits_is_not_released_by_a_pong() -> None:
    one = Outstanding(position=Position(OLD, 5))
    one.queued(7)
    one.acknowledge(5)
    assert one.bytes == 7
    with pytest.raises(NeverSent):
        one.acknowledge(6)


def test_client_that_begins_at_an_older_position_acknowledges_from_there() -> None:
    one = Outstanding(position=Position(NEW, 40))
    handed(one, (NEW, 40, 100))
    one.begin(Position(OLD, 3))
    assert one.acknowledge(3)
    assert one.bytes == 0


@given(st.lists(st.floats(0, 3), max_size=60))
def test_rate_allows_no_more_than_a_burst_and_what_time_brings(pauses: list[float]) -> None:
    rate, now, allowed = FrameRate(per_s=2, burst=5), 0.0, 0
    for pause in pauses:
        now += pause
        allowed += rate.allows(now=now)
        assert allowed <= 5 + 2 * now + 1e-6
    assert allowed >= min(len(pauses), 5)


def test_connections_are_counted_by_client_while_they_last() -> None:
    peers = Peers(most=1)
    with peers.entered("a") as first, peers.entered("a") as second, peers.entered("b") as other:
        assert (first, second, other) == (False, True, False)
    with peers.entered("a") as again:
        assert not again


def test_client_is_its_address_where_there_is_one() -> None:
    assert identity_of({"client": ["203.0.113.7", 5123]}) == "203.0.113.7"
    assert identity_of({"client": None}) == identity_of({}) == "unknown"
