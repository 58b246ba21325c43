"""How to write down what a recorded answer means: its rows, nothing, or an error."""

from dataclasses import dataclass
from datetime import datetime

from providers.errors import MalformedAnswer, ProviderError
from providers.market.quotes import SizeUnit
from providers.market.types import AssetClass, Interval, to_us

NAN = float("nan")
EQUITY, INDEX, FX, CRYPTO = AssetClass.EQUITY, AssetClass.INDEX, AssetClass.FX, AssetClass.CRYPTO


@dataclass(frozen=True, slots=True)
class Meaning:
    """`first`: open, high, low, close, volume, vwap, trade count of the first row; `starts`: of the first and the last row."""

    symbols: tuple[str, ...]
    interval: Interval
    asset_class: AssetClass = EQUITY
    rows: int = 0
    starts: tuple[int, int] | None = None
    first: tuple[float, ...] | None = None
    is_delayed: bool = False
    has_next: bool = False
    error: type[ProviderError] | None = None


def rows_of(symbols, interval, rows, starts, first, asset_class=EQUITY, **more):  # noqa: PLR0917 - one line per recording
    first_start, last_start = (to_us(datetime.fromisoformat(text)) for text in starts.split(" "))
    return Meaning(tuple(symbols.split(" ")), interval, asset_class, rows, (first_start, last_start), first, **more)


def minutes(symbols, rows, starts, first, asset_class=EQUITY, **more):
    return rows_of(symbols, Interval.M1, rows, starts, first, asset_class, **more)


def days(symbols, rows, dates, first, asset_class=EQUITY, **more):
    return rows_of(
        symbols, Interval.D1, rows, " ".join(f"{day}T00:00Z" for day in dates.split(" ")), first, asset_class, **more
    )


def nothing(symbols):
    return Meaning((symbols,), Interval.M1)


def fails(error, symbols):
    return Meaning((symbols,), Interval.M1, error=error)


@dataclass(frozen=True, slots=True)
class QuoteMeaning:
    """`first`: bid, ask, bid size, ask size of the first row; `times`: of the first and the last row."""

    symbols: tuple[str, ...]
    asset_class: AssetClass = EQUITY
    rows: int = 0
    times: tuple[int, int] | None = None
    first: tuple[float, ...] | None = None
    unit: SizeUnit = SizeUnit.UNKNOWN
    error: type[ProviderError] | None = None


def quotes(symbols, rows, times, first, unit, asset_class=EQUITY):  # noqa: PLR0917 - one line per recording
    first_time, last_time = (to_us(datetime.fromisoformat(text)) for text in times.split(" "))
    return QuoteMeaning(tuple(symbols.split(" ")), asset_class, rows, (first_time, last_time), first, unit)


def no_quotes(symbols):
    return QuoteMeaning(tuple(symbols.split(" ")))


def another_answer(symbols, asset_class=EQUITY):
    """A body of another endpoint: trades, snapshots, calendars."""
    return QuoteMeaning((symbols,), asset_class, error=MalformedAnswer)
