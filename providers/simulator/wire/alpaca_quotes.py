"""Alpaca's latest quotes: `/v2/stocks/quotes/latest` and `/v1beta3/crypto/{loc}/latest/quotes`, a map by symbol.

Source: alpacahq/alpaca-mcp-server `specs/market-data-api.json`; recorded bodies. A symbol without a quote is left out. A side that is not
there has price and size 0 and the venue `" "`.
"""

import re

from providers.simulator.quotes import Quote
from providers.simulator.wire.alpaca_parameters import check_choices, check_symbols
from providers.simulator.wire.base import Answer, Feed, VendorRequest, encode
from providers.simulator.wire.quoting import rfc3339_nanoseconds, us_size, whole

_STOCKS = "/v2/stocks/quotes/latest"
_COINS = re.compile(r"/v1beta3/crypto/[a-z0-9-]+/latest/quotes")


def is_asked(path: str) -> bool:
    """Whether a path is one of latest quotes."""
    return path == _STOCKS or is_of_coins(path)


def is_of_coins(path: str) -> bool:
    """Whether it is the one of coins."""
    return _COINS.fullmatch(path) is not None


def answer(request: VendorRequest, symbols: tuple[str, ...], feed: Feed) -> Answer:
    """The latest quotes of the symbols that have one. Raises: BadParameter."""
    is_crypto = is_of_coins(request.path)
    check_symbols(symbols, is_crypto=is_crypto, feed=feed)
    check_choices(request.query)
    write = _coin if is_crypto else _stock
    quotes = {named.label: write(named.quote) for named in feed.quotes(sorted(set(symbols)))}
    return Answer(200, encode({"quotes": quotes}), rows=len(quotes))


def _coin(quote: Quote) -> dict[str, object]:
    bid = {"bp": quote.bid or 0, "bs": whole(quote.bid_size or 0)}
    ask = {"ap": quote.ask or 0, "as": whole(quote.ask_size or 0)}
    return {**ask, **bid, "t": rfc3339_nanoseconds(quote.at)}


def _stock(quote: Quote) -> dict[str, object]:
    bid_size, ask_size = (whole(us_size(size, at=quote.at) or 0) for size in (quote.bid_size, quote.ask_size))
    bid = {"bx": "K" if quote.bid else " ", "bp": quote.bid or 0, "bs": bid_size}
    ask = {"ax": "Q" if quote.ask else " ", "ap": quote.ask or 0, "as": ask_size}
    return {"t": rfc3339_nanoseconds(quote.at), **ask, **bid, "c": ["R"], "z": "C"}
