"""What the service tells, as frozen values. Times are aware, in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Protocol, TypeVar

Json = Mapping[str, Any]
_TIMES = frozenset({"start", "end", "at", "received_at", "recorded_at"})


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: of the feed (`seq` is set) or of the REST API (`recorded_at` is set). None is unknown, which is not zero."""

    symbol: str
    mic: str
    interval: str
    hours: str
    adjustment: str
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    vwap: float | None = None
    trade_count: int | None = None
    provider: str | None = None
    rev: int | None = None
    """Counts corrections from 1; None for a bar that is derived on read."""
    withdrawn: bool = False
    """Taken back by its vendor or an operator: counts for nothing until a higher `rev` comes."""
    complete: bool = True
    received_at: datetime | None = None
    recorded_at: datetime | None = None
    seq: int | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Which bar it is; the one with the highest `rev` counts."""
        return ("bar", self.symbol, self.mic, self.interval, self.hours, self.adjustment, self.start)


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote of one venue or consolidated. A side without price is None and has no size."""

    symbol: str
    mic: str
    at: datetime
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    size_unit: str | None
    provider: str
    rev: int
    crossed: bool = False
    locked: bool = False
    has_vendor_time: bool = True
    received_at: datetime | None = None
    recorded_at: datetime | None = None
    seq: int | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Which quote it is; the one with the highest `rev` counts."""
        return ("quote", self.symbol, self.mic, self.at, self.provider)


@dataclass(frozen=True, slots=True)
class History:
    """Bars of one series older than a day changed in `[start, end)`. Who holds that span reads them: `client.read(notice)`."""

    symbol: str
    mic: str
    interval: str
    hours: str
    adjustment: str
    start: datetime
    end: datetime
    rows: int
    fill_url: str
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages published in `[start, end)` could not be resumed; what they said follows from the REST API, then `Filled`."""

    reason: str
    start: datetime | None
    """None: the server does not know how far back it goes."""
    end: datetime
    fill_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """Every gap told so far is closed: the newest value of everything that was new or changed in it has been yielded."""


Message = Bar | Quote | History | Gap | Filled


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """Adjoining slots that are missing for one reason. `details`: the rest of what `GET /coverage` says of it."""

    start: datetime
    end: datetime
    slots: int
    state: str
    cause: str | None
    details: Json


@dataclass(frozen=True, slots=True)
class EmptySpan:
    """Adjoining slots where a vendor answered credibly that there was no trade. `details`: by whom, by which rule."""

    start: datetime
    end: datetime
    slots: int
    details: Json


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of one series and session is expected, held, proven empty and missing: `expected == held + empty + missing`."""

    symbol: str
    mic: str
    interval: str
    hours: str
    adjustment: str
    session: date
    expected: int
    held: int
    empty: int
    missing: int
    filling: int
    dead: int
    abandoned: int
    pending: int
    withdrawn: int
    missing_spans: tuple[MissingSpan, ...]
    empty_spans: tuple[EmptySpan, ...]


@dataclass(frozen=True, slots=True)
class MissingRange:
    """A gap of one series, as `GET /coverage/gaps` lists them."""

    symbol: str
    mic: str
    interval: str
    hours: str
    adjustment: str
    tier: str
    session: date
    start: datetime
    end: datetime
    slots: int


def moment(text: str) -> datetime:
    """A time as the service writes it."""
    return datetime.fromisoformat(text).astimezone(UTC)


class _Value(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=_Value)


def read(kind: type[T], entry: Json) -> T:
    """A value out of a JSON object; members that this version does not know are left out."""
    values = {name: entry[name] for name in kind.__dataclass_fields__ if name in entry}
    for name in _TIMES.intersection(values):
        values[name] = None if values[name] is None else moment(values[name])
    return kind(**values)


def read_coverage(entry: Json) -> Coverage:
    """An entry of `GET /coverage`."""
    spans = {
        "missing_spans": tuple(_span(MissingSpan, span) for span in entry["missing_spans"]),
        "empty_spans": tuple(_span(EmptySpan, span) for span in entry["empty_spans"]),
    }
    return read(Coverage, {**entry, **spans, "session": date.fromisoformat(entry["session"])})


def read_missing(entry: Json) -> MissingRange:
    """An entry of `GET /coverage/gaps`."""
    return read(MissingRange, {**entry, "session": date.fromisoformat(entry["session"])})


def _span(kind: type[T], span: Json) -> T:
    return read(kind, {**span, "details": {name: span[name] for name in span if name not in kind.__dataclass_fields__}})
