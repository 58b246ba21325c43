"""Tiingo's top of book: `/iex/`, `/tiingo/fx/top` and `/tiingo/crypto/top`, lists of those that have a quote.

Source: documentation of api.tiingo.com; the recorded answer of coins. A side that is not there is null. Unknown tickers are left out.
"""

from providers.market.types import Micros, from_us
from providers.simulator.quotes import NamedQuote, Quote
from providers.simulator.wire.base import Answer, BadParameter, Feed, encode
from providers.simulator.wire.quoting import rfc3339_nanoseconds, whole

KINDS = {"/iex": "iex", "/iex/": "iex", "/tiingo/fx/top": "tiingo/fx", "/tiingo/crypto/top": "tiingo/crypto"}
"""Paths and the kind of instrument behind each, named as in the paths of bars."""


def answer(kind: str, symbols: tuple[str, ...], feed: Feed) -> Answer:
    """The top of book of these symbols. Raises: BadParameter for none."""
    if not symbols:
        raise BadParameter("You must specify at least one ticker")
    write = {"iex": _stock, "tiingo/fx": _pair, "tiingo/crypto": _coin}[kind]
    rows = [write(named) for named in feed.quotes(symbols)]
    return Answer(200, encode(rows), rows=len(rows))


def _sides(quote: Quote) -> dict[str, object]:
    sizes = [None if size is None else whole(size) for size in (quote.bid_size, quote.ask_size)]
    return {"bidPrice": quote.bid, "bidSize": sizes[0], "askPrice": quote.ask, "askSize": sizes[1]}


def _mid(quote: Quote) -> float | None:
    return None if quote.bid is None or quote.ask is None else (quote.bid + quote.ask) / 2


def _stock(named: NamedQuote) -> dict[str, object]:
    at = rfc3339_nanoseconds(named.quote.at).replace("Z", "+00:00")
    last = {"tngoLast": _mid(named.quote), "last": None, "lastSize": None}
    return {
        "ticker": named.label,
        "timestamp": at,
        "quoteTimestamp": at,
        **last,
        **_sides(named.quote),
        "mid": _mid(named.quote),
    }


def _pair(named: NamedQuote) -> dict[str, object]:
    mid = _mid(named.quote)
    return {"ticker": _lower(named), "quoteTimestamp": _stamp(named.quote.at), **_sides(named.quote), "midPrice": mid}


def _coin(named: NamedQuote) -> dict[str, object]:
    ticker = _lower(named)
    exchanges = {"bidExchange": "GDAX", "askExchange": "KRAKEN"}
    top = {"quoteTimestamp": _stamp(named.quote.at), **_sides(named.quote), **exchanges}
    return {"ticker": ticker, "baseCurrency": ticker[:-3], "quoteCurrency": ticker[-3:], "topOfBookData": [top]}


def _lower(named: NamedQuote) -> str:
    return named.label.removeprefix("C:").removeprefix("X:").lower()


def _stamp(at: Micros) -> str:
    return from_us(at).isoformat(timespec="microseconds")
