"""Lines of CSV that are no rows: kept aside alone, whichever vendor's, because nobody can tell which value was meant for which column."""

import pytest

from providers.adapter import HttpResponse
from providers.market.types import Interval
from providers.registry import get_adapter
from tests.contract.asking import account_of, query_of, read_bars

STAMPS = {
    "alpha_vantage": ("timestamp", "2024-03-08 09:31:00"),
    "finnhub": ("t", "1709908260"),
    "tiingo": ("date", "2024-03-08T14:31:00Z"),
}
LONG, SHORT = ("open", "high", "low", "close", "volume"), ("o", "h", "l", "c", "v")

each_vendor = pytest.mark.parametrize("vendor", STAMPS)


def read(vendor: str, *lines: str):
    adapter = get_adapter(vendor)
    stamp, at = STAMPS[vendor]
    header = ",".join([stamp, *(SHORT if vendor == "finnhub" else LONG)])
    body = "\r\n".join([header, *(f"{at},{line}" for line in lines), ""]).encode()
    return read_bars(adapter, HttpResponse(200, {}, body), query_of("AAPL", interval=Interval.M1), account_of(adapter)).batch


@each_vendor
@pytest.mark.parametrize("odd", ["1,010.5,1,020.25,999.5,1,002.75,7", "10.5,20.25,9.5,12.75,7,", "10.5,20.25,9.5", "", ",,,,"])
def test_line_of_another_length_than_its_header_is_kept_aside_alone(vendor: str, odd: str) -> None:
    batch = read(vendor, "10.5,20.25,9.5,12.75,7", odd)
    assert (batch.open.tolist(), len(batch.malformed)) == ([10.5], 1)


@each_vendor
def test_line_without_a_volume_is_a_bar_without_one(vendor: str) -> None:
    batch = read(vendor, "10.5,20.25,9.5,12.75,")
    assert (batch.close.tolist(), str(batch.volume.tolist()), batch.malformed) == ([12.75], "[nan]", ())
