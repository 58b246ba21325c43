"""Which calendar a symbol trades on, and how a vendor's spelling leads to one name for one instrument.

Default rules, for symbols that the table does not name:

    two ISO currencies (`EURUSD`, `EUR/USD`, `C:EURUSD`)                           fx, FX
    with a slash, prefixed `X:`, or six letters and more ending in USD, USDT, USDC   crypto, 24/7
    prefixed `I:`                                                                  index, XNYS regular hours
    everything else                                                                equity, XNYS extended hours

A symbol whose name begins with `QUIET` has minutes without a bar, one that begins with `UNKNOWN` does not exist.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from providers.market.dataset import DatasetError
from providers.market.types import AssetClass, Hours

TABLE_COLUMNS = ("symbol", "calendar", "hours", "asset_class")
ALWAYS_OPEN = "24/7"
FX_WEEK = "FX"
QUIET_PREFIX = "QUIET"
UNKNOWN_PREFIX = "UNKNOWN"
_CURRENCIES = frozenset({"USD", "EUR", "JPY", "GBP", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "MXN", "SGD", "HKD", "CNH"})
_COIN_QUOTES = ("USD", "USDT", "USDC")
_VENDOR_PREFIXES = ("X:", "C:", "I:")
_PAIR_LENGTH = 6


@dataclass(frozen=True, slots=True)
class Listing:
    """What the simulator knows of a symbol. `name` is the same for all vendors' spellings of one instrument."""

    name: str
    calendar: str
    hours: Hours
    asset_class: AssetClass

    @property
    def is_known(self) -> bool:
        """Whether there is such an instrument at all."""
        return bool(self.name) and not self.name.startswith(UNKNOWN_PREFIX)


@dataclass(frozen=True, slots=True)
class Universe:
    """Symbols with a calendar of their own, by name; the rules of this module for the rest."""

    table: Mapping[str, Listing] = field(default_factory=dict)

    def listing(self, symbol: str) -> Listing:
        """The listing of a vendor's symbol."""
        name = plain_name(symbol)
        return self.table.get(name) or _by_rule(symbol, name)


def plain_name(symbol: str) -> str:
    """A vendor's symbol without its prefix and without slashes: `X:BTCUSD` and `BTC/USD` are both `BTCUSD`."""
    for prefix in _VENDOR_PREFIXES:
        symbol = symbol.removeprefix(prefix)
    return symbol.replace("/", "")


def load_universe(path: Path) -> Universe:
    """Read a CSV table `symbol,calendar,hours,asset_class`. Raises: DatasetError that names the file and line."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.reader(lines)
            header = tuple(next(reader, ()))
            if header != TABLE_COLUMNS:
                raise DatasetError(f"{path}, line 1: expected the columns {','.join(TABLE_COLUMNS)}, got {','.join(header)}")
            listings = [_listing(path, number, cells) for number, cells in enumerate(reader, start=2) if cells]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    return Universe({listing.name: listing for listing in listings})


def _listing(path: Path, number: int, cells: list[str]) -> Listing:
    if len(cells) != len(TABLE_COLUMNS):
        raise DatasetError(f"{path}, line {number}: expected {len(TABLE_COLUMNS)} cells, got {len(cells)}")
    symbol, calendar, hours, asset_class = cells
    try:
        return Listing(plain_name(symbol), calendar, Hours(hours), AssetClass(asset_class))
    except ValueError as error:
        raise DatasetError(f"{path}, line {number}: {error}") from error


def _by_rule(symbol: str, name: str) -> Listing:
    if len(name) == _PAIR_LENGTH and name[:3] in _CURRENCIES and name[3:] in _CURRENCIES:
        return Listing(name, FX_WEEK, Hours.REGULAR, AssetClass.FX)
    looks_like_coin = len(name) >= _PAIR_LENGTH and name.endswith(_COIN_QUOTES)
    if "/" in symbol or symbol.startswith("X:") or looks_like_coin:
        return Listing(name, ALWAYS_OPEN, Hours.REGULAR, AssetClass.CRYPTO)
    if symbol.startswith("I:"):
        return Listing(name, "XNYS", Hours.REGULAR, AssetClass.INDEX)
    return Listing(name, "XNYS", Hours.EXTENDED, AssetClass.EQUITY)
