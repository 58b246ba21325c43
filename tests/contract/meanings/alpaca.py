"""Read from the recordings by hand."""

from providers.errors import NotEntitled
from providers.market.quotes import SizeUnit
from providers.market.types import Interval
from tests.contract.meanings.meaning import (
    CRYPTO,
    NAN,
    another_answer,
    days,
    fails,
    minutes,
    no_quotes,
    nothing,
    quotes,
    rows_of,
)

_BTC_2022 = (28999, 29003, 28999, 29003, 0.01, 29001, 4)
_AAPL_20220309 = (161.51, 163.41, 159.41, 162.95, 88496480, 161.942117, 700291)
_AAPL_20211011 = (142.59, 142.63, 142.57, 142.59, 2714, 142.589071, 22)

MEANINGS = {
    "bars_single_null": nothing("TSLA"),
    "err_403_recent_sip": fails(NotEntitled, "AAPL"),
    "go_TestGetCryptoBars": minutes(
        "BCH/USD",
        11,
        "2021-11-11T11:11Z 2021-11-11T11:21Z",
        (679.75, 679.76, 679.26, 679.26, 3.67960285, 679.6324449731, 10),
        CRYPTO,
    ),
    # three venues side by side under the old crypto feed: repeated starts are the checks' business, not the parser's
    "go_TestGetCryptoMultiBars": rows_of(
        "BCH/USD BTC/USD ETH/USD LTC/USD",
        Interval.H1,
        12,
        "2021-11-20T20:00Z 2021-11-20T20:00Z",
        (582.48, 583.3, 580.16, 583.29, 895.36742328, 581.631507, 1442),
        CRYPTO,
    ),
    "go_TestLatestBar": minutes("AAPL", 1, "2021-10-11T23:59Z 2021-10-11T23:59Z", _AAPL_20211011),
    "go_TestLatestBars": minutes(
        "NIO AAPL", 2, "2021-10-11T23:59Z 2021-10-11T23:59Z", (35.57, 35.6, 35.56, 35.6, 1288, 35.586483, 9)
    ),
    "go_TestLatestCryptoBars": minutes(
        "SUSHI/USD DOGE/USD BAT/USD",
        3,
        "2022-02-25T12:46Z 2022-02-25T12:36Z",
        (3.2109, 3.2109, 3.2093, 3.2093, 6, 3.2105, 2),
        CRYPTO,
    ),
    "go_TestLatestCryptoPerpBar": minutes(
        "BTC-PERP",
        1,
        "2024-12-19T09:52Z 2024-12-19T09:52Z",
        (101789.1, 101807.9, 101762.8, 101785.3, 25.9751, 101783.9767854599, 314),
        CRYPTO,
    ),
    "py_crypto_latest_bar": minutes("BTC/USD", 1, "2022-05-27T10:18Z 2022-05-27T10:18Z", _BTC_2022, CRYPTO),
    "py_get_bars": days(
        "AAPL", 2, "2022-02-01 2022-02-02", (174, 174.84, 172.31, 174.61, 85998033, 173.703516, 732412), has_next=True
    ),
    "py_get_bars_desc": days(
        "TSLA", 3, "2023-09-27 2023-09-25", (244.262, 245.33, 234.58, 240.5, 136616287, 240.479286, 1393690), has_next=True
    ),
    "py_get_bars_multi_empty_response": nothing("AAPL"),
    "py_get_bars_single_empty_response": nothing("AAPL"),
    "py_get_crypto_bars": days("BTC/USD ETH/USD", 2, "2022-03-09 2022-03-09", _AAPL_20220309, CRYPTO),
    "py_multisymbol_get_bars": days("AAPL TSLA", 2, "2022-03-09 2022-03-09", _AAPL_20220309),
    "py_stock_latest_bar": minutes(
        "SPY", 1, "2022-07-26T20:50Z 2022-07-26T20:50Z", (392.18, 392.18, 392.18, 392.18, 2100, 392.18, 2)
    ),
    "spec_v1beta3_crypto_loc_bars_bars": minutes(
        "BTC/USD", 1, "2022-05-27T10:18Z 2022-05-27T10:18Z", _BTC_2022, CRYPTO, has_next=True
    ),
    "spec_v1beta3_crypto_loc_latest_bars_bars": minutes("BTC/USD", 1, "2022-05-27T10:18Z 2022-05-27T10:18Z", _BTC_2022, CRYPTO),
    "spec_v2_stocks_bars_bars": minutes(
        "AAPL",
        1,
        "2022-01-03T09:00Z 2022-01-03T09:00Z",
        (178.26, 178.26, 178.21, 178.21, 1118, 178.235733, 65),
        has_next=True,
    ),
    "spec_v2_stocks_bars_latest_bars": minutes(
        "AAPL TSLA", 2, "2022-08-17T08:58Z 2022-08-17T08:57Z", (172.81, 172.81, 172.78, 172.79, 1002, 172.791417, 20)
    ),
    "spec_v2_stocks_symbol_bars_latest_bar": minutes(
        "AAPL", 1, "2022-08-17T09:07Z 2022-08-17T09:07Z", (172.98, 173.04, 172.98, 173, 2748, 173.007817, 49)
    ),
}

