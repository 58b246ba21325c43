"""Read from the recordings by hand."""

from providers.errors import Throttled
from providers.market.types import Interval
from tests.contract.meanings.meaning import CRYPTO, NAN, Meaning, days

MEANINGS = {
    "err_418_banned": Meaning(("BTCUSDT",), Interval.M1, CRYPTO, error=Throttled),
    # a week by its close time, read here as the day that it opens on
    "nautilus_klines_response": days(
        "ETHBTC", 1, "2017-07-03 2017-07-03", (0.0163479, 0.8, 0.015758, 0.015771, 148976.11427815, NAN, 308), CRYPTO
    ),
}
