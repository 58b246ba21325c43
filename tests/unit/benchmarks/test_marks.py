"""What the benchmark's clients count: a number of deliveries that is not true would make every ratio a lie."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.feed.marks import Marks
from benchmarks.feed.messages import EVERYTHING, SYMBOLS, bar, channels_of, expected

HEAD = b"\x81\x7e\x01\x6b"
"""Of a server's frame; its length does not matter here."""


def stream(bars_of_frames: list[int]) -> bytes:
    frames, seq = [], 0
    for count in bars_of_frames:
        messages = [bar(number) for number in range(seq, seq + count)]
        frame = {"op": "data", "from": seq, "to": seq + count, "at": "2026-11-22T14:30:02.013Z", "messages": messages}
        frames.append(HEAD + msgspec.json.encode(frame))
        seq += count
    return b"".join(frames)


def reads(whole: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(edges)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.lists(st.integers(min_value=0), max_size=12))
def test_bars_are_counted_once_wherever_reads_end(bars_of_frames: list[int], cuts: list[int]) -> None:
    marks = Marks(wants_numbers=False)
    assert sum(marks.take(read) for read in reads(stream(bars_of_frames), cuts)) == sum(bars_of_frames)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.lists(st.integers(min_value=0), max_size=12))
def test_numbers_are_whole_and_in_order_wherever_reads_end(bars_of_frames: list[int], cuts: list[int]) -> None:
    marks, numbers = Marks(wants_numbers=True), []
    for read in reads(stream(bars_of_frames), cuts):
        count = marks.take(read)
        assert count == len(marks.numbers)
        numbers += marks.numbers
    assert numbers == list(range(sum(bars_of_frames)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.lists(st.integers(min_value=0), max_size=12))
def test_acknowledged_is_where_a_frame_ends_and_at_last_the_last(bars_of_frames: list[int], cuts: list[int]) -> None:
    marks, told = Marks(wants_numbers=False), []
    for read in reads(stream(bars_of_frames), cuts):
        marks.take(read)
        if marks.to is not None:
            told.append(int(marks.to))
    assert told[-1] == sum(bars_of_frames)
    assert told == sorted(told)
    assert len(told) <= len(bars_of_frames)
    assert set(told) <= {sum(bars_of_frames[:k]) for k in range(len(bars_of_frames) + 1)}


@pytest.mark.parametrize("messages", [0, 1, 100, 250])
def test_as_many_messages_are_expected_as_go_out_on_the_channels(messages: int) -> None:
    channels = channels_of(7, "ten")
    symbols = [SYMBOLS[number % len(SYMBOLS)] for number in range(messages)]
    assert expected(channels, messages) == sum(f"bars.1m.{symbol}" in channels for symbol in symbols)
    assert expected([EVERYTHING], messages) == messages
