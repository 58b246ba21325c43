"""What the read endpoints take and give. Pydantic lives at this edge only."""

from datetime import date, datetime
from typing import Annotated, Literal

from ninja import Field, Schema
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from collector.core.aggregation import Anchor
from collector.core.symbols import MIC_PATTERN, SYMBOL_PATTERN, is_symbol
from collector.core.times import parse_day, parse_instant
from collector.models import OverrideKind
from providers.market.types import Adjustment, AssetClass, Hours, Interval

MOST_SYMBOLS = 100
MOST_ROWS = 10_000
MOST_INSTRUMENTS = 1_000
MOST_SESSIONS = 31


def split_symbols(values: list[str]) -> list[str]:
    """Symbols of repeated and of comma-separated parameters, each once. Raises: ValueError."""
    symbols = list(dict.fromkeys(part for value in values for part in value.split(",") if part))
    if wrong := [symbol for symbol in symbols if not is_symbol(symbol)]:
        raise ValueError(f"expected 1 to 40 characters without spaces, got {wrong[0]!r}")
    if not 1 <= len(symbols) <= MOST_SYMBOLS:
        raise ValueError(f"expected 1 to {MOST_SYMBOLS} symbols, got {len(symbols)}")
    return symbols


Instant = Annotated[
    datetime, BeforeValidator(parse_instant), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
Day = Annotated[date, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"}, mode="validation")]
Symbols = Annotated[
    list[str],
    AfterValidator(split_symbols),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "pattern": SYMBOL_PATTERN},
            "minItems": 1,
            "maxItems": MOST_SYMBOLS,
        },
        mode="validation",
    ),
]
Mic = Annotated[str, Field(pattern=MIC_PATTERN, description="ISO 10383 code; needed where a symbol trades at several venues.")]
Cursor = Annotated[str, Field(max_length=400, description="`next` of the page before.")]
Prefix = Annotated[str, Field(pattern=SYMBOL_PATTERN)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,8}$")]


class BarsIn(Schema):
    """Parameters of `GET /bars`."""

    symbol: Symbols = Field(
        [], description="Repeated or separated by commas, 1 to 100. Needed, unless recorded_since is given."
    )
    interval: Interval | None = Field(None, description="Default: 1m; with recorded_since every interval.")
    start: Instant | None = Field(None, description="Inclusive. RFC 3339 with a zone. Needed, unless recorded_since is given.")
    end: Instant | None = Field(None, description="Exclusive. RFC 3339 with a zone; default: now.")
    mic: Mic | None = None
    hours: Hours | None = Field(None, description="Default: regular where there is such a series, else extended.")
    adjustment: Adjustment | None = Field(None, description="Default: the first there is of raw, split, dividend, all.")
    source: Literal["native", "derived"] | None = Field(
        None, description="Default: derived for 5m, 15m and 1h (made from 1m on read), native for the others."
    )
    anchor: Anchor = Field(Anchor.SESSION, description="Derived bars are counted from the session's open, or from 00:00 UTC.")
    as_of: Instant | None = Field(None, description="Bars as they were known at this moment, corrections since then undone.")
    withdrawn: bool = Field(
        False, description="Bars that were taken back too. With recorded_since they are always among the others."
    )
    recorded_since: Instant | None = Field(None, description="Every held bar, of every series, recorded at or after it.")
    recorded_until: Instant | None = Field(None, description="Exclusive; default: to the newest.")
    limit: int = Field(1000, ge=1, le=MOST_ROWS)
    after: Cursor | None = None


class QuotesIn(Schema):
    """Parameters of `GET /quotes`."""

    symbol: Symbols = Field(
        [], description="Repeated or separated by commas, 1 to 100. Needed, unless recorded_since is given."
    )
    start: Instant | None = Field(None, description="Inclusive. RFC 3339 with a zone. Needed, unless recorded_since is given.")
    end: Instant | None = Field(None, description="Exclusive. RFC 3339 with a zone; default: now.")
    mic: Mic | None = None
    recorded_since: Instant | None = Field(None, description="Every quote, of every instrument, recorded at or after it.")
    recorded_until: Instant | None = Field(None, description="Exclusive; default: to the newest.")
    limit: int = Field(1000, ge=1, le=MOST_ROWS)
    after: Cursor | None = None


class LatestQuotesIn(Schema):
    """Parameters of `GET /quotes/latest`."""

    symbol: Symbols = Field(description="Repeated or separated by commas, 1 to 100.")
    mic: Mic | None = None


class InstrumentsIn(Schema):
    """Parameters of `GET /instruments`."""

    symbol: Prefix | None = Field(None, description="Symbols that begin so; capitals matter.")
    tier: Code | None = Field(None, description="Those with a series of this tier.")
    mic: Mic | None = None
    asset_class: AssetClass | None = None
    limit: int = Field(100, ge=1, le=MOST_INSTRUMENTS)
    after: Cursor | None = None


class OverridesIn(Schema):
    """Parameters of `GET /calendar/overrides`."""

    start: Instant | None = Field(None, description="Those that end after it. RFC 3339 with a zone.")
    end: Instant | None = Field(None, description="Those that begin before it. RFC 3339 with a zone.")
    kind: OverrideKind | None = None
    limit: int = Field(1000, ge=1, le=MOST_ROWS)
    after: Cursor | None = None


