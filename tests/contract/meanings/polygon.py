"""Read from the recordings by hand."""

from providers.errors import NotEntitled, Throttled
from providers.market.quotes import SizeUnit
from providers.market.types import Interval
from tests.contract.meanings.meaning import CRYPTO, FX, INDEX, NAN, another_answer, days, fails, minutes, quotes, rows_of

_AAPL_2005 = (1.5032, 1.5064, 1.4489, 1.4604, 642646396, 1.469, 82132)

MEANINGS = {
    "bars_day_DELAYED_NVDA_20241014": days(
        "NVDA", 1, "2024-10-14 2024-10-14", (136.47, 139.6, 136.3, 138.07, 224602526, 138.3656, 1590531), is_delayed=True
    ),
    "bars_day_exponent_volume_MSFT_202507": days(
        "MSFT", 3, "2025-07-29 2025-07-31", (515.53, 517.62, 511.56, 512.57, 16469235, 513.3429, 343983)
    ),
    "bars_hour_DELAYED_AAPL_20240429": rows_of(
        "AAPL",
        Interval.H1,
        16,
        "2024-04-29T08:00Z 2024-04-29T23:00Z",
        (170.49, 172.22, 170.49, 172.13, 122052, 171.7015, 2549),
        is_delayed=True,
    ),
    # cut to 2 of the 631 rows that it counts: its silence about the others proves nothing
    "bars_minutes_missing_TSLA": minutes(
        "TSLA",
        2,
        "2020-01-02T09:00Z 2020-01-02T09:03Z",
        (28.0607, 28.0667, 28.0607, 28.0667, 19755, 28.0488, 31),
        is_delayed=True,
    ),
    "err_403_not_entitled": fails(NotEntitled, "SPY"),
    "err_429": fails(Throttled, "AAPL"),
    "mock_v2_aggs_ticker_AAPL_prev": days(
        "AAPL", 1, "2022-04-26 2022-04-26", (162.25, 162.34, 156.72, 156.8, 95595226, 158.6074, 899965)
    ),
    "mock_v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04": days("AAPL", 2, "2005-04-01 2005-04-04", _AAPL_2005),
    "mock_v2_aggs_ticker_AAPL_range_1_day_2005-04-02_2005-04-04": days("AAPL", 2, "2005-04-01 2005-04-04", _AAPL_2005),
    "openbb_polygon_aggs_AAPL_1day": days(
        "AAPL", 6, "2023-01-03 2023-01-10", (130.28, 130.9, 124.17, 125.07, 112117471, 125.725, 1021065)
    ),
    "openbb_polygon_aggs_C_EURUSD_1day": days(
        "C:EURUSD", 10, "2023-01-01 2023-01-10", (1.06849, 1.0793, 1.06788, 1.0793, 12, 1.0691, 12), FX
    ),
    "spec_v2_aggs_grouped_locale_global_market_crypto__date__200": days(
        "X:ARDRUSD X:NGCUSD X:ZSCUSD",
        3,
        "2020-02-02 2020-02-02",
        (0.0550762, 0.0550762, 0.0550762, 0.0550762, 2, 0.0551, 18388),
        CRYPTO,
    ),
    "spec_v2_aggs_grouped_locale_global_market_fx__date__200": days(
        "C:ILSCHF C:GBPCAD C:DKKAUD", 3, "2020-10-14 2020-10-14", (0.2698, 0.2706, 0.2693, 0.2704, 689, 0.2702, 689), FX
    ),
    "spec_v2_aggs_grouped_locale_us_market_stocks__date__200": days(
        "KIMpL TANH VSAT", 3, "2020-10-14 2020-10-14", (26.07, 26.25, 25.91, 25.9102, 4369, 26.0407, 74)
    ),
    "spec_v2_aggs_ticker__cryptoTicker__prev_200": days(
        "X:BTCUSD", 1, "2020-11-15 2020-11-15", (15937.1, 16180, 15639.2, 16035.9, 95045.16897951, 15954.2111, NAN), CRYPTO
    ),
    "spec_v2_aggs_ticker__cryptoTicker__range__multiplier___timespan___from___to__200": days(
        "X:BTCUSD", 2, "2020-06-01 2020-06-02", (9557.9, 10429.26, 9490, 10094.75, 303067.6562332156, 9874.5529, 1), CRYPTO
    ),
    "spec_v2_aggs_ticker__forexTicker__range__multiplier___timespan___from___to__200": days(
        "C:EURUSD", 1, "2021-07-22 2021-07-22", (1.17921, 1.18305, 1.1756, 1.17721, 125329, 1.1789, 125329), FX
    ),
    "spec_v2_aggs_ticker__indicesTicker__prev_200": days(
        "I:NDX",
        1,
        "2023-06-20 2023-06-20",
        (15036.48391066877, 15127.4195807999, 14946.7243781848, 15070.14948566977, NAN, NAN, NAN),
        INDEX,
    ),
    "spec_v2_aggs_ticker__indicesTicker__range__multiplier___timespan___from___to__200": days(
        "I:NDX",
        2,
        "2023-03-09 2023-03-10",
        (12230.83658266843, 12340.44936267155, 11970.34221717375, 11995.88235998666, NAN, NAN, NAN),
        INDEX,
    ),
    "spec_v2_aggs_ticker__optionsTicker__range__multiplier___timespan___from___to__200": days(
        "O:RDFN211119C00025000", 2, "2021-09-23 2021-09-24", (26.2, 26.2, 26.2, 26.2, 2, 26.2, 1)
    ),
    "spec_v2_aggs_ticker__stocksTicker__prev_200": days(
        "AAPL", 1, "2020-11-10 2020-11-10", (115.55, 117.59, 114.13, 115.97, 131704427, 116.3058, NAN)
    ),
    "spec_v2_aggs_ticker__stocksTicker__range__multiplier___timespan___from___to__200": days(
        "AAPL", 2, "2020-01-02 2020-01-03", (74.06, 75.15, 73.7975, 75.0875, 135647456, 74.6099, 1), has_next=True
    ),
}

