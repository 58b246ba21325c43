"""Read from the recordings by hand. All are of the Exchange API, whose rows hold the low before the high and the open."""

from providers.errors import MalformedAnswer
from providers.market.types import Interval
from tests.contract.meanings.meaning import CRYPTO, NAN, Meaning, days

MEANINGS = {
    "pricehist_2020-01-01--2020-10-16": days(
        "BTC-USD", 2, "2020-10-16 2020-01-01", (9828.84, 9860, 9588, 9672.41, 1068.08144123, NAN, NAN), CRYPTO
    ),
    "pricehist_2020-10-17--2021-01-07": days(
        "BTC-USD", 2, "2021-01-07 2020-10-17", (29818.73, 32900, 29516.98, 32120.19, 5957.46980324, NAN, NAN), CRYPTO
    ),
    "pricehist_recent": days(
        "BTC-USD", 7, "2021-01-07 2021-01-01", (29818.73, 32900, 29516.98, 32120.19, 5957.46980324, NAN, NAN), CRYPTO
    ),
    "pricehist_test_fetch_parsing_error": Meaning(("BTC-USD",), Interval.D1, CRYPTO, error=MalformedAnswer),
    "pricehist_test_symbols_parsing_error": Meaning(("BTC-USD",), Interval.D1, CRYPTO, error=MalformedAnswer),
}
