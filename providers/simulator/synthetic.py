"""Bars made from (seed, symbol): any symbol, any span, the same answer whatever window is asked. Deterministic to the last bit.

The price at minute t is a sum of straight lines between hashed lattice points, one lattice per power of four minutes, each
wider in swing by the square root of its length: it looks like a random walk and can be had at any t without walking there. Only
exact IEEE operations are used (no `exp`, whose last bit depends on the machine and on the position in an array). Prices are
whole ticks divided by a power of ten, so their shortest decimal has no noise. A bar opens where the one before it closed, as
long as the venue is open.
"""

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from providers.market.days import date_of
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, AssetClass, Interval, Micros, MicrosArray
from providers.simulator.quotes import Quote
from providers.simulator.rows import Rows, by_day, by_width
from providers.simulator.source import Calendar, Calendars
from providers.simulator.synthetic_quotes import last_open_instant, quote_around, quote_time
from providers.simulator.universe import QUIET_PREFIX, Listing, Universe

UInts = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

PUBLICATION_DELAY_US = SECOND_US
QUIET_TRADED_PERCENT = 40
LISTED_AT = 10_957 * DAY_US
"""2000-01-01: no symbol has bars before it."""
MINUTE_SWING = 0.00024
"""Share of the price by which one minute moves at most; the longest lattice moves it by 512 times as much."""
_POWERS = np.arange(10)
_LATTICE_MINUTES = 4**_POWERS
_LATTICE_SWINGS = MINUTE_SWING * 2.0**_POWERS
_LATTICE_KEYS = _POWERS.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
_DAYS_AT_ONCE = 64
_POINTS_AT_ONCE = 2_048
_PERCENT = np.uint64(100)


@dataclass(frozen=True, slots=True)
class Style:
    """How prices and volumes of an asset class look, in ticks of 1/`ticks_per_unit` and lots of 1/`lots_per_unit`."""

    ticks_per_unit: int
    lowest_tick: int
    highest_tick: int
    lots_per_unit: int
    most_lots: int


STYLES = {
    AssetClass.EQUITY: Style(100, 1_000, 50_000, 1, 30_000),
    AssetClass.INDEX: Style(100, 100_000, 2_000_000, 1, 1),
    AssetClass.FUTURE: Style(100, 100_000, 600_000, 1, 2_000),
    AssetClass.FX: Style(100_000, 60_000, 180_000, 1, 400),
    AssetClass.CRYPTO: Style(100, 10_000, 6_000_000, 10_000, 250_000),
}