QUOTES = {
    "mock_v1_last_crypto_BTC_USD": another_answer("C:BTCUSD", FX),
    "mock_v1_last_quote_currencies_AUD_USD": quotes(
        "C:AUDUSD", 1, "2022-05-10T14:41:34Z 2022-05-10T14:41:34Z", (0.6952, 0.69527, NAN, NAN), SizeUnit.UNKNOWN, FX
    ),
    # its `p` and `s` are those of a trade: read as a quote it would be a bid without an ask
    "mock_v2_last_trade_AAPL": another_answer("AAPL"),
    "mock_v2_snapshot_locale_us_markets_stocks_gainers": another_answer("AAPL"),
    "mock_v2_snapshot_locale_us_markets_stocks_tickers_AAPL": another_answer("AAPL"),
    "mock_v2_snapshot_locale_us_markets_stocks_tickers_index": another_answer("AAPL"),
    "mock_v3_quotes_AAPL": quotes(
        "AAPL",
        10,
        "2022-05-10T14:11:12.800638Z 2022-05-10T14:11:12.690661Z",
        (155.85, 155.87, 4, 3),
        SizeUnit.ROUND_LOTS,
    ),
    "mock_v3_quotes_AAPL_cursor_YXA9MTkyODgxNjYmYXM9JmxpbWl0PTEwJm9yZGVyPWRlc2Mmc29ydD10aW1lc3RhbXA": quotes(
        "AAPL",
        10,
        "2022-05-10T14:11:12.690386Z 2022-05-10T14:11:12.663407Z",
        (155.86, 155.87, 1, 2),
        SizeUnit.ROUND_LOTS,
    ),
    "mock_v3_snapshot_indices_ticker.any_of_SPX_2CAPx_2CAPy": another_answer("SPX"),
    "mock_v3_trades_AAPL_limit_2": another_answer("AAPL"),
    "spec_v1_marketstatus_upcoming_200": another_answer("AAPL"),
    "spec_v2_last_nbbo__stocksTicker__200": quotes(
        "AAPL", 1, "2021-04-07T20:27:01.349730Z 2021-04-07T20:27:01.349730Z", (127.96, 127.98, 1, 7), SizeUnit.ROUND_LOTS
    ),
    "spec_v2_snapshot_locale_us_markets_stocks_tickers_200": another_answer("AAPL"),
    # sizes of options count contracts: no unit of ours
    "spec_v3_quotes__optionsTicker__200": quotes(
        "O:SPY241220P00720000",
        2,
        "2022-02-17T17:32:05.346243Z 2022-02-17T17:31:58.474271Z",
        (277.5, 282, 1, 10),
        SizeUnit.UNKNOWN,
    ),
    "spec_v3_quotes__stockTicker__200": quotes(
        "AAPL", 2, "2018-02-02T09:00:00.065700Z 2018-02-02T09:00:00.065791Z", (102.7, NAN, 60, NAN), SizeUnit.ROUND_LOTS
    ),
}
