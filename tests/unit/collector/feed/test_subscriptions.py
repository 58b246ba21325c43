"""Channels: what is one, and which messages it matches."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.feed.subscriptions import INTERVALS, BadChannel, ChannelIndex, MessageHead, channels_of, check_channel, matches

SYMBOLS = ["AAPL", "BRK.B", "BTC/USDT", "^GSPC", "USDJPY.BID", "*"]
heads = st.builds(
    MessageHead,
    type=st.sampled_from(["bar", "history", "quote", "mark", "something new"]),
    tier=st.sampled_from(["T0", "T1"]),
    symbol=st.sampled_from(SYMBOLS[:-1]),
    interval=st.sampled_from(INTERVALS),
)
channels = st.one_of(
    st.builds("bars.{}.{}".format, st.sampled_from([*INTERVALS, "*"]), st.sampled_from(SYMBOLS)),
    st.builds("quotes.{}".format, st.sampled_from(SYMBOLS)),
    st.builds("marks.{}.{}".format, st.sampled_from([*INTERVALS, "*"]), st.sampled_from(["T0", "T1", "*"])),
)


@pytest.mark.parametrize(
    "text",
    ["bars.1m.BRK.B", "quotes.USDJPY.BID", "bars.1m.*", "bars.*.AAPL", "bars.*.*", "quotes.*", "marks.1m.T0", "marks.*.*"],
)
def test_channel_is_accepted_when_it_splits_at_its_first_dots_only(text: str) -> None:
    assert check_channel(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "bars.<interval>.<symbol>"),
        ("bars", "an interval of 1m"),
        ("bars.*", "a symbol of 1 to 64"),
        ("bars.2m.AAPL", "an interval of 1m"),
        ("bars.1m.", "a symbol of 1 to 64"),
        ("marks.1m", "a tier of 1 to 64"),
        ("marks.2m.T0", "an interval of 1m"),
        ("bars.1m.AA*", "a whole *"),
        ("quotes.A B", "a symbol of 1 to 64"),
        ("quotes." + "A" * 65, "a symbol of 1 to 64"),
        ("trades.AAPL", "quotes.<symbol>"),
        ("bars.1M.AAPL", "an interval of 1m"),
    ],
)
def test_channel_is_refused_with_what_was_expected_when_it_is_none(text: str, expected: str) -> None:
    with pytest.raises(BadChannel, match=expected.replace("*", r"\*")):
        check_channel(text)


@given(channels)
def test_every_channel_that_a_message_may_go_out_on_can_be_subscribed(channel: str) -> None:
    assert check_channel(channel) == channel


@given(st.text(max_size=120))
def test_channel_check_never_fails_otherwise_whatever_the_text(text: str) -> None:
    with suppress(BadChannel):
        assert check_channel(text) == text


def test_wildcards_match_by_interval_and_by_symbol() -> None:
    head = MessageHead(type="history", symbol="BRK.B", interval="1d")
    assert matches(channels=["bars.1d.BRK.B"], head=head)
    assert matches(channels=["bars.1d.*"], head=head)
    assert matches(channels=["bars.*.BRK.B"], head=head)
    assert not matches(channels=["bars.1d.BRK", "bars.1m.*", "quotes.*", "bars.*.B"], head=head)


def test_marks_match_by_interval_and_by_tier() -> None:
    head = MessageHead(type="mark", tier="T0", interval="1m")
    for channel in ("marks.1m.T0", "marks.1m.*", "marks.*.T0", "marks.*.*"):
        assert matches(channels=[channel], head=head)
    assert not matches(channels=["marks.1m.T1", "marks.5m.*", "bars.*.*", "quotes.*"], head=head)


@given(st.lists(heads, max_size=30), st.frozensets(channels, max_size=6))
def test_index_finds_the_same_messages_as_asking_each_one_when_sets_overlap(
    some: list[MessageHead], wanted: frozenset[str]
) -> None:
    found = list(ChannelIndex(some).matching(wanted))
    assert found == [number for number, head in enumerate(some) if matches(channels=wanted, head=head)]


def test_message_of_an_unknown_type_goes_out_on_no_channel() -> None:
    assert channels_of(MessageHead(type="trade", symbol="AAPL")) == ()
