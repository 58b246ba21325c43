"""Where a client reads what its resume could not bring back."""

from urllib.parse import parse_qs, urlsplit

import pytest

from collector.feed.filling import MOST_SYMBOLS, OVERLAP_US, fill_urls, recorded_since
from providers.market.types import MINUTE_US

HOUR_US = 60 * MINUTE_US
SINCE = {"recorded_since": ["1970-01-01T00:00:00Z"]}
MANY = [f"bars.1m.S{number}" for number in range(MOST_SYMBOLS)]


@pytest.mark.parametrize(
    ("channels", "filters"),
    [
        (["bars.1m.MSFT", "bars.1m.BRK.B", "quotes.IBM"], {"interval": ["1m"], "symbol": ["BRK.B,MSFT"]}),
        (["bars.1m.AAPL", "bars.1d.AAPL"], {"symbol": ["AAPL"]}),
        (["bars.*.AAPL", "bars.1d.AAPL"], {"symbol": ["AAPL"]}),
        (["bars.1m.*", "bars.1m.AAPL"], {"interval": ["1m"]}),
        (["bars.*.*"], {}),
        (MANY, {"interval": ["1m"], "symbol": [",".join(sorted(f"S{number}" for number in range(MOST_SYMBOLS)))]}),
        ([*MANY, "bars.1m.ONE_MORE"], {"interval": ["1m"]}),
        (["bars.1m.A&B=C", "bars.1m." + "X" * 64], {"interval": ["1m"], "symbol": ["A&B=C"]}),
    ],
)
def test_address_lists_at_least_the_bars_of_the_channels(channels: list[str], filters: dict[str, list[str]]) -> None:
    address = urlsplit(fill_urls(channels=channels, since=0)[0])
    assert address.path == "/bars"
    assert parse_qs(address.query) == {**SINCE, **filters}


@pytest.mark.parametrize(
    ("channels", "filters"),
    [
        (["quotes.MSFT", "quotes.BRK.B", "quotes." + "X" * 64], {"symbol": ["BRK.B,MSFT"]}),
        (["quotes.*", "quotes.AAPL"], {}),
        ([f"quotes.S{number}" for number in range(MOST_SYMBOLS + 1)], {}),
    ],
)
def test_address_lists_at_least_the_quotes_of_the_channels(channels: list[str], filters: dict[str, list[str]]) -> None:
    (url,) = fill_urls(channels=channels, since=0)
    assert urlsplit(url).path == "/quotes"
    assert parse_qs(urlsplit(url).query) == {**SINCE, **filters}


def test_each_kind_has_its_own_address_and_bars_come_first() -> None:
    urls = fill_urls(channels=["quotes.A", "bars.1m.B"], since=0)
    assert [urlsplit(url).path + parse_qs(urlsplit(url).query)["symbol"][0] for url in urls] == ["/barsB", "/quotesA"]


@pytest.mark.parametrize("channels", [["quotes." + "X" * 64], ["bars.1m." + "X" * 64]])
def test_there_is_no_address_when_no_channel_is_about_what_can_be(channels: list[str]) -> None:
    assert fill_urls(channels=channels, since=0) == ()


def test_span_begins_before_the_gap_by_as_long_as_a_write_may_wait_for_its_publisher() -> None:
    now = 100 * HOUR_US
    assert recorded_since(gap_from=now - HOUR_US, oldest_kept=None, now=now) == now - HOUR_US - OVERLAP_US
    assert recorded_since(gap_from=now - HOUR_US, oldest_kept=now - 5, now=now) == now - HOUR_US - OVERLAP_US
    assert recorded_since(gap_from=now - HOUR_US, oldest_kept=now - 9 * HOUR_US, now=now) == now - 9 * HOUR_US


def test_span_is_one_that_can_be_asked_for_when_the_client_tells_any_time() -> None:
    assert recorded_since(gap_from=0, oldest_kept=None, now=HOUR_US) == 0
    assert recorded_since(gap_from=9 * HOUR_US, oldest_kept=None, now=HOUR_US) == HOUR_US - OVERLAP_US
