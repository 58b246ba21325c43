"""Kraken spot: `/0/public/OHLC`, `/0/public/Ticker`, and the listing of markets.

Source: docs.kraken.com; recorded bodies; ccxt's table of refusals. At most the newest 720 rows come, the last of them the running
candle; `since` is exclusive; refusals come with 200; pairs are answered under names of the venue's own. A minute without a row at
the source has none here, where the venue would repeat the last price. Instruments go by the common spelling inside: `XBTUSD` is
`X:BTCUSD`.
"""

import re
from typing import Any, ClassVar

from providers.market.types import MINUTE_US, SECOND_US, Interval
from providers.simulator.quotes import Quote
from providers.simulator.rows import Rows
from providers.simulator.source import last_rows
from providers.simulator.wire.base import Answer, BadParameter, Feed, LimitState, Refusal, VendorRequest, encode
from providers.simulator.wire.coins import LISTED, PREFIX, decimal, known, with_running
from providers.simulator.wire.text import number_texts

MOST_ROWS = 720
_BASE = "/0/public/"
_INTERVALS = {
    str(interval.us // MINUTE_US): interval
    for interval in (Interval.M1, Interval.M5, Interval.M15, Interval.M30, Interval.H1, Interval.D1)
}
_OWN_COINS = {"BTC": "XBT", "DOGE": "XDG"}
_COINS = {own: coin for coin, own in _OWN_COINS.items()}
_OLD_NAME = re.compile(r"X?(XBT|ETH|XDG|LTC|XRP)Z?(USD|EUR|GBP|JPY|CAD)")
_UNKNOWN = "EQuery:Unknown asset pair"


class KrakenWire:
    """Rows of one pair, tickers of many."""

    vendor: ClassVar[str] = "kraken"
    requests_per_minute: ClassVar[int | None] = None

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """Those of the query, in the common spelling."""
        names = ("OHLC", "Ticker", "AssetPairs", "Assets", "Time", "SystemStatus")
        return tuple(map(_common, _asked(request))) if request.path in {_BASE + name for name in names} else None

    def credentials(self, request: VendorRequest) -> str | None:
        """Public data knows none."""
        return None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """None of these do."""
        return False

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """What the path asks for, or an error with 200."""
        try:
            return _answer(request, feed)
        except BadParameter as error:
            return _error(str(error))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """Everything comes with 200 as long as the venue itself answers."""
        if refusal in {Refusal.UNAUTHORIZED, Refusal.FORBIDDEN_CREDENTIALS}:
            return _error("EAPI:Invalid key")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _error("EGeneral:Permission denied")
        if refusal is Refusal.THROTTLE:
            return _error("EAPI:Rate limit exceeded")
        return _error("EService:Unavailable")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """There are none."""
        return {}


def _asked(request: VendorRequest) -> list[str]:
    return [pair for pair in request.query.get("pair", "").split(",") if pair]


def _common(pair: str) -> str:
    name = pair.replace("/", "")
    found = _OLD_NAME.fullmatch(name)
    name = found[1] + found[2] if found else name
    for own, coin in _COINS.items():
        name = coin + name.removeprefix(own) if name.startswith(own) else name
        name = name.removesuffix(own) + coin if name.endswith(own) else name
    return PREFIX + name


def _own(pair: str) -> str:
    """The venue's own name of an asked pair."""
    name = pair.replace("/", "")
    found = _OLD_NAME.fullmatch(name)
    return f"X{found[1]}Z{found[2]}" if found else name


def _known(request: VendorRequest, feed: Feed) -> list[str]:
    """The asked pairs. Raises: BadParameter when any is unknown."""
    asked = _asked(request)
    if not all(feed.knows(_common(pair)) for pair in asked):
        raise BadParameter(_UNKNOWN)
    return asked


def _answer(request: VendorRequest, feed: Feed) -> Answer:
    name = request.path.removeprefix(_BASE)
    if name == "OHLC":
        return _ohlc(request, feed)
    if name == "Ticker":
        return _tickers(request, feed)
    if name == "AssetPairs":
        return _result({_own(pair): _market(*coins) for coins in LISTED if feed.knows(_common(pair := _alt(*coins)))})
    if name == "Assets":
        coins = sorted({_OWN_COINS.get(coin, coin) for pair in LISTED for coin in pair})
        return _result({coin: {"altname": coin, "aclass": "currency", "decimals": 10, "status": "enabled"} for coin in coins})
    if name == "SystemStatus":
        return _result({"status": "online"})
    return _result({"unixtime": request.now // SECOND_US})


def _ohlc(request: VendorRequest, feed: Feed) -> Answer:
    interval = _INTERVALS.get(request.query.get("interval", "1"))
    since = request.query.get("since", "0")
    asked = _known(request, feed)
    if interval is None or len(asked) != 1 or not re.fullmatch(r"-?\d{1,12}", since):
        raise BadParameter("EGeneral:Invalid arguments")
    common = _common(asked[0])
    read = feed.reader(symbol=common, interval=interval)
    after = max(int(since) * SECOND_US + 1, 0)
    newest = last_rows(read, start=after, end=request.now, limit=MOST_ROWS, width=MOST_ROWS * interval.us)
    rows = with_running(newest, read=read, interval=interval, now=request.now).take(slice(-MOST_ROWS, None))
    committed = rows.start[rows.start + interval.us <= request.now]
    last = int(committed[-1]) // SECOND_US if len(committed) else int(since)
    rows = feed.page(symbol=common, rows=rows)
    label = feed.label(common)
    key = _own(asked[0]) if label == common else label.removeprefix(PREFIX)
    return _result({key: _rows(rows), "last": last}, rows=len(rows))


def _rows(rows: Rows) -> list[list[object]]:
    columns = (rows.open, rows.high, rows.low, rows.close, known(rows.vwap), known(rows.volume))
    texts = [number_texts(column) for column in columns]
    stamps, counts = (rows.start // SECOND_US).tolist(), known(rows.trade_count).astype(int).tolist()
    return [list(row) for row in zip(stamps, *texts, counts, strict=True)]


def _tickers(request: VendorRequest, feed: Feed) -> Answer:
    asked = {_common(pair): pair for pair in _known(request, feed)}
    told = feed.quotes(list(asked))
    names = [_own(asked[each.symbol]) if each.label == each.symbol else each.label.removeprefix(PREFIX) for each in told]
    return _result({name: _ticker(each.quote) for name, each in zip(names, told, strict=True)}, rows=len(told))


def _ticker(quote: Quote) -> dict[str, Any]:
    middle = next((price for price in (quote.bid, quote.ask) if price is not None), 0.0)
    return {
        "a": _side(quote.ask, quote.ask_size),
        "b": _side(quote.bid, quote.bid_size),
        "c": [decimal(middle), "0.00000000"],
    }


def _side(price: float | None, size: float | None) -> list[str]:
    return [] if price is None else [decimal(price), str(int(size or 0)), decimal(size)]


def _alt(base: str, quote: str) -> str:
    return _OWN_COINS.get(base, base) + _OWN_COINS.get(quote, quote)


def _market(base: str, quote: str) -> dict[str, Any]:
    own_base, own_quote = _OWN_COINS.get(base, base), _OWN_COINS.get(quote, quote)
    return {
        "altname": own_base + own_quote,
        "wsname": f"{own_base}/{own_quote}",
        "aclass_base": "currency",
        "base": own_base,
        "aclass_quote": "currency",
        "quote": own_quote,
        "pair_decimals": 5,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "ordermin": "0.0001",
        "status": "online",
        "tick_size": "0.00001",
    }


def _result(result: dict[str, Any], *, rows: int = 0) -> Answer:
    return Answer(200, encode({"error": [], "result": result}), rows=rows)


def _error(text: str) -> Answer:
    return Answer(200, encode({"error": [text]}))
