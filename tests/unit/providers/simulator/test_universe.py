"""Which calendar a symbol trades on, in every vendor's spelling."""

from pathlib import Path

import pytest

from providers.market.dataset import DatasetError
from providers.market.types import AssetClass, Hours
from providers.simulator.universe import Listing, Universe, load_universe

HEADER = "symbol,calendar,hours,asset_class\n"


@pytest.mark.parametrize(
    ("symbol", "name", "calendar", "asset_class"),
    [
        ("AAPL", "AAPL", "XNYS", AssetClass.EQUITY),
        ("BRK.B", "BRK.B", "XNYS", AssetClass.EQUITY),
        ("GBTC", "GBTC", "XNYS", AssetClass.EQUITY),
        ("USD", "USD", "XNYS", AssetClass.EQUITY),
        ("BTC/USD", "BTCUSD", "24/7", AssetClass.CRYPTO),
        ("X:BTCUSD", "BTCUSD", "24/7", AssetClass.CRYPTO),
        ("ADAUSDT", "ADAUSDT", "24/7", AssetClass.CRYPTO),
        ("UNITTEST/BTC", "UNITTESTBTC", "24/7", AssetClass.CRYPTO),
        ("C:EURUSD", "EURUSD", "FX", AssetClass.FX),
        ("USD/JPY", "USDJPY", "FX", AssetClass.FX),
        ("I:SPX", "SPX", "XNYS", AssetClass.INDEX),
    ],
)
def test_a_symbol_has_one_name_and_a_calendar_by_rule(symbol: str, name: str, calendar: str, asset_class: AssetClass) -> None:
    listing = Universe().listing(symbol)
    assert (listing.name, listing.calendar, listing.asset_class) == (name, calendar, asset_class)
    assert listing.is_known


def test_a_symbol_named_unknown_does_not_exist() -> None:
    assert not Universe().listing("UNKNOWN7").is_known
    assert not Universe().listing("X:UNKNOWN7").is_known


def test_the_table_goes_before_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "universe.csv"
    path.write_text(HEADER + "N225,XTKS,regular,index\nSOL/USDC,24/7,regular,crypto\n")
    universe = load_universe(path)
    assert universe.listing("I:N225") == Listing("N225", "XTKS", Hours.REGULAR, AssetClass.INDEX)
    assert universe.listing("AAPL").calendar == "XNYS"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol\n", "line 1: expected the columns symbol,calendar,hours,asset_class, got symbol"),
        (HEADER + "N225,XTKS\n", "line 2: expected 4 cells, got 2"),
        (HEADER + "N225,XTKS,always,index\n", "line 2: 'always' is not a valid Hours"),
        (HEADER + "N225,XTKS,regular,bond\n", "line 2: 'bond' is not a valid AssetClass"),
    ],
)
def test_a_broken_table_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "universe.csv"
    path.write_text(text)
    with pytest.raises(DatasetError) as caught:
        load_universe(path)
    assert f"universe.csv, {said}" in str(caught.value)
