"""Parameters that all of Alpaca's paths take, refused in its words."""

import re
from collections.abc import Mapping

from providers.market.types import Interval
from providers.simulator.wire.base import BadParameter, Feed

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.:/_-]*")
_TIMEFRAME = re.compile(r"(\d+)(Min|T|Hour|H|Day|D|Week|W|Month|M)")
_UNITS = {"T": "Min", "H": "Hour", "D": "Day"}
_INTERVALS = {
    "1Min": Interval.M1,
    "5Min": Interval.M5,
    "15Min": Interval.M15,
    "30Min": Interval.M30,
    "1Hour": Interval.H1,
    "1Day": Interval.D1,
}
_FEEDS = frozenset({"sip", "iex", "boats", "otc"})
_ADJUSTMENTS = frozenset({"raw", "split", "dividend", "spin-off", "all"})


def check_symbols(asked: tuple[str, ...], *, is_crypto: bool, feed: Feed) -> None:
    """Raises: BadParameter for none, or one that no symbol looks like."""
    if not asked:
        raise BadParameter("symbols is required")
    for symbol in asked:
        is_odd = not _SYMBOL.fullmatch(symbol) or (not is_crypto and "/" in symbol)
        if is_odd and not feed.knows(symbol):  # what a data folder holds is served, however it is spelled
            raise BadParameter(f"invalid symbol: {symbol}")


def check_choices(query: Mapping[str, str]) -> None:
    """Raises: BadParameter for a feed or an adjustment that there is not."""
    for name, known in (("feed", _FEEDS), ("adjustment", _ADJUSTMENTS)):
        unknown = set(query.get(name, next(iter(known))).split(",")) - known
        if unknown:
            raise BadParameter(f"invalid {name}: {', '.join(sorted(unknown))}")


def interval_of(timeframe: str) -> Interval:
    """The interval of a code; they are case-sensitive, `1M` is a month. Raises: BadParameter."""
    found = _TIMEFRAME.fullmatch(timeframe)
    if not found:
        raise BadParameter(f"invalid timeframe: {timeframe}")
    interval = _INTERVALS.get(f"{found[1]}{_UNITS.get(found[2], found[2])}")
    if interval is None:
        raise BadParameter(f"this simulator has no bars of {timeframe}")
    return interval
