"""Channels, wildcards and which messages they match. Pure.

A channel is `bars.<interval>.<symbol>`, `marks.<interval>.<tier>` or `quotes.<symbol>`, split at its first dots only, since symbols may hold dots
(`bars.1m.BRK.B`, `quotes.USDJPY.BID`). `*` stands for a whole interval, symbol or tier, never for a part of one.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from providers.market.types import Interval

ANY = "*"
INTERVALS = tuple(interval.value for interval in Interval)
_SYMBOL = re.compile(r"[^\s*\x00-\x1f\x7f]{1,64}")
GRAMMAR = "bars.<interval>.<symbol>, marks.<interval>.<tier> or quotes.<symbol>, where * may stand for a whole interval, symbol or tier"


class BadChannel(ValueError):
    """The text is no channel; the message says what was expected."""


def check_channel(text: str) -> str:
    """The channel itself. Raises: BadChannel."""
    kind, _, rest = text.partition(".")
    if kind == "quotes":
        return _with_symbol(text, rest)
    if kind not in {"bars", "marks"}:
        raise BadChannel(f"expected {GRAMMAR}, got {text[:100]!r}")
    interval, _, symbol = rest.partition(".")
    if interval != ANY and interval not in INTERVALS:
        raise BadChannel(f"expected an interval of {', '.join(INTERVALS)} or * in {text[:100]!r}, got {interval[:20]!r}")
    return _with_symbol(text, symbol, "symbol" if kind == "bars" else "tier")


def _with_symbol(text: str, symbol: str, noun: str = "symbol") -> str:
    if symbol != ANY and not _SYMBOL.fullmatch(symbol):
        raise BadChannel(
            f"expected a {noun} of 1 to 64 characters or a whole * at the end of {text[:100]!r}, got {symbol[:70]!r}"
        )
    return text


class MessageHead(msgspec.Struct, frozen=True):
    """The part of a message that decides who gets it."""

    type: str = ""
    symbol: str = ""
    interval: str = ""
    tier: str = ""


def channels_of(head: MessageHead) -> tuple[str, ...]:
    """Every channel, wildcards included, that a message goes out on; none for a type that this version does not know."""
    symbol, interval = head.symbol, head.interval
    if head.type in {"bar", "history"}:
        return (f"bars.{interval}.{symbol}", f"bars.{interval}.*", f"bars.*.{symbol}", "bars.*.*")
    if head.type == "mark":
        return (f"marks.{interval}.{head.tier}", f"marks.{interval}.*", f"marks.*.{head.tier}", "marks.*.*")
    if head.type == "quote":
        return (f"quotes.{symbol}", "quotes.*")
    return ()


class ChannelIndex:
    """Which of some messages go out on which channel; built once a batch, asked once for each distinct set of channels."""

    __slots__ = ("_by_channel",)

    def __init__(self, heads: Sequence[MessageHead]) -> None:
        self._by_channel: dict[str, list[int]] = {}
        for number, head in enumerate(heads):
            for channel in channels_of(head):
                self._by_channel.setdefault(channel, []).append(number)

    def matching(self, channels: frozenset[str]) -> Sequence[int]:
        """Numbers of the messages that go out on any of `channels`, ascending, each once."""
        hit = channels & self._by_channel.keys()
        if len(hit) == 1:
            return self._by_channel[next(iter(hit))]
        return sorted(set().union(*(self._by_channel[channel] for channel in hit)))


def matches(*, channels: Iterable[str], head: MessageHead) -> bool:
    """True when a message goes out on any of `channels`."""
    return not set(channels).isdisjoint(channels_of(head))