@dataclass(frozen=True, slots=True)
class SyntheticSource:
    """Every symbol has bars in its calendar's sessions, up to what is published at `now`.

    `quiet_percent` of the symbols, by a hash of the name, and those named `QUIET…` trade in only 40 % of their minutes.
    """

    seed: int
    calendars: Calendars
    universe: Universe = field(default_factory=Universe)
    publication_delay_us: Micros = PUBLICATION_DELAY_US
    quiet_percent: int = 0

    def knows(self, symbol: str) -> bool:
        """All that are spelled in capitals, but those named `UNKNOWN…`."""
        return symbol == symbol.upper() and self.universe.listing(symbol).is_known

    def bars(self, *, symbol: str, interval: Interval, start: Micros, end: Micros, now: Micros) -> Rows:
        """The published bars with an open in `[start, end)`; coarser bars than minutes are built from whole bars' minutes."""
        listing = self.universe.listing(symbol)
        if not listing.is_known:
            return Rows.empty()
        start = max(start, LISTED_AT)
        if interval is Interval.D1:
            return self._days(listing, start, end, now)
        width = interval.us
        low, high = -(-start // width) * width, -(-end // width) * width
        high = min(high, (now - self.publication_delay_us) // width * width)
        if low >= high:
            return Rows.empty()
        minutes = self._minutes(listing, self._calendar(listing).slots(Interval.M1, low, high))
        return minutes if interval is Interval.M1 else by_width(minutes, width)

    def quote(self, *, symbol: str, now: Micros) -> Quote | None:
        """The newest quote, around the price path of the bars; it needs no publication."""
        listing = self.universe.listing(symbol)
        moment = last_open_instant(self._calendar(listing), now) if listing.is_known and now >= LISTED_AT else None
        if moment is None:
            return None

        def noise(channel: str, number: int) -> int:
            return int(self._hash(listing, channel, np.array([number]))[0])

        at = quote_time(moment, noise)
        style = STYLES[listing.asset_class]
        opened, close = self._path(listing, style, np.array([at // MINUTE_US]))
        ticks = {"opened": int(opened[0]), "close": int(close[0]), "ticks_per_unit": style.ticks_per_unit}
        return quote_around(at=at, **ticks, asset_class=listing.asset_class, noise=noise)

    def _calendar(self, listing: Listing) -> Calendar:
        return self.calendars(listing.calendar, listing.hours)

    def _days(self, listing: Listing, start: Micros, end: Micros, now: Micros) -> Rows:
        """In blocks: a day's bar is built from all its minutes, and years of minutes are not held at once."""
        first, beyond = -(-start // DAY_US), -(-min(end, now) // DAY_US)
        blocks = range(first, beyond, _DAYS_AT_ONCE)
        parts = [self._day_block(listing, day, min(day + _DAYS_AT_ONCE, beyond), now) for day in blocks]
        return Rows.concat([part for part in parts if len(part)])

    def _day_block(self, listing: Listing, first: int, beyond: int, now: Micros) -> Rows:
        """Bars of the sessions dated `[first, beyond)` whose last minute is published."""
        slots, days = self._calendar(listing).session_slots(Interval.M1, date_of(first), date_of(beyond - 1))
        last_of_day = slots[np.searchsorted(days, days, side="right") - 1]
        is_out = last_of_day + MINUTE_US + self.publication_delay_us <= now
        minutes = self._minutes(listing, slots[is_out])
        return by_day(minutes, days[np.searchsorted(slots, minutes.start)])

    def _minutes(self, listing: Listing, slots: MicrosArray) -> Rows:
        if self._is_quiet(listing.name):
            slots = slots[self._hash(listing, "traded", slots // MINUTE_US) % _PERCENT < QUIET_TRADED_PERCENT]
        return self._bars(listing, slots) if len(slots) else Rows.empty()

    def _is_quiet(self, name: str) -> bool:
        return name.startswith(QUIET_PREFIX) or self._key(name, "quiet") % 100 < self.quiet_percent

    def _bars(self, listing: Listing, slots: MicrosArray) -> Rows:
        style = STYLES[listing.asset_class]
        opened, close = self._path(listing, style, slots // MINUTE_US)
        wick = np.uint64(2 + style.lowest_tick // 500)
        noise = self._hash(listing, "wick", slots // MINUTE_US)
        high = np.maximum(opened, close) + (noise % wick).astype(np.int64)
        low = np.minimum(opened, close) - (noise // wick % wick).astype(np.int64)
        lots = self._lots(listing, style, slots // MINUTE_US)
        has_volume = listing.asset_class is not AssetClass.INDEX
        unknown = np.full(len(slots), np.nan)
        return Rows(
            start=slots,
            open=opened / style.ticks_per_unit,
            high=high / style.ticks_per_unit,
            low=low / style.ticks_per_unit,
            close=close / style.ticks_per_unit,
            volume=lots / style.lots_per_unit if has_volume else unknown,
            vwap=(opened + high + low + close) / (4 * style.ticks_per_unit) if has_volume else unknown,
            trade_count=(1 + lots // 100).astype(np.float64) if has_volume else unknown,
            base=np.ones(len(slots), dtype=np.int64),
        )

    def _path(self, listing: Listing, style: Style, minutes: Ints) -> tuple[Ints, Ints]:
        """Ticks at the open of each minute and at the open of the next one. A run of minutes shares its inner points."""
        is_run_start = np.r_[True, minutes[1:] != minutes[:-1] + 1]
        position = np.arange(len(minutes)) + np.cumsum(is_run_start) - 1
        points = np.empty(int(position[-1]) + 2, dtype=np.int64)
        points[position] = minutes
        points[position + 1] = minutes + 1
        spread = style.highest_tick - style.lowest_tick
        middle = style.lowest_tick + self._key(listing.name, "price") % spread
        ticks = np.rint(middle * (1.0 + self._swing(listing, points))).astype(np.int64)
        return ticks[position], ticks[position + 1]

    def _swing(self, listing: Listing, points: Ints) -> npt.NDArray[np.float64]:
        """In blocks that stay in the processor's cache."""
        blocks = range(0, len(points), _POINTS_AT_ONCE)
        return np.concatenate([self._block_swing(listing, points[block : block + _POINTS_AT_ONCE]) for block in blocks])

    def _block_swing(self, listing: Listing, points: Ints) -> npt.NDArray[np.float64]:
        """All lattices at once: a few minutes of many symbols are asked for most, and there each call of numpy counts."""
        cells = points // _LATTICE_MINUTES[:, np.newaxis]
        first, counts = cells[:, 0], cells[:, -1] - cells[:, 0] + 2
        offset = np.cumsum(counts) - counts
        numbers = np.arange(counts.sum()) + np.repeat(first - offset, counts)
        keys = np.uint64(self._key(listing.name, "lattice")) + np.repeat(_LATTICE_KEYS, counts)
        height = (_hash(numbers, keys) >> np.uint64(11)) * 2.0**-52 - 1.0
        left = cells + (offset - first)[:, np.newaxis]
        share = (points - cells * _LATTICE_MINUTES[:, np.newaxis]) / _LATTICE_MINUTES[:, np.newaxis]
        terms = (height[left] + (height[left + 1] - height[left]) * share) * _LATTICE_SWINGS[:, np.newaxis]
        total = np.zeros(len(points))
        for term in terms:  # one after the other: the order of a numpy sum, and with it the last bit, depends on the shape
            total += term
        return total

    def _lots(self, listing: Listing, style: Style, minutes: Ints) -> Ints:
        """Mostly few, sometimes many: the cube of an even spread."""
        share = (self._hash(listing, "lots", minutes) >> np.uint64(11)) * 2.0**-53
        lots: Ints = (1 + np.floor(share * share * share * style.most_lots)).astype(np.int64)
        return lots

    def _key(self, name: str, channel: str) -> int:
        return int.from_bytes(blake2b(f"{self.seed}/{name}/{channel}".encode(), digest_size=8).digest(), "big")

    def _hash(self, listing: Listing, channel: str, numbers: Ints) -> UInts:
        return _hash(numbers, np.uint64(self._key(listing.name, channel)))


def _hash(numbers: Ints, key: np.uint64 | UInts) -> UInts:
    return _mix(numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + key)


def _mix(x: UInts) -> UInts:
    """The finaliser of SplitMix64: every bit of the answer depends on every bit of the number."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
