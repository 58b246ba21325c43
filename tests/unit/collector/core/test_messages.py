"""What a write tells the feed."""

import json
import math
from urllib.parse import parse_qs, urlsplit

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.messages import SeriesLabel, bar_messages, encode, history_notice, iso
from providers.market.types import Interval
from tests.builders import NAN, batch_of, row, us

OPEN = us("2025-10-08 13:30")
finite = st.floats(allow_nan=False, allow_infinity=False)


def said(rows, revs=None):
    ones = np.ones(len(rows), dtype=np.int64) if revs is None else np.array(revs)
    bars = batch_of(rows)
    labels = [SeriesLabel(symbol, "XNYS", "regular", "raw") for symbol in bars.symbols]
    return json.loads(encode(bar_messages(bars, labels=labels, interval="1m", provider="polygon", revs=ones)))


def test_bar_message_names_every_field_of_the_row():
    assert said([row(OPEN, symbol="BRK.B")], revs=[3]) == [
        {
            "type": "bar",
            "symbol": "BRK.B",
            "mic": "XNYS",
            "interval": "1m",
            "hours": "regular",
            "adjustment": "raw",
            "start": "2025-10-08T13:30:00Z",
            "open": 10.0,
            "high": 10.5,
            "low": 9.5,
            "close": 10.25,
            "volume": 100.0,
            "vwap": 10.1,
            "trade_count": 7,
            "provider": "polygon",
            "rev": 3,
        }
    ]


def test_bar_message_says_null_where_a_value_is_unknown_and_zero_where_it_is_zero():
    unknown, zero = said([row(OPEN, volume=NAN, vwap=NAN, trade_count=NAN), row(OPEN, volume=0.0, vwap=0.0, trade_count=0.0)])
    assert (unknown["volume"], unknown["vwap"], unknown["trade_count"]) == (None, None, None)
    assert (zero["volume"], zero["vwap"], zero["trade_count"]) == (0.0, 0.0, 0)


def test_bars_of_two_venues_hours_or_adjustments_of_one_symbol_are_told_apart():
    labels = [
        SeriesLabel("TWIN", "XNAS", "regular", "raw"),
        SeriesLabel("TWIN", "XLON", "regular", "raw"),
        SeriesLabel("TWIN", "XNAS", "extended", "raw"),
        SeriesLabel("TWIN", "XNAS", "regular", "split"),
    ]
    bars = batch_of([row(OPEN, symbol=str(place)) for place in range(4)])
    told = json.loads(encode(bar_messages(bars, labels=labels, interval="1m", provider="polygon", revs=np.ones(4, dtype=int))))
    assert [SeriesLabel(m["symbol"], m["mic"], m["hours"], m["adjustment"]) for m in told] == labels


def test_bar_messages_keep_the_order_of_the_rows_and_their_symbols():
    rows = [row(OPEN, symbol="B"), row(OPEN, symbol="A"), row(OPEN + 60_000_000, symbol="B")]
    assert [m["symbol"] for m in said(rows)] == ["B", "A", "B"]


@given(finite)
def test_bar_message_carries_prices_to_the_last_bit(price):
    told = said([row(OPEN, open=price)])[0]["open"]
    assert (told, math.copysign(1, told)) == (price, math.copysign(1, price))


def test_history_notice_leads_to_the_rows_it_speaks_of():
    label = SeriesLabel("BTC/USD&x=1", "XXXX", "extended", "split")
    notice = history_notice(label, Interval.M1, np.array([OPEN]))
    assert (notice["mic"], notice["hours"], notice["adjustment"]) == ("XXXX", "extended", "split")
    assert (notice["start"], notice["end"], notice["rows"]) == ("2025-10-08T13:30:00Z", "2025-10-08T13:31:00Z", 1)
    address = urlsplit(str(notice["fill_url"]))
    assert address.path == "/bars"
    assert parse_qs(address.query) == {
        "symbol": ["BTC/USD&x=1"],
        "mic": ["XXXX"],
        "interval": ["1m"],
        "hours": ["extended"],
        "adjustment": ["split"],
        "source": ["native"],
        "withdrawn": ["true"],
        "start": ["2025-10-08T13:30:00Z"],
        "end": ["2025-10-08T13:31:00Z"],
    }


def test_iso_shows_fractions_only_when_there_are_some():
    assert (iso(0), iso(1)) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000001Z")
