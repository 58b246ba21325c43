"""Read from the recordings by hand. Two of them are not of the chart endpoint, but of a neighbour with the same envelope."""

from providers.errors import BadRequest, MalformedAnswer, Throttled, UnknownSymbol, VendorFault
from providers.market.types import AssetClass, Interval
from tests.contract.meanings.meaning import CRYPTO, FX, NAN, Meaning, days

_AAPL_20200102 = (74.05999755859375, 75.1500015258789, 73.79750061035156, 75.0875015258789, 135480400, NAN, NAN)


def _second_of_january(symbol, opened, high, low, close, volume, asset_class=AssetClass.EQUITY):  # noqa: PLR0917
    return days(symbol, 1, "2020-01-02 2020-01-02", (opened, high, low, close, volume, NAN, NAN), asset_class)


def _daily_failure(error, symbol="NOPE"):
    return Meaning((symbol,), Interval.D1, error=error)


MEANINGS = {
    "chart-AAPL": days(
        "AAPL",
        1,
        "2022-02-22 2022-02-22",
        (164.97999572753906, 166.69000244140625, 162.14999389648438, 164.32000732421875, 91162800, NAN, NAN),
    ),
    "chart-AAPL-2020-01-01-to-2020-01-03": days("AAPL", 1, "2020-01-02 2020-01-02", _AAPL_20200102),
    # over the end of summer time: 13:30Z at first, 14:30Z at last, and `gmtoffset` that of the day of the recording
    "chart-AAPL-2020-08-31-to-2020-11-07": days(
        "AAPL", 49, "2020-08-31 2020-11-06", (127.58000183105469, 131, 126, 129.0399932861328, 225702700, NAN, NAN)
    ),
    "chart-ABBV-2020-01-01-to-2020-01-03": _second_of_january(
        "ABBV", 89.08000183105469, 89.56999969482422, 88.51000213623047, 89.55000305175781, 5639200
    ),
    "chart-AFRAF-2020-01-01-to-2020-01-03": _second_of_january(
        "AFRAF", 11.270000457763672, 11.270000457763672, 11.270000457763672, 11.270000457763672, 0
    ),
    "chart-AZT.OL-2020-01-01-to-2020-01-03": _second_of_january(
        "AZT.OL", 4.940000057220459, 5.360000133514404, 4.880000114440918, 4.989999771118164, 151382
    ),
    "chart-BABA-2020-01-01-to-2020-01-03": _second_of_january(
        "BABA", 216.60000610351562, 219.97999572753906, 216.5399932861328, 219.77000427246094, 15873500
    ),
    "chart-BTC-USD-2020-01-01-to-2020-01-03": days(
        "BTC-USD",
        3,
        "2020-01-01 2020-01-03",
        (7194.89208984375, 7254.33056640625, 7174.9443359375, 7200.17431640625, 18565664997, NAN, NAN),
        CRYPTO,
    ),
    "chart-EPAC-2020-01-01-to-2020-01-03": _second_of_january(
        "EPAC", 26.190000534057617, 26.34000015258789, 25.75, 26.15999984741211, 407900
    ),
    "chart-GC=F-2020-01-01-to-2020-01-03": _second_of_january(
        "GC=F", 1518.0999755859375, 1528.699951171875, 1518, 1524.5, 214, AssetClass.FUTURE
    ),
    "chart-GOOG-2020-01-01-to-2020-01-03": _second_of_january(
        "GOOG", 67.07749938964844, 68.40699768066406, 67.07749938964844, 68.36849975585938, 28132000
    ),
    "chart-ORSTED.CO-2020-01-01-to-2020-01-03": _second_of_january(
        "ORSTED.CO", 685.7999877929688, 688.4000244140625, 677.2000122070312, 681, 340491
    ),
    "chart-SPOT-2020-01-01-to-2020-01-03": _second_of_january(
        "SPOT", 151, 152.8000030517578, 149.61000061035156, 151.6199951171875, 662600
    ),
    "chart-TSLA-2025-01-01-to-2025-01-02-interval-1h.fake": Meaning(("TSLA",), Interval.H1),
    "chart-WSU.DE-2023-08-04-to-2023-08-09": days(
        "WSU.DE", 3, "2023-08-04 2023-08-08", (34.25, 34.54999923706055, 34.099998474121094, 34.45000076293945, 1251, NAN, NAN)
    ),
    "chart-notimestamp-quotes-length.fake": _daily_failure(MalformedAnswer, "AAPL"),
    "err_404_delisted": _daily_failure(UnknownSymbol),
    "err_422_1m_span": _daily_failure(BadRequest),
    "err_429_edge": _daily_failure(Throttled),
    "historical-via-chart-0P0000XTS7-2024-09-12-to-2024-09-16": days(
        "0P0000XTS7",
        2,
        "2024-09-12 2024-09-13",
        (11887.099609375, 11887.099609375, 11887.099609375, 11887.099609375, 0, NAN, NAN),
    ),
    "historical-via-chart-AAPL-2020-01-01-to-2020-01-03": days("AAPL", 1, "2020-01-02 2020-01-02", _AAPL_20200102),
    "historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv": days(
        "MSFT",
        252,
        "2021-02-01 2022-01-28",
        (235.05999755859375, 242.5, 232.42999267578125, 239.64999389648438, 33314200, NAN, NAN),
    ),
    # four for one in July 2021: prices before it are a quarter of what was paid
    "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv": days(
        "NVDA",
        252,
        "2021-02-01 2022-01-28",
        (13.053250312805176, 13.270750045776367, 12.902750015258789, 13.237000465393066, 217204000, NAN, NAN),
    ),
    "pp_response_yahoo_historical01": _daily_failure(MalformedAnswer, "MUV2.DE"),  # closes alone make no bars
    "pp_response_yahoo_historical02": days(
        "MUV2.DE",
        124,
        "2017-11-27 2018-05-25",
        (189.39999389648438, 191.14999389648438, 188.1999969482422, 188.5500030517578, 375228, NAN, NAN),
    ),
    # five more rows are of 1962, before the window
    "pricehist_ibm-long-partial": days(
        "IBM",
        5,
        "2021-01-04 2021-01-08",
        (120.31549072265625, 120.38240814208984, 117.62906646728516, 118.48948669433594, 5417443, NAN, NAN),
    ),
    # four rows, one of them all null; midnight in London in summer is on the day before in UTC
    "pricehist_inrx-with-null": days(
        "INR=X",
        3,
        "2017-07-10 2017-07-13",
        (64.6155014038086, 64.6155014038086, 64.41000366210938, 64.61170196533203, NAN, NAN, NAN),
        FX,
    ),
    "pricehist_test_fetch_bad_sym": _daily_failure(UnknownSymbol),
    "pricehist_test_fetch_no_data_in_future": Meaning(("NOPE",), Interval.D1),
    "pricehist_test_fetch_no_data_in_past": Meaning(("NOPE",), Interval.D1),
    "pricehist_test_fetch_parsing_error": _daily_failure(VendorFault, "TSLA"),
    "pricehist_tsla-recent": days(
        "TSLA",
        5,
        "2021-01-04 2021-01-08",
        (239.82000732421875, 248.163330078125, 239.06333923339844, 243.2566680908203, 145914600, NAN, NAN),
    ),
    "quoteSummary-summaryDetail-ADH": _daily_failure(UnknownSymbol),
    "quoteSummary-summaryDetail-WSKT.JK": _daily_failure(UnknownSymbol),
}
