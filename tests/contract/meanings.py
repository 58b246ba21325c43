"""What each recorded answer means: its rows, nothing, or an error; read from the recordings by hand."""

from dataclasses import dataclass
from datetime import datetime

from providers.errors import NotEntitled, ProviderError, Throttled
from providers.market.types import AssetClass, Interval, to_us

NAN = float("nan")
EQUITY, INDEX, FX, CRYPTO = AssetClass.EQUITY, AssetClass.INDEX, AssetClass.FX, AssetClass.CRYPTO


@dataclass(frozen=True, slots=True)
class Meaning:
    """`first`: open, high, low, close, volume, vwap, trade count of the first row; `starts`: of the first and the last row."""

    symbols: tuple[str, ...]
    interval: Interval
    asset_class: AssetClass = EQUITY
    rows: int = 0
    starts: tuple[int, int] | None = None
    first: tuple[float, ...] | None = None
    is_delayed: bool = False
    has_next: bool = False
    error: type[ProviderError] | None = None


def _rows(symbols, interval, rows, starts, first, asset_class=EQUITY, **more):  # noqa: PLR0917 - one line per recording
    first_start, last_start = (to_us(datetime.fromisoformat(text)) for text in starts.split(" "))
    return Meaning(tuple(symbols.split(" ")), interval, asset_class, rows, (first_start, last_start), first, **more)


def _minutes(symbols, rows, starts, first, asset_class=EQUITY, **more):
    return _rows(symbols, Interval.M1, rows, starts, first, asset_class, **more)


def _days(symbols, rows, dates, first, asset_class=EQUITY, **more):
    return _rows(symbols, Interval.D1, rows, " ".join(f"{day}T00:00Z" for day in dates.split(" ")), first, asset_class, **more)


def _nothing(symbols):
    return Meaning((symbols,), Interval.M1)


def _fails(error, symbols):
    return Meaning((symbols,), Interval.M1, error=error)


_AAPL_2005 = (1.5032, 1.5064, 1.4489, 1.4604, 642646396, 1.469, 82132)
_BTC_2022 = (28999, 29003, 28999, 29003, 0.01, 29001, 4)
_AAPL_20220309 = (161.51, 163.41, 159.41, 162.95, 88496480, 161.942117, 700291)
_AAPL_20211011 = (142.59, 142.63, 142.57, 142.59, 2714, 142.589071, 22)

