"""Finnhub: candles as of `/stock/candle`, `/forex/candle`, `/crypto/candle`.

Source: finnhub-go `api/openapi.yaml`; quoted bodies. `from` and `to` are inclusive epoch seconds, rows come as parallel arrays, an
unknown symbol is a silent one. Texts of malformed parameters and the limit's headers are recalled. Instruments go by the common
spelling inside: `OANDA:EUR_USD` is `C:EURUSD`, `BINANCE:BTCUSDT` is `X:BTCUSDT`.
"""

import re
from typing import ClassVar

from providers.market.types import DAY_US, SECOND_US, Interval, Micros
from providers.simulator.wire.base import (
    Answer,
    BadParameter,
    Feed,
    LimitState,
    Refusal,
    VendorRequest,
    encode,
    numbers,
    optional_numbers,
)

MAX_INTRADAY_US = 31 * DAY_US
_PATH = re.compile(r"(?:/api/v1)?/(?P<kind>stock|forex|crypto)/candle")
_PREFIXES = {"forex": "C:", "crypto": "X:"}
_SECONDS = re.compile(r"-?\d{1,11}")
_RESOLUTIONS = {
    "1": Interval.M1,
    "5": Interval.M5,
    "15": Interval.M15,
    "30": Interval.M30,
    "60": Interval.H1,
    "D": Interval.D1,
}


class FinnhubWire:
    """One symbol a call, no pages."""

    vendor: ClassVar[str] = "finnhub"
    requests_per_minute: ClassVar[int | None] = 300

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """The one of the query, in the common spelling."""
        found = _PATH.fullmatch(request.path)
        return (_common(request.query.get("symbol", ""), found["kind"]),) if found else None

    def credentials(self, request: VendorRequest) -> str | None:
        """A header, or `token` in the query."""
        return request.headers.get("x-finnhub-token", "").strip() or request.query.get("token") or None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """All paths do."""
        return True

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """All bars of the window, or 422 in the vendor's way."""
        try:
            return _answer(request, feed, (self.symbols(request) or ("",))[0])
        except BadParameter as error:
            return _error(422, str(error))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """All say `error`; what is not in the plan is 403."""
        if refusal is Refusal.UNAUTHORIZED:
            return _error(401, "Invalid API key" if self.credentials(request) else "Please use an API key.")
        if refusal is Refusal.FORBIDDEN_CREDENTIALS:
            return _error(403, "Invalid API key")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _error(403, "You don't have access to this resource.")
        if refusal is Refusal.THROTTLE:
            return _error(429, "API limit reached. Please try again later. Remaining Limit: 0")
        return _error(500, "Internal server error")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """On every answer; the reset is in epoch seconds."""
        return {
            "X-Ratelimit-Limit": str(state.limit),
            "X-Ratelimit-Remaining": str(state.remaining),
            "X-Ratelimit-Reset": str(-(-state.reset_at // SECOND_US)),
        }


def _common(symbol: str, kind: str) -> str:
    prefix = _PREFIXES.get(kind)
    return prefix + symbol.rpartition(":")[2].replace("_", "").replace("-", "") if prefix else symbol


def _answer(request: VendorRequest, feed: Feed, symbol: str) -> Answer:
    interval = _RESOLUTIONS.get(request.query.get("resolution", ""))
    if not symbol or interval is None:
        raise BadParameter("Wrong resolution." if symbol else "Missing symbol.")
    first, last = (_moment(request, name) for name in ("from", "to"))
    if last < first or (interval is not Interval.D1 and last - first > MAX_INTRADAY_US):
        raise BadParameter("Wrong time range.")
    rows = feed.page(symbol=symbol, rows=feed.reader(symbol=symbol, interval=interval)(first, last + 1))
    if not len(rows):
        return Answer(200, encode({"s": "no_data"}))
    prices = {key: numbers(column) for key, column in zip("chlo", (rows.close, rows.high, rows.low, rows.open), strict=True)}
    stamps = (rows.start // SECOND_US).tolist()
    return Answer(200, encode({**prices, "s": "ok", "t": stamps, "v": optional_numbers(rows.volume)}), rows=len(rows))


def _moment(request: VendorRequest, name: str) -> Micros:
    text = request.query.get(name, "")
    if not _SECONDS.fullmatch(text):
        raise BadParameter(f"Wrong timestamp in {name}.")
    return int(text) * SECOND_US


def _error(status: int, text: str) -> Answer:
    return Answer(status, encode({"error": text}))
