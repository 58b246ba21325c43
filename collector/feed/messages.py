"""Messages of the feed as clients get them: one schema a `type`. Pure; docs/feed.md is the specification.

`collector.core.messages` writes them, by the thousand and without these. A new type is a class here, a member of `Message`, and a
section of the document.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from collector.feed.position import MAX_SEQ
from providers.market.types import Adjustment, Hours, Interval

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Rev = Annotated[int, msgspec.Meta(ge=1)]
Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ)]
"""Of a message: the one behind position 0 is 1."""


class _OfSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    symbol: Text
    mic: Text
    interval: Interval
    hours: Hours
    adjustment: Adjustment
    start: Time
    seq: Number


class Bar(_OfSeries, frozen=True, kw_only=True, tag="bar"):
    """A bar that is new or changed, or taken back."""

    open: float
    high: float
    low: float
    close: float
    volume: float | None
    vwap: float | None
    trade_count: int | None
    provider: Text
    rev: Rev
    withdrawn: bool | UnsetType = UNSET


class History(_OfSeries, frozen=True, kw_only=True, tag="history"):
    """Old bars of one series changed: read them, if you hold that span."""

    end: Time
    rows: Annotated[int, msgspec.Meta(ge=1)]
    fill_url: Annotated[str, msgspec.Meta(pattern=r"^/bars\?")]


class Quote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type", tag="quote"):
    """A quote that is new, or that its provider says otherwise than before."""

    symbol: Text
    mic: Text
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    size_unit: Literal["round_lots", "shares", "base"] | None
    at: Time
    crossed: bool
    locked: bool
    has_vendor_time: bool
    provider: Text
    rev: Rev
    seq: Number


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type", tag="mark"):
    """A slot of a tier is complete, or overdue."""

    tier: Text
    interval: Interval
    start: Time
    end: Time
    complete: bool
    expected: Annotated[int, msgspec.Meta(ge=1)]
    held: Annotated[int, msgspec.Meta(ge=0)]
    empty: Annotated[int, msgspec.Meta(ge=0)]
    seq: Number


Message = Bar | Quote | History | Mark
