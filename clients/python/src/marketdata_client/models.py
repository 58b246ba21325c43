"""What the feed and the lists of bars and quotes tell, as frozen values. Times are aware, in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar

Json = Mapping[str, Any]
_TIMES = frozenset({"start", "end", "at", "received_at", "recorded_at", "due_at", "until"})


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
class Mark:
    """The slot `[start, end)` of an interval is complete for all series of a tier that must have it.

    `complete` False: it is not, and its deadline has passed; that is told once, and a complete one may follow. Of the `expected`
    series `held` have their bar, `empty` are proven to have had no trade.
    """

    tier: str
    interval: str
    start: datetime
    end: datetime
    complete: bool
    expected: int
    held: int
    empty: int
    seq: int | None = None

    @property
    def missing(self) -> int:
        """Series whose bar is neither there nor proven not to exist."""
        return self.expected - self.held - self.empty

    @property
    def key(self) -> tuple[object, ...]:
        """Which mark it is."""
        return ("mark", self.tier, self.interval, self.start, self.complete)


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages published in `[start, end)` could not be resumed. Bars and quotes that they held follow from the REST API, then `Filled`."""

    reason: str
    start: datetime | None
    """None: the server does not know how far back it goes."""
    end: datetime
    fill_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """Every gap told so far is closed: the newest value of every bar and quote that was new or changed in it has been yielded."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """In mode `latest`: the server left `count` messages out for newer ones, which follow. `GET /bars` has them."""

    count: int


Message = Bar | Quote | History | Mark | Gap | Filled | Skipped


def moment(text: str) -> datetime:
    """A time as the service writes it."""
    return datetime.fromisoformat(text).astimezone(UTC)


class Value(Protocol):
    """What `read` can make."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=Value)


def read(kind: type[T], entry: Json) -> T:
    """A value out of a JSON object; members that this version does not know are left out."""
    values = {name: entry[name] for name in kind.__dataclass_fields__ if name in entry}
    for name in _TIMES.intersection(values):
        values[name] = None if values[name] is None else moment(values[name])
    return kind(**values)
