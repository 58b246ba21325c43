"""What a vendor's wire format is made of: it reads a request, asks the feed for rows and writes the answer. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Protocol
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from providers.market.types import DAY_US, EPOCH, AssetClass, Floats, Interval, Micros, MicrosArray, from_us
from providers.simulator.quotes import NamedQuote
from providers.simulator.rows import Rows
from providers.simulator.source import Reader, midnight_us

JSON = "application/json"


class Refusal(StrEnum):
    """Ways in which a vendor declines, each with a body and headers of its own."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN_CREDENTIALS = "forbidden_credentials"
    FORBIDDEN_ENTITLEMENT = "forbidden_entitlement"
    THROTTLE = "throttle"
    SERVER_ERROR = "server_error"


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """A GET as the wire formats see it. `path` is decoded, header names are lower case, `number` counts requests from 1."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    base_url: str
    now: Micros
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. `rows` is how many bars or quotes the body holds, for the log."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0


@dataclass(frozen=True, slots=True)
class LimitState:
    """A vendor's rate limit after a request was counted. `reset_at` is when a request will be free again."""

    limit: int
    remaining: int
    reset_at: Micros


class BadParameter(Exception):
    """The vendor would refuse this request as malformed; the message is the vendor's."""


class Feed(Protocol):
    """The bars and quotes of one request, with the faults that struck it already in them."""

    @property
    def is_delayed(self) -> bool:
        """Whether the vendor admits that it runs behind."""
        ...

    def knows(self, symbol: str) -> bool:
        """Whether there is such an instrument."""
        ...

    def reader(self, *, symbol: str, interval: Interval) -> Reader:
        """Reads spans of the bars of one symbol."""
        ...

    def page(self, *, symbol: str, rows: Rows) -> Rows:
        """The rows as they go onto a page. Count and cut pages before this: a page that lies about itself is a fault too."""
        ...

    def quotes(self, symbols: Sequence[str]) -> list[NamedQuote]:
        """The newest quotes of these symbols as they go into the body; a symbol without one is left out.

        All that a wire format has to do is to write them: faults are in them, and each carries its label. Repeated ones may come.
        """
        ...

    def label(self, symbol: str) -> str:
        """The symbol as the body names it."""
        ...


class WireFormat(Protocol):
    """What each file in `wire/` provides; stateless."""

    vendor: ClassVar[str]
    requests_per_minute: ClassVar[int | None]
    """The limit unless the simulator is told another; None for no limit."""

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """The vendor symbols that are asked for, None when the path is not of this vendor."""
        ...

    def credentials(self, request: VendorRequest) -> str | None:
        """What the caller shows as a key (several parts joined by `:`), None when it shows none."""
        ...

    def needs_credentials(self, request: VendorRequest) -> bool:
        """Whether this path is refused without a key."""
        ...

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """The vendor's answer, refusals of malformed parameters included."""
        ...

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """The vendor's words for a refusal."""
        ...

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """Headers by which the vendor tells its limit, on every answer."""
        ...


def depth_of(wire: WireFormat, *, interval: Interval, asset_class: AssetClass) -> timedelta | None:
    """How far back of its clock the simulated vendor answers where its adapter declares no limit; None for all the way.

    A format that stops somewhere says so in a method `depth` with these two arguments.
    """
    depth = getattr(wire, "depth", None)
    reach: timedelta | None = depth(interval=interval, asset_class=asset_class) if depth is not None else None
    return reach


def encode(value: object) -> bytes:
    """JSON with the shortest decimals that give the same doubles back."""
    return msgspec.json.encode(value)


def numbers(column: Floats) -> list[float] | list[int]:
    """Python numbers of a column without NaN; whole ones as integers, as the vendors write them."""
    whole = np.rint(column)
    if np.array_equal(whole, column) and (not len(whole) or np.abs(whole).max() < 2**53):
        integers: list[int] = whole.astype(np.int64).tolist()
        return integers
    floats: list[float] = column.tolist()
    return floats


def optional_numbers(column: Floats) -> list[float | None] | list[float] | list[int]:
    """Python numbers of a column, None for NaN."""
    unknown = np.isnan(column)
    if not unknown.any():
        return numbers(column)
    return [None if is_unknown else value for is_unknown, value in zip(unknown.tolist(), column.tolist(), strict=True)]


def local_date_us(moment: Micros, zone: str) -> Micros:
    """00:00 UTC of the date that an instant has in a zone: our stamp of that day's bar. Raises: OverflowError past 9999."""
    local = from_us(moment).astimezone(ZoneInfo(zone))
    return (datetime(local.year, local.month, local.day, tzinfo=EPOCH.tzinfo) - EPOCH) // timedelta(microseconds=1)


def day_stamps(start: MicrosArray, zone: str) -> MicrosArray:
    """The instants at which the days stamped at 00:00 UTC begin in a zone."""
    dates = [(EPOCH + timedelta(days=day)).date() for day in (start // DAY_US).tolist()]
    return np.array([midnight_us(zone, day) for day in dates], dtype=np.int64)