POLYGON = {
    "bars_day_DELAYED_NVDA_20241014": _days(
        "NVDA", 1, "2024-10-14 2024-10-14", (136.47, 139.6, 136.3, 138.07, 224602526, 138.3656, 1590531), is_delayed=True
    ),
    "bars_day_exponent_volume_MSFT_202507": _days(
        "MSFT", 3, "2025-07-29 2025-07-31", (515.53, 517.62, 511.56, 512.57, 16469235, 513.3429, 343983)
    ),
    "bars_hour_DELAYED_AAPL_20240429": _rows(
        "AAPL",
        Interval.H1,
        16,
        "2024-04-29T08:00Z 2024-04-29T23:00Z",
        (170.49, 172.22, 170.49, 172.13, 122052, 171.7015, 2549),
        is_delayed=True,
    ),
    # cut to 2 of the 631 rows that it counts: its silence about the others proves nothing
    "bars_minutes_missing_TSLA": _minutes(
        "TSLA",
        2,
        "2020-01-02T09:00Z 2020-01-02T09:03Z",
        (28.0607, 28.0667, 28.0607, 28.0667, 19755, 28.0488, 31),
        is_delayed=True,
    ),
    "err_403_not_entitled": _fails(NotEntitled, "SPY"),
    "err_429": _fails(Throttled, "AAPL"),
    "mock_v2_aggs_ticker_AAPL_prev": _days(
        "AAPL", 1, "2022-04-26 2022-04-26", (162.25, 162.34, 156.72, 156.8, 95595226, 158.6074, 899965)
    ),
    "mock_v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04": _days("AAPL", 2, "2005-04-01 2005-04-04", _AAPL_2005),
    "mock_v2_aggs_ticker_AAPL_range_1_day_2005-04-02_2005-04-04": _days("AAPL", 2, "2005-04-01 2005-04-04", _AAPL_2005),
    "openbb_polygon_aggs_AAPL_1day": _days(
        "AAPL", 6, "2023-01-03 2023-01-10", (130.28, 130.9, 124.17, 125.07, 112117471, 125.725, 1021065)
    ),
    "openbb_polygon_aggs_C_EURUSD_1day": _days(
        "C:EURUSD", 10, "2023-01-01 2023-01-10", (1.06849, 1.0793, 1.06788, 1.0793, 12, 1.0691, 12), FX
    ),
    "spec_v2_aggs_grouped_locale_global_market_crypto__date__200": _days(
        "X:ARDRUSD X:NGCUSD X:ZSCUSD",
        3,
        "2020-02-02 2020-02-02",
        (0.0550762, 0.0550762, 0.0550762, 0.0550762, 2, 0.0551, 18388),
        CRYPTO,
    ),
    "spec_v2_aggs_grouped_locale_global_market_fx__date__200": _days(
        "C:ILSCHF C:GBPCAD C:DKKAUD", 3, "2020-10-14 2020-10-14", (0.2698, 0.2706, 0.2693, 0.2704, 689, 0.2702, 689), FX
    ),
    "spec_v2_aggs_grouped_locale_us_market_stocks__date__200": _days(
        "KIMpL TANH VSAT", 3, "2020-10-14 2020-10-14", (26.07, 26.25, 25.91, 25.9102, 4369, 26.0407, 74)
    ),
    "spec_v2_aggs_ticker__cryptoTicker__prev_200": _days(
        "X:BTCUSD", 1, "2020-11-15 2020-11-15", (15937.1, 16180, 15639.2, 16035.9, 95045.16897951, 15954.2111, NAN), CRYPTO
    ),
    "spec_v2_aggs_ticker__cryptoTicker__range__multiplier___timespan___from___to__200": _days(
        "X:BTCUSD", 2, "2020-06-01 2020-06-02", (9557.9, 10429.26, 9490, 10094.75, 303067.6562332156, 9874.5529, 1), CRYPTO
    ),
    "spec_v2_aggs_ticker__forexTicker__range__multiplier___timespan___from___to__200": _days(
        "C:EURUSD", 1, "2021-07-22 2021-07-22", (1.17921, 1.18305, 1.1756, 1.17721, 125329, 1.1789, 125329), FX
    ),
    "spec_v2_aggs_ticker__indicesTicker__prev_200": _days(
        "I:NDX",
        1,
        "2023-06-20 2023-06-20",
        (15036.48391066877, 15127.4195807999, 14946.7243781848, 15070.14948566977, NAN, NAN, NAN),
        INDEX,
    ),
    "spec_v2_aggs_ticker__indicesTicker__range__multiplier___timespan___from___to__200": _days(
        "I:NDX",
        2,
        "2023-03-09 2023-03-10",
        (12230.83658266843, 12340.44936267155, 11970.34221717375, 11995.88235998666, NAN, NAN, NAN),
        INDEX,
    ),
    "spec_v2_aggs_ticker__optionsTicker__range__multiplier___timespan___from___to__200": _days(
        "O:RDFN211119C00025000", 2, "2021-09-23 2021-09-24", (26.2, 26.2, 26.2, 26.2, 2, 26.2, 1)
    ),
    "spec_v2_aggs_ticker__stocksTicker__prev_200": _days(
        "AAPL", 1, "2020-11-10 2020-11-10", (115.55, 117.59, 114.13, 115.97, 131704427, 116.3058, NAN)
    ),
    "spec_v2_aggs_ticker__stocksTicker__range__multiplier___timespan___from___to__200": _days(
        "AAPL", 2, "2020-01-02 2020-01-03", (74.06, 75.15, 73.7975, 75.0875, 135647456, 74.6099, 1), has_next=True
    ),
}

