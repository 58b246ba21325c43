"""Read from the recordings by hand.

Weekly rows bear no mark of it: what keeps them out is that nobody asks for them. In CSV and JSON alike, prices are the raw ones.
"""

from providers.errors import BadRequest, Throttled
from providers.market.quotes import SizeUnit
from providers.market.types import Interval
from tests.contract.meanings.meaning import CRYPTO, NAN, days, fails, quotes, rows_of

_GOOGL_20180105 = (1103.45, 1113.58, 1101.8, 1110.29, 1493389, NAN, NAN)
_GOOGL_WEEK = (1053.02, 1113.58, 1053.02, 1110.29, 5889084, NAN, NAN)
_AAPL_WEEK = (170.16, 175.37, 169.26, 175.0, 99095223, NAN, NAN)
_GOOGL_20150102 = (532.6, 535.8, 527.88, 529.55, 1327870, NAN, NAN)

MEANINGS = {
    "crypto_price_history": days(
        "btcusd fldcbtc",
        4,
        "2019-05-01 2019-05-02",
        (5367.348827845256, 5443.811868611532, 5358.100876910302, 5420.0896708474575, 27749.729226739997, NAN, 214889),
        CRYPTO,
    ),
    "err_200_symbol_quota": fails(Throttled, "AAPL"),
    "err_400_resample": fails(BadRequest, "AAPL"),
    "err_429_hourly_allocation": fails(Throttled, "AAPL"),
    # no `columns` in the question, so no volume
    "intraday_price": rows_of(
        "GOOGL",
        Interval.M30,
        13,
        "2018-01-02T14:30Z 2018-01-02T20:30Z",
        (1057.47, 1061.91, 1054.17, 1061.91, NAN, NAN, NAN),
    ),
    "openbb_daily_AAPL": days("AAPL", 6, "2023-01-03 2023-01-10", (130.28, 130.9, 124.17, 125.07, 112117471, NAN, NAN)),
    "ticker_price_pandas_daily_equivalent_requesting_json_or_csv": days("GOOGL", 10, "2018-01-05 2018-01-19", _GOOGL_20180105),
    "ticker_price_pandas_daily_equivalent_requesting_json_or_csv_1": days(
        "GOOGL", 10, "2018-01-05 2018-01-19", _GOOGL_20180105
    ),
    "ticker_price_pandas_single": days(
        "GOOGL", 1, "2018-06-08 2018-06-08", (1131.21, 1138.78, 1123.23, 1132.71, 1364226, NAN, NAN)
    ),
    "ticker_price_pandas_weekly_multiple_tickers": days("GOOGL", 3, "2018-01-05 2018-01-19", _GOOGL_WEEK),
    "ticker_price_pandas_weekly_multiple_tickers_1": days("AAPL", 3, "2018-01-05 2018-01-19", _AAPL_WEEK),
    "ticker_price_pandas_weekly_multiple_tickers_csv": days("GOOGL", 3, "2018-01-05 2018-01-19", _GOOGL_WEEK),
    "ticker_price_pandas_weekly_multiple_tickers_csv_1": days("AAPL", 3, "2018-01-05 2018-01-19", _AAPL_WEEK),
    "ticker_price_with_date": days("GOOGL", 2, "2015-01-02 2015-01-05", _GOOGL_20150102),
    "ticker_price_with_date_csv": days("GOOGL", 2, "2015-01-02 2015-01-05", _GOOGL_20150102),
    "ticker_price_with_multiple_columns": days(
        "GOOGL", 1, "2024-10-22 2024-10-22", (162.98, 165.77, 162.98, 165.14, 16568121, NAN, NAN)
    ),
}

QUOTES = {
    # crossed by BITSTAMP, which had sent nothing for weeks: kept, with the stamp that the vendor gave it
    "crypto_top_of_book": quotes(
        "btcusd fldcbtc",
        2,
        "2019-10-03T23:00:15.363Z 2019-10-13T20:18:23.845035Z",
        (10160.51, 8209.92, 2.88067305, 0.1),
        SizeUnit.BASE,
        CRYPTO,
    ),
}
