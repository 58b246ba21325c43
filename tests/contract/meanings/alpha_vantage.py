"""Alpha Vantage. The label of the minutes of 2017 can't be seen from an afternoon: the account's default, start, is taken."""

from providers.errors import MalformedAnswer, Throttled, UnknownSymbol, VendorFault
from tests.contract.meanings.meaning import CRYPTO, NAN, Meaning, days, fails, minutes

_ILL = fails(VendorFault, "IBM")  # 500
_NO_SERIES = fails(MalformedAnswer, "IBM")

MEANINGS: dict[str, Meaning] = {
    "error_200_bad_symbol": fails(UnknownSymbol, "IBM"),
    "info_200_daily_limit": fails(Throttled, "IBM"),
    "mock_crypto_currencies": _NO_SERIES,  # one price a row, no bars
    # 100 rows: silence about what is older proves nothing
    "mock_time_series": minutes(
        "MSFT",
        100,
        "2017-12-18T19:56Z 2017-12-18T18:17Z",
        (86.49, 86.5, 86.475, 86.5, 10494, NAN, NAN),
        is_delayed=True,
    ),
    "pricehist_btc-aud-partial": days(
        "BTC/AUD",
        7,
        "2021-01-09 2021-01-03",
        (55074.0695024, 56150.1772, 52540.7168, 54397.3092468, 75785.979675, NAN, NAN),
        CRYPTO,
    ),
    "pricehist_test_fetch_digital_bad_status": _ILL,
    "pricehist_test_fetch_digital_parsing_error": _NO_SERIES,
    "pricehist_test_fetch_digital_unexpected_json": _NO_SERIES,
    "pricehist_test_fetch_physical_bad_status": _ILL,
    "pricehist_test_fetch_physical_parsing_error": _NO_SERIES,
    "pricehist_test_fetch_stock_bad_status": _ILL,
    "pricehist_test_fetch_stock_bad_sym": fails(UnknownSymbol, "IBM"),
    "pricehist_test_fetch_stock_quote_found_prices_error": fails(UnknownSymbol, "IBM"),
    "pricehist_test_fetch_stock_unexpected_json": _NO_SERIES,
    "pricehist_test_search_bad_data": _NO_SERIES,
    "pricehist_test_search_bad_json": _NO_SERIES,
    "pricehist_test_search_bad_json_tricky": _NO_SERIES,
    "pricehist_test_search_bad_status": _ILL,
    "pricehist_test_symbols_digital_bad_data": _NO_SERIES,
    "pricehist_test_symbols_digital_bad_status": _ILL,
    "pricehist_test_symbols_physical_bad_status": _ILL,
    "pricehist_test_symbols_physical_no_data": fails(VendorFault, "IBM"),
}
