"""What of a recording a vendor can be asked for, by what its adapter declares. Pure: sends nothing, reads no clock."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from collector.replay.recording import Recorded
from providers.adapter import Account, Adapter, Limits, check_supported, windows
from providers.errors import UnsupportedRequest
from providers.market.types import Adjustment, AssetClass, BarQuery, FeedScope, Interval, Micros

Kind = TypeVar("Kind", Adjustment, FeedScope)
PRICES = ("open", "high", "low", "close")
_ADJUSTMENTS = (Adjustment.RAW, Adjustment.SPLIT, Adjustment.ALL, Adjustment.DIVIDEND)
_SCOPES = (FeedScope.CONSOLIDATED, FeedScope.VENUE, FeedScope.IEX)
_BY_CALENDAR = {"24/7": AssetClass.CRYPTO, "24/5": AssetClass.FX, "FX": AssetClass.FX}
_PAIR = re.compile(r"([A-Z]{3})([A-Z]{3})(\W.*)?")
FEW_SLOTS = 5_000
"""A vendor that takes fewer at once would be asked thousands of times to prove a silence of months."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """How a vendor is asked for a series: by an account of this adjustment and feed. `recorded` is the part that it has.

    `columns`: what its answers hold. `depth`: how far back of its clock it answers. `longest`: the longest window it is asked for
    at once, where that is short. `left_out`: why the rest is refused.
    """

    recorded: Recorded
    adjustment: Adjustment
    feed_scope: FeedScope
    symbol: str
    columns: tuple[str, ...]
    is_zero_unknown: bool
    depth: Micros | None
    longest: Micros | None
    left_out: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One recorded series and what its vendors say to it: `refused` are those that have nothing of it, with the reason."""

    recorded: Recorded
    taken: Mapping[str, Taken]
    refused: Mapping[str, str]

    @property
    def lead(self) -> Taken | None:
        """The vendor with most of it; the first of those."""
        return max(self.taken.values(), key=lambda taken: len(taken.recorded.bars), default=None)


def choose(recorded: Recorded, *, adapters: Mapping[str, Adapter], depths: Mapping[str, timedelta | None]) -> Choice:
    """Ask each adapter's limits; `depths` are those of the simulated vendors."""
    taken, refused = {}, {}
    for vendor, adapter in adapters.items():
        try:
            taken[vendor] = _taken(recorded, adapter, depths.get(vendor))
        except UnsupportedRequest as error:
            refused[vendor] = str(error)
    return Choice(recorded, taken=taken, refused=refused)


def asset_class_of(recorded: Recorded) -> AssetClass:
    """By its calendar: the recording does not say what an instrument is."""
    return _BY_CALENDAR.get(recorded.calendar_name, AssetClass.EQUITY)


def _common_symbol(recorded: Recorded, asset_class: AssetClass) -> str:
    """`USDJPY` as `USD/JPY`, which every adapter can spell."""
    pair = _PAIR.fullmatch(recorded.symbol) if asset_class is AssetClass.FX else None
    return f"{pair[1]}/{pair[2]}{pair[3] or ''}" if pair else recorded.symbol


def _taken(recorded: Recorded, adapter: Adapter, depth: timedelta | None) -> Taken:
    """Raises: UnsupportedRequest where no part of it is to be had."""
    kept, why, last = [], None, None
    for span in recorded.sessions:
        try:
            last = _asked(recorded.only([span]), adapter)
            kept.append(span)
        except UnsupportedRequest as error:
            why = error
    if last is None:
        raise why or UnsupportedRequest(f"{recorded.symbol} {recorded.interval}: the recording holds no session")
    query, account, limits = last
    reaches = [reach // _MICROSECOND for reach in (limits.history, depth) if reach is not None]
    return Taken(
        recorded=recorded.only(kept) if why else recorded,
        adjustment=query.adjustment,
        feed_scope=account.feed_scope,
        symbol=query.symbols[0],
        columns=(*PRICES, "volume") if limits.has_volume else PRICES,
        is_zero_unknown=limits.has_volume and not limits.can_say_null_volume,
        depth=(depth_us := min(reaches, default=None)),
        longest=_longest(depth_us, limits, recorded.interval),
        left_out=str(why) if why else None,
    )


def _longest(depth: Micros | None, limits: Limits, interval: Interval) -> Micros | None:
    if depth is not None:
        return depth * 4 // 5
    return limits.max_slots_per_call * interval.us if limits.max_slots_per_call < FEW_SLOTS else None


def _asked(recorded: Recorded, adapter: Adapter) -> tuple[BarQuery, Account, Limits]:
    """The question for a whole recording, checked but for its age: the clock will be the recording's."""
    asset_class = asset_class_of(recorded)
    whole = recorded.windows(slots_a_window=1 << 40)
    query = BarQuery(
        symbols=(adapter.vendor_symbol(_common_symbol(recorded, asset_class), asset_class),),
        interval=recorded.interval,
        start=whole[0].start,
        end=whole[-1].end,
        asset_class=asset_class,
    )
    limits = adapter.limits.of(query)
    query = replace(query, adjustment=_first(_ADJUSTMENTS, limits.adjustments))
    account = Account(
        provider=adapter.name,
        adapter=adapter.name,
        base_url="",
        credentials=dict.fromkeys(adapter.credential_names, "replayed"),
        feed_scope=_first(_SCOPES, limits.feed_scopes),
        adjustment=query.adjustment,
    )
    check_supported(adapter, query, account=account)
    if hasattr(adapter, "bars_request"):  # some spellings show only here that they are not to be had
        adapter.bars_request(next(iter(windows(adapter, query))), account)
    return query, account, limits


def _first(preferred: Sequence[Kind], offered: frozenset[Kind]) -> Kind:
    return next(kind for kind in preferred if kind in offered)
