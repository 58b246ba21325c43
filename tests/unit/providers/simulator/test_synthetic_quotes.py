"""Synthetic quotes are a pure function of seed, symbol and instant, and follow the bars; faults strike them as they strike bars."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.market.types import DAY_US, MINUTE_US, SECOND_US, AssetClass, Interval
from providers.simulator.damage import StruckFeed
from providers.simulator.faults import Fault, FaultKind
from providers.simulator.quotes import Quote
from providers.simulator.recorded import RecordedSource
from providers.simulator.synthetic import LISTED_AT, STYLES, SyntheticSource
from providers.simulator.synthetic_quotes import STEP_US
from tests.unit.providers.simulator.clockwork import always, mornings

DAY = 20_000 * DAY_US
OPENS, CLOSES = DAY + 540 * MINUTE_US, DAY + 690 * MINUTE_US
NEVER = 2**62
SOURCE = SyntheticSource(seed=7, calendars=mornings)
SYMBOLS = {"AAPL": AssetClass.EQUITY, "QUIETCO": AssetClass.EQUITY, "EUR/USD": AssetClass.FX, "X:BTCUSD": AssetClass.CRYPTO}
FIRST_QUOTE = Quote(at=1728032489926341, bid=421.97, ask=421.98, bid_size=700.0, ask_size=1700.0)
SESSION = st.integers(OPENS, CLOSES - 1)


def quote(symbol: str, now: int, source: SyntheticSource = SOURCE) -> Quote:
    found = source.quote(symbol=symbol, now=now)
    assert found is not None
    return found


@given(st.sampled_from(sorted(SYMBOLS)), SESSION)
def test_quote_is_new_while_the_venue_is_open_and_never_from_the_future(symbol: str, now: int) -> None:
    found = quote(symbol, now)
    assert max(now - 2 * STEP_US, now // MINUTE_US * MINUTE_US) <= found.at <= now
    assert quote(symbol, found.at) == found


@given(st.sampled_from(sorted(SYMBOLS)), SESSION)
def test_quote_lies_on_the_way_of_its_minutes_bar(symbol: str, now: int) -> None:
    found = quote(symbol, now)
    minute = found.at // MINUTE_US * MINUTE_US
    every_minute = SyntheticSource(seed=7, calendars=mornings)
    opened, close = every_minute._path(
        every_minute.universe.listing(symbol), STYLES[SYMBOLS[symbol]], np.array([minute // MINUTE_US])
    )
    ticks = STYLES[SYMBOLS[symbol]].ticks_per_unit
    low, high = min(opened[0], close[0]) - 1, max(opened[0], close[0]) + 3
    for price in (found.bid, found.ask):
        assert price is None or low <= round(price * ticks) <= high
    for price, size in ((found.bid, found.bid_size), (found.ask, found.ask_size)):
        assert (price is None) == (size is None)
        assert size is None or size > 0


def test_quote_and_bar_of_a_minute_share_its_prices() -> None:
    rows = SOURCE.bars(symbol="AAPL", interval=Interval.M1, start=OPENS, end=CLOSES, now=NEVER)
    for i in range(len(rows)):
        found = quote("AAPL", int(rows.start[i]) + MINUTE_US - 1)
        for price in filter(None, (found.bid, found.ask)):
            assert rows.low[i] - 0.03 <= price <= rows.high[i] + 0.03


@given(st.sampled_from(sorted(SYMBOLS)), st.integers(CLOSES, OPENS + DAY_US - 1))
def test_last_quote_of_the_session_stays_while_the_venue_is_shut(symbol: str, now: int) -> None:
    assert quote(symbol, now) == quote(symbol, CLOSES - 1)


def test_odd_quotes_are_all_seen_and_are_few() -> None:
    kinds: Counter[str] = Counter()
    for step in range(2_000):
        found = quote("AAPL", OPENS + step * STEP_US * 2)
        if found.bid is None or found.ask is None:
            kinds["no bid" if found.bid is None else "no ask"] += 1
        else:
            kinds["usual" if found.bid < found.ask else "locked" if found.bid == found.ask else "crossed"] += 1
    assert set(kinds) == {"usual", "locked", "crossed", "no bid", "no ask"}
    assert kinds["usual"] > 1_800


def test_quotes_never_change_when_the_code_does() -> None:
    """Recordings of synthetic runs stay comparable over versions."""
    assert quote("AAPL", OPENS + 90 * SECOND_US) == FIRST_QUOTE


def test_another_seed_or_symbol_gives_other_quotes() -> None:
    other = SyntheticSource(seed=8, calendars=mornings)
    assert quote("AAPL", OPENS + MINUTE_US) != quote("MSFT", OPENS + MINUTE_US)
    assert quote("AAPL", OPENS + MINUTE_US) != quote("AAPL", OPENS + MINUTE_US, other)


def test_all_spellings_of_an_instrument_give_the_same_quote() -> None:
    assert quote("BTC/USD", OPENS) == quote("X:BTCUSD", OPENS) == quote("BTCUSD", OPENS)


@pytest.mark.parametrize(("symbol", "now"), [("UNKNOWN1", OPENS), ("I:SPX", OPENS), ("AAPL", LISTED_AT - 1)])
def test_what_is_unknown_an_index_or_not_yet_listed_has_no_quote(symbol: str, now: int) -> None:
    assert SOURCE.quote(symbol=symbol, now=now) is None


def test_folder_of_bars_has_no_quotes(tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_text("path,symbol,interval,calendar,hours,rows,first,last\n")
    assert RecordedSource(folder=tmp_path, calendars=always).quote(symbol="AAPL", now=OPENS) is None


NOW = OPENS + 30 * MINUTE_US
ASKED = ("AAPL", "MSFT", "UNKNOWN1", "TSLA")
PLAIN = [(s, s, quote(s, NOW)) for s in ("AAPL", "MSFT", "TSLA")]


def struck(*faults: Fault) -> list[tuple[str, str, Quote]]:
    feed = StruckFeed(source=SOURCE, now=NOW, faults=faults)
    return [(named.symbol, named.label, named.quote) for named in feed.quotes(ASKED)]


def test_feed_has_the_quotes_of_its_source_in_the_order_asked_for() -> None:
    assert struck() == PLAIN


def test_mute_vendor_has_no_quotes_of_the_symbols_it_strikes() -> None:
    assert struck(Fault(FaultKind.MUTE)) == []
    assert struck(Fault(FaultKind.MUTE, symbols=frozenset({"MSFT"}))) == [PLAIN[0], PLAIN[2]]


def test_delayed_quotes_are_those_of_a_while_ago() -> None:
    late = struck(Fault(FaultKind.DELAYED, parameters={"seconds": 60.0}))
    assert late == [(s, s, quote(s, NOW - MINUTE_US)) for s, _, _ in PLAIN]


def test_quotes_of_a_withdrawn_span_are_gone() -> None:
    assert struck(Fault(FaultKind.WITHDRAWN, parameters={"start": NOW - MINUTE_US, "end": NOW + 1})) == []
    assert struck(Fault(FaultKind.WITHDRAWN, parameters={"start": 0, "end": NOW - MINUTE_US})) == PLAIN


def test_wrong_symbol_is_the_label_of_its_quotes() -> None:
    wrong = struck(Fault(FaultKind.WRONG_SYMBOL, symbols=frozenset({"MSFT"})))
    assert [label for _, label, _ in wrong] == ["AAPL", "WRONG", "TSLA"]


def test_bad_row_has_a_bid_that_no_check_lets_pass() -> None:
    bad = struck(Fault(FaultKind.BAD_ROW, symbols=frozenset({"MSFT"})))
    assert [found.bid for _, _, found in bad] == [PLAIN[0][2].bid, -1.0, PLAIN[2][2].bid]


def test_pages_of_quotes_are_cut_doubled_and_turned_round() -> None:
    assert struck(Fault(FaultKind.PARTIAL_PAGE)) == PLAIN[:1]
    assert struck(Fault(FaultKind.DUPLICATE_ROWS, parameters={"every": 2})) == [PLAIN[0], *PLAIN, PLAIN[2]]
    assert struck(Fault(FaultKind.UNORDERED_ROWS)) == PLAIN[::-1]


def test_quotes_are_never_corrected_later() -> None:
    assert struck(Fault(FaultKind.LATE_CORRECTION)) == PLAIN
