"""What the server says fits its schemas, the data frames too that are joined from bytes."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from collector.core.messages import InstrumentLabel, SeriesLabel, bar_messages, encode, history_notice, quote_messages
from collector.core.quotes import check
from collector.feed.batches import Batch, tail, tails, view
from collector.feed.frames import Bye, CloseCode, Data, Gap, Hello, ServerFrame, Subscribed
from collector.feed.limits import Limits
from collector.feed.messages import Bar, History, Quote
from collector.feed.position import Position
from collector.feed.protocol import Missing, bye, hello, subscribed
from collector.withdrawing import Withdrawn, messages_of_withdrawn
from providers.market.types import MINUTE_US, AssetClass, Interval, from_us
from tests.builders import NAN, batch_of, row, us
from tests.quotes import quote, quotes_of

EPOCH = "19aabdd537b-3f2a91"
OPEN = us("2025-10-08 13:30")
SERIES = SeriesLabel("AAPL", "XNAS", "regular", "raw")
EVERYTHING = frozenset({"bars.*.*", "quotes.*"})


def decoded(text: str) -> Any:
    return msgspec.json.decode(text, type=ServerFrame)


def data(messages: list[object]) -> Data:
    """The frame that a batch of them becomes."""
    batch = Batch(EPOCH, 5, 5 + len(messages), OPEN, encode(messages))
    (only,) = tails(view(batch), channels=EVERYTHING, upto=batch.seq_to, max_bytes=10**6)
    found = decoded(only.frame(5))
    assert isinstance(found, Data)
    return found


def test_bars_and_what_is_taken_back_and_notices_fit_when_values_are_unknown_too() -> None:
    rows = [row(OPEN, symbol="AAPL"), row(OPEN + MINUTE_US, symbol="AAPL", volume=NAN, vwap=NAN, trade_count=NAN)]
    bars = bar_messages(batch_of(rows), labels=[SERIES], interval="1m", provider="polygon", revs=np.array([1, 2]))
    gone = Withdrawn(7, from_us(OPEN), 1.0, 1.0, 1.0, 1.0, None, None, None, "polygon", 3)
    taken_back = messages_of_withdrawn([gone], labels={7: SERIES}, interval=Interval.M1, history_before=0)
    notice = history_notice(SERIES, Interval.M1, np.array([OPEN]))
    frame = data([*bars, *taken_back, notice])
    assert (frame.after, frame.upto, [message.seq for message in frame.messages]) == (5, 9, [6, 7, 8, 9])
    first, unknown, withdrawn, history = frame.messages
    assert isinstance(first, Bar)
    assert isinstance(unknown, Bar)
    assert isinstance(withdrawn, Bar)
    assert isinstance(history, History)
    assert (first.volume, first.withdrawn, unknown.volume, unknown.trade_count) == (100.0, msgspec.UNSET, None, None)
    assert (withdrawn.withdrawn, withdrawn.rev, history.rows) == (True, 3, 1)


def test_quotes_fit_when_a_side_or_a_time_is_unknown_too() -> None:
    rows = [quote(OPEN), quote(OPEN + 1, ask=NAN, ask_size=NAN)]
    checked = check(quotes_of(rows), asset_class=AssetClass.EQUITY, received_at=OPEN + 2, known_symbols=["AAPL"])
    labels = [InstrumentLabel("AAPL", "XNAS")]
    frame = data(quote_messages(checked, labels=labels, provider="polygon", revs=[1, 1]))
    whole, half = frame.messages
    assert isinstance(whole, Quote)
    assert isinstance(half, Quote)
    assert (whole.ask, whole.size_unit, half.ask, half.ask_size) == (10.5, "shares", None, None)


def test_frame_that_tells_what_was_skipped_fits_and_one_that_skipped_nothing_does_not_say_so() -> None:
    assert decoded(tail([], 9, OPEN, skipped=3).frame(5)).skipped == 3
    assert decoded(tail([], 9, OPEN).frame(5)).skipped is msgspec.UNSET


def test_frames_that_are_made_of_schemas_say_what_they_were_given() -> None:
    here = Position(EPOCH, 7)
    assert decoded(hello(position=here, limits=Limits())) == Hello(epoch=EPOCH, seq=7, heartbeat_s=10, limits=Limits().public())
    missing = Missing("too_many", None, OPEN, ())
    assert decoded(subscribed(frame_id=None, position=here, channels=1, missing=missing)) == Subscribed(
        id=None,
        epoch=EPOCH,
        seq=7,
        channels=1,
        recovered=False,
        reason="too_many",
        gap=Gap(None, from_us(OPEN)),
        fill_url=None,
        fill_urls=(),
    )
    assert decoded(bye(code=CloseCode.NOT_ALLOWED, reason="no", retry_in=None, position=None)) == Bye(
        code=CloseCode.NOT_ALLOWED, reason="no", retry_in=None
    )


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"op": "date"},
        {"at": "2026-11-22T14:30:02"},
        {"from": -1},
        {"messages": [{"type": "bar"}]},
        {"messages": [{"type": "rumour"}]},
    ],
)
def test_frame_does_not_fit_when_anything_is_not_as_specified(change: dict[str, object]) -> None:
    frame = {"op": "data", "from": 1, "to": 2, "at": "2026-11-22T14:30:02Z", "messages": []}
    assert decoded(json.dumps(frame)).upto == 2
    with pytest.raises(msgspec.ValidationError):
        decoded(json.dumps(frame | change))