_BTC_PERP = "2024-12-19T09:43:04.092Z 2024-12-19T09:43:04.092Z"
_NINE = "2022-03-09T09:00:00.000059Z"
_BTC_ETH = "2022-05-26T11:47:18.443471Z 2022-05-26T11:47:18.499478Z"
_ONE_SIDED = "2022-01-03T09:00:00.028160Z 2022-01-03T09:00:00.028294Z"

QUOTES = {
    "go_TestLatestCryptoPerpQuote": quotes(
        "BTC-PERP", 1, _BTC_PERP, (101674.7, 101675.1, 1.4496, 3.087), SizeUnit.BASE, CRYPTO
    ),
    "go_TestLatestCryptoPerpQuotes": quotes(
        "ETH-PERP BTC-PERP",
        2,
        "2024-12-19T10:15:50.436Z 2024-12-19T10:15:50.438Z",
        (3676.82, 3676.89, 36.765, 38.655),
        SizeUnit.BASE,
        CRYPTO,
    ),
    "go_TestLatestCryptoQuote": quotes(
        "BCH/USD",
        1,
        "2021-11-22T08:36:35.117453Z 2021-11-22T08:36:35.117453Z",
        (564.52, 565.87, 44.2403, 44.2249),
        SizeUnit.BASE,
        CRYPTO,
    ),
    # 318022772 ns: cut, not rounded
    "go_TestLatestCryptoQuotes": quotes(
        "BTC/USD LTC/USD",
        2,
        "2022-02-25T12:56:22.338903Z 2022-02-25T12:56:22.318022Z",
        (39381.18, 39463.42, 1.522012, 1.5),
        SizeUnit.BASE,
        CRYPTO,
    ),
    "go_TestSnapshots": another_answer("AAPL"),
    "py_get_crypto_latest_quote": quotes(
        "BTC/USD",
        1,
        "2022-03-18T14:03:13.661518Z 2022-03-18T14:03:13.661518Z",
        (40517.08, 40765.93, 4.0178, 1.5516),
        SizeUnit.BASE,
        CRYPTO,
    ),
    "py_get_latest_quote": quotes(
        "AAPL", 1, "2022-03-18T14:02:43.651613Z 2022-03-18T14:02:43.651613Z", (161.1, 161.11, 2, 13), SizeUnit.ROUND_LOTS
    ),
    "py_get_latest_quote_multi_empty_response": no_quotes("AAPL"),
    # crossed before the open, and kept
    "py_get_quotes": quotes("AAPL", 2, f"{_NINE} {_NINE}", (159.52, 158.65, 4, 1), SizeUnit.ROUND_LOTS),
    "py_get_quotes_multi_empty_response": no_quotes("AAPL"),
    "py_get_snapshot_multi_empty_response": another_answer("AAPL"),
    "py_multisymbol_quotes": quotes(
        "AAPL TSLA", 2, f"{_NINE} 2022-03-09T09:00:00.000805Z", (159.52, 158.65, 4, 1), SizeUnit.ROUND_LOTS
    ),
    "spec_v1beta3_crypto_loc_latest_quotes_quotes": quotes(
        "BTC/USD ETH/USD", 2, _BTC_ETH, (29058, 29059, 0.3544, 3.252), SizeUnit.BASE, CRYPTO
    ),
    "spec_v1beta3_crypto_loc_quotes_quotes": quotes(
        "BTC/USD ETH/USD", 2, _BTC_ETH, (29058, 29059, 0.3544, 3.252), SizeUnit.BASE, CRYPTO
    ),
    "spec_v1beta3_crypto_loc_snapshots_snapshots": another_answer("BTC/USD", CRYPTO),
    "spec_v2_stocks_quotes_quotes": quotes("AAPL", 2, _ONE_SIDED, (177.92, NAN, 4, NAN), SizeUnit.ROUND_LOTS),
    "spec_v2_stocks_snapshots_snapshots": another_answer("AAPL"),
    "spec_v2_stocks_symbol_quotes_quotes": quotes("AAPL", 2, _ONE_SIDED, (177.92, NAN, 4, NAN), SizeUnit.ROUND_LOTS),
    "spec_v2_stocks_symbol_snapshot_snapshot": another_answer("AAPL"),
}
