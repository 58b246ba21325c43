"""Read from the recordings by hand."""

from providers.errors import AuthFailed, Throttled
from tests.contract.meanings.meaning import NAN, days, fails, nothing

MEANINGS = {
    "candle_csv_daily_adjusted": days(
        "AAPL",
        4,
        "2012-01-03 2012-01-06",
        (14.621410714285714, 14.732128571428571, 14.607128571428571, 14.68677142857143, 10794967, NAN, NAN),
    ),
    "candle_daily_AAPL_202109": days("AAPL", 12, "2021-09-07 2021-09-22", (154.97, 157.26, 154.39, 156.69, 82278261, NAN, NAN)),
    "candle_no_data": nothing("AAPL"),
    "err_401_missing_key": fails(AuthFailed, "AAPL"),
    "err_429": fails(Throttled, "AAPL"),
}
