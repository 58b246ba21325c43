"""Twelve Data. Stamps of intraday bodies are read as UTC, because that is what the adapter asks for."""

from providers.errors import MalformedAnswer, Throttled
from tests.contract.meanings.meaning import CRYPTO, NAN, days, fails, minutes, nothing

MEANINGS = {
    "err_400_no_data": nothing("AAPL"),
    "err_429_minute": fails(Throttled, "AAPL"),
    "last_change_time_series_aebce9": fails(MalformedAnswer, "AAPL"),  # a list of changes, no series
    "time_series_1min_AAPL_20230824": minutes(
        "AAPL", 30, "2023-08-24T11:09Z 2023-08-24T10:40Z", (177.9101, 178.02, 177.91, 178.00121, 293189, NAN, NAN)
    ),
    "time_series_1min_readme": minutes(
        "AAPL MSFT", 6, "2020-04-23T15:59Z 2020-04-23T15:57Z", (275.23001, 275.25, 274.92999, 275.01001, 393317, NAN, NAN)
    ),
    "time_series_cross_28dd81": days(
        "JPY/BTC",
        1,
        "2025-02-28 2025-02-28",
        (0.0000081115665, 0.0000081273069, 0.0000081088287, 0.0000081268066, NAN, NAN, NAN),
        CRYPTO,
    ),
}
