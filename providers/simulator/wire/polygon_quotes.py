"""Polygon's last quotes: `/v2/last/nbbo/{ticker}` of stocks, `/v1/last_quote/currencies/{from}/{to}`.

Source: massive-com/client-python `.massive/rest.json`; recorded bodies; polygon-io/issues #227 (a side that is not there is 0). A ticker
that has no quote is answered without `results`, an unknown one with 404.
"""

import re

from providers.simulator.quotes import NamedQuote, Quote
from providers.simulator.wire.base import Answer, Feed, encode
from providers.simulator.wire.quoting import nanoseconds, us_size, whole

_STOCK = re.compile(r"/v2/last/nbbo/(?P<ticker>.+)")
_PAIR = re.compile(r"/v1/last_quote/currencies/(?P<base>[^/]+)/(?P<quote>[^/]+)")


def ticker_of(path: str) -> str | None:
    """The ticker of a path of quotes, None for other paths."""
    if found := _STOCK.fullmatch(path):
        return found["ticker"]
    found = _PAIR.fullmatch(path)
    return f"C:{found['base']}{found['quote']}" if found else None


def answer(path: str, feed: Feed, *, request_id: str) -> Answer:
    """The last quote of a path's ticker."""
    ticker = ticker_of(path) or ""
    is_pair = _PAIR.fullmatch(path) is not None
    headers = {"X-Request-Id": request_id}
    if not feed.knows(ticker) or (":" in ticker and not is_pair):
        body = {"status": "NOT_FOUND", "request_id": request_id, "message": "Data not found."}
        return Answer(404, encode(body), headers=headers)
    named = next(iter(feed.quotes([ticker])), None)
    rows = {} if named is None else _pair(named) if is_pair else {"results": _nbbo(named)}
    status = "DELAYED" if feed.is_delayed else "success" if is_pair else "OK"
    return Answer(200, encode(rows | {"status": status, "request_id": request_id}), headers=headers, rows=len(rows and [named]))


def _nbbo(named: NamedQuote) -> dict[str, object]:
    quote = named.quote
    bid_size, ask_size = (whole(us_size(size, at=quote.at) or 0) for size in (quote.bid_size, quote.ask_size))
    bid = {"p": quote.bid or 0, "s": bid_size, "x": 11 if quote.bid else 0}
    ask = {"P": quote.ask or 0, "S": ask_size, "X": 19 if quote.ask else 0}
    stamps = {"t": nanoseconds(quote.at), "y": nanoseconds(quote.at) - 300_000}
    return {**ask, "T": named.label, **bid, "q": quote.at % 10**8, **stamps, "z": 3}


def _pair(named: NamedQuote) -> dict[str, object]:
    quote: Quote = named.quote
    letters = named.label.removeprefix("C:")
    symbol = f"{letters[:3]}/{letters[3:]}" if named.label.startswith("C:") else letters
    last = {"ask": quote.ask or 0, "bid": quote.bid or 0, "exchange": 48, "timestamp": quote.at // 1_000}
    return {"last": last, "symbol": symbol}