ALPACA = {
    "bars_single_null": _nothing("TSLA"),
    "err_403_recent_sip": _fails(NotEntitled, "AAPL"),
    "go_TestGetCryptoBars": _minutes(
        "BCH/USD",
        11,
        "2021-11-11T11:11Z 2021-11-11T11:21Z",
        (679.75, 679.76, 679.26, 679.26, 3.67960285, 679.6324449731, 10),
        CRYPTO,
    ),
    # three venues side by side under the old crypto feed: repeated starts are the checks' business, not the parser's
    "go_TestGetCryptoMultiBars": _rows(
        "BCH/USD BTC/USD ETH/USD LTC/USD",
        Interval.H1,
        12,
        "2021-11-20T20:00Z 2021-11-20T20:00Z",
        (582.48, 583.3, 580.16, 583.29, 895.36742328, 581.631507, 1442),
        CRYPTO,
    ),
    "go_TestLatestBar": _minutes("AAPL", 1, "2021-10-11T23:59Z 2021-10-11T23:59Z", _AAPL_20211011),
    "go_TestLatestBars": _minutes(
        "NIO AAPL", 2, "2021-10-11T23:59Z 2021-10-11T23:59Z", (35.57, 35.6, 35.56, 35.6, 1288, 35.586483, 9)
    ),
    "go_TestLatestCryptoBars": _minutes(
        "SUSHI/USD DOGE/USD BAT/USD",
        3,
        "2022-02-25T12:46Z 2022-02-25T12:36Z",
        (3.2109, 3.2109, 3.2093, 3.2093, 6, 3.2105, 2),
        CRYPTO,
    ),
    "go_TestLatestCryptoPerpBar": _minutes(
        "BTC-PERP",
        1,
        "2024-12-19T09:52Z 2024-12-19T09:52Z",
        (101789.1, 101807.9, 101762.8, 101785.3, 25.9751, 101783.9767854599, 314),
        CRYPTO,
    ),
    "py_crypto_latest_bar": _minutes("BTC/USD", 1, "2022-05-27T10:18Z 2022-05-27T10:18Z", _BTC_2022, CRYPTO),
    "py_get_bars": _days(
        "AAPL", 2, "2022-02-01 2022-02-02", (174, 174.84, 172.31, 174.61, 85998033, 173.703516, 732412), has_next=True
    ),
    "py_get_bars_desc": _days(
        "TSLA", 3, "2023-09-27 2023-09-25", (244.262, 245.33, 234.58, 240.5, 136616287, 240.479286, 1393690), has_next=True
    ),
    "py_get_bars_multi_empty_response": _nothing("AAPL"),
    "py_get_bars_single_empty_response": _nothing("AAPL"),
    "py_get_crypto_bars": _days("BTC/USD ETH/USD", 2, "2022-03-09 2022-03-09", _AAPL_20220309, CRYPTO),
    "py_multisymbol_get_bars": _days("AAPL TSLA", 2, "2022-03-09 2022-03-09", _AAPL_20220309),
    "py_stock_latest_bar": _minutes(
        "SPY", 1, "2022-07-26T20:50Z 2022-07-26T20:50Z", (392.18, 392.18, 392.18, 392.18, 2100, 392.18, 2)
    ),
    "spec_v1beta3_crypto_loc_bars_bars": _minutes(
        "BTC/USD", 1, "2022-05-27T10:18Z 2022-05-27T10:18Z", _BTC_2022, CRYPTO, has_next=True
    ),
    "spec_v1beta3_crypto_loc_latest_bars_bars": _minutes(
        "BTC/USD", 1, "2022-05-27T10:18Z 2022-05-27T10:18Z", _BTC_2022, CRYPTO
    ),
    "spec_v2_stocks_bars_bars": _minutes(
        "AAPL",
        1,
        "2022-01-03T09:00Z 2022-01-03T09:00Z",
        (178.26, 178.26, 178.21, 178.21, 1118, 178.235733, 65),
        has_next=True,
    ),
    "spec_v2_stocks_bars_latest_bars": _minutes(
        "AAPL TSLA", 2, "2022-08-17T08:58Z 2022-08-17T08:57Z", (172.81, 172.81, 172.78, 172.79, 1002, 172.791417, 20)
    ),
    "spec_v2_stocks_symbol_bars_latest_bar": _minutes(
        "AAPL", 1, "2022-08-17T09:07Z 2022-08-17T09:07Z", (172.98, 173.04, 172.98, 173, 2748, 173.007817, 49)
    ),
}

MEANINGS: dict[str, dict[str, Meaning]] = {"polygon": POLYGON, "alpaca": ALPACA}
"""By adapter, then by recording."""
