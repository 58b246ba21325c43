"""Read from the recordings by hand."""

from providers.errors import MalformedAnswer
from providers.market.types import Interval
from tests.contract.meanings.meaning import CRYPTO, NAN, Meaning, minutes

MEANINGS = {
    "nautilus_http_futures_candles_mark": Meaning(("XBTUSD",), Interval.H1, CRYPTO, error=MalformedAnswer),  # another API
    # 240 rows, the last one after `last`; the first ones without a trade
    "nautilus_http_ohlc": minutes(
        "XBTUSDT",
        239,
        "2025-11-10T20:18Z 2025-11-11T00:16Z",
        (106100.1, 106100.1, 106100.1, 106100.1, 0, NAN, 0),
        CRYPTO,
    ),
}