class CoverageIn(Schema):
    """Parameters of `GET /coverage`."""

    symbol: Symbols = Field(description="Repeated or separated by commas, 1 to 100.")
    interval: Interval = Interval.M1
    start: Day = Field(description="First session date.")
    end: Day | None = Field(None, description=f"Last session date, included; default: start. At most {MOST_SESSIONS} dates.")
    mic: Mic | None = None
    hours: Hours | None = Field(None, description="Default: regular where there is such a series, else extended.")
    adjustment: Adjustment | None = Field(None, description="Default: the first there is of raw, split, dividend, all.")


class GapsIn(Schema):
    """Parameters of `GET /coverage/gaps`."""

    start: Day = Field(description="First session date.")
    end: Day | None = Field(None, description=f"Last session date, included; default: start. At most {MOST_SESSIONS} dates.")
    tier: Code | None = Field(None, description="Default: all.")
    symbol: Symbols = Field([], description="Repeated or separated by commas, at most 100; default: all.")
    mic: Mic | None = None
    interval: Interval | None = Field(None, description="Default: all that are collected.")
    limit: int = Field(1000, ge=1, le=MOST_ROWS)
    after: Cursor | None = None


class BarOut(Schema):
    """One bar. Times are RFC 3339, UTC."""

    symbol: str
    mic: str
    interval: Interval
    hours: Hours
    adjustment: Adjustment
    start: datetime = Field(description="The bar's open, inclusive.")
    open: float
    high: float
    low: float
    close: float
    volume: float | None = Field(description="Null: unknown, which is not zero.")
    vwap: float | None
    trade_count: int | None
    provider: str | None = Field(description="Null for a derived bar whose minutes came from several providers.")
    rev: int | None = Field(description="1, and one more with each correction; null for a derived bar.")
    received_at: datetime = Field(description="When the vendor's answer came; of a derived bar, its newest minute's.")
    recorded_at: datetime = Field(description="When this value was stored; of a derived bar, its newest minute's.")
    complete: bool = Field(description="False for a derived bar while an expected minute is neither held nor proven empty.")
    withdrawn: bool = Field(description="True: its vendor or an operator took it back, it counts for nothing any more.")


class BarsOut(Schema):
    """One page of bars, by symbol and then by time; with `recorded_since` by the time they were recorded."""

    bars: list[BarOut]
    next: str | None = Field(description="Hand it back as `after`; null on the last page.")
    kept_from: datetime | None = Field(description="Bars that start before are dropped, whatever there was; null: none are.")


class QuoteOut(Schema):
    """One quote. Times are RFC 3339, UTC."""

    symbol: str
    mic: str
    at: datetime = Field(description="The vendor's time of the quote; see has_vendor_time.")
    bid: float | None = Field(description="Null: no side.")
    ask: float | None
    bid_size: float | None = Field(description="Null: unknown, or no side.")
    ask_size: float | None
    size_unit: str | None = Field(description="round_lots, shares or base; null: unknown.")
    crossed: bool = Field(description="Bid above ask; kept as it came.")
    locked: bool = Field(description="Bid equals ask.")
    has_vendor_time: bool = Field(description="False: the vendor named no time, at is when its answer came.")
    provider: str | None
    rev: int = Field(description="1, and one more each time that the vendor gave other values for the same time.")
    received_at: datetime
    recorded_at: datetime


class LatestQuotesOut(Schema):
    """The newest quote of each symbol, by symbol."""

    quotes: list[QuoteOut]


class QuotesOut(Schema):
    """One page of quotes, by symbol and then by time; with `recorded_since` by the time they were recorded."""

    quotes: list[QuoteOut]
    next: str | None = Field(description="Hand it back as `after`; null on the last page.")
    kept_from: datetime = Field(description="Quotes of before are dropped, whatever there was.")


class SeriesOut(Schema):
    """What is collected of an instrument."""

    interval: Interval
    hours: Hours
    adjustment: Adjustment
    tier: str
    feed_scope: str | None
    is_active: bool
    collect_from: datetime
    collect_until: datetime | None
    answered_through: datetime | None = Field(description="End of the newest slot that a vendor credibly answered for.")


class InstrumentOut(Schema):
    """One thing that trades at one venue."""

    symbol: str
    mic: str
    name: str
    asset_class: AssetClass
    calendar: str
    listed_at: datetime | None
    delisted_at: datetime | None
    series: list[SeriesOut]


class InstrumentsOut(Schema):
    """One page of instruments, by symbol and MIC."""

    instruments: list[InstrumentOut]
    next: str | None = Field(description="Hand it back as `after`; null on the last page.")


class GapOut(Schema):
    """Neighbouring missing slots of one series, within one session; `1d`: within one year."""

    symbol: str
    mic: str
    interval: Interval
    hours: Hours
    adjustment: Adjustment
    tier: str
    session: date = Field(description="Of the first slot.")
    start: datetime
    end: datetime = Field(description="Exclusive.")
    slots: int


class GapsOut(Schema):
    """One page of gaps, by series and time."""

    gaps: list[GapOut]
    next: str | None = Field(description="Hand it back as `after`; null on the last page.")


class OverrideOut(Schema):
    """Time in which what it names does not trade, or a provider is not asked. One of calendar, mic, symbol (with mic) and provider is given."""

    id: int
    kind: OverrideKind
    calendar: str | None
    mic: str | None
    symbol: str | None
    provider: str | None
    start: datetime
    end: datetime = Field(description="Exclusive.")
    why: str
    who: str
    created_at: datetime


class OverridesOut(Schema):
    """One page of calendar overrides, in the order in which they were said."""

    overrides: list[OverrideOut]
    next: str | None = Field(description="Hand it back as `after`; null on the last page.")
