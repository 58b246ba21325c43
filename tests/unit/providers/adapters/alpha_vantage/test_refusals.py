"""Refusals, quotas and answers of nothing: the body says what the status does not."""

from dataclasses import replace

import pytest

from providers.errors import (
    AuthFailed,
    BadRequest,
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    VendorFault,
)
from providers.market.types import BarQuery
from tests.unit.providers.adapters.alpha_vantage.answers import NOON, PAIR, QUERY, answer, parse

PLANS = "Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly"


@pytest.mark.parametrize(
    ("notice", "error"),
    [
        (
            {"Error Message": "Invalid API call. Please retry or visit the documentation for TIME_SERIES_INTRADAY."},
            UnknownSymbol,
        ),
        ({"Error Message": "This API function (X) does not exist."}, BadRequest),
        ({"Error Message": "the parameter apikey is invalid or missing. Please claim your free API key on (x)."}, AuthFailed),
        ({"Information": "The **demo** API key is for demo purposes only. Please claim your free API key at (x)"}, AuthFailed),
        ({"Note": "Our standard API call frequency is 5 calls per minute and 500 calls per day."}, Throttled),
        ({"Note": "Please visit x if you would like to have a higher API call volume."}, Throttled),
        ({"Note": "Something new"}, Throttled),
        (
            {"Information": f"Our standard API rate limit is 25 requests per day. {PLANS} remove all daily rate limits."},
            Throttled,
        ),
        (
            {
                "Information": f"We have detected your API key as MADEUPKEY17 and our standard API rate limit is 25 requests per day. {PLANS}"
            },
            Throttled,
        ),
        (
            {
                "Information": f"Please consider spreading out your requests (1 request per second). {PLANS} unlock all premium endpoints"
            },
            Throttled,
        ),
        ({"Information": f"Burst pattern detected. {PLANS} remove all limits"}, Throttled),
        (
            {
                "Information": f"Thank you for using Alpha Vantage! This is a premium endpoint. {PLANS} unlock all premium endpoints"
            },
            NotEntitled,
        ),
        (
            {
                "Information": f"The outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY endpoint. {PLANS}"
            },
            NotEntitled,
        ),
        (
            {"Information": "This is a premium endpoint. Our standard API rate limit is 25 requests per day."},
            NotEntitled,
        ),
        ({"Information": "You are not entitled to realtime US data."}, NotEntitled),
        ({"Information": "Please subscribe."}, NotEntitled),
        ({"Information": "We are down for maintenance."}, VendorFault),
        ({"message": "This is a premium endpoint."} | answer("2024-01-02 12:00:00"), NotEntitled),
        ({"Information": "", "Note": None}, MalformedAnswer),
        ({}, MalformedAnswer),
        ({"Meta Data": {}}, MalformedAnswer),
        ({"Time Series (1min)": []}, None),
        ({"Time Series (1min)": 5}, MalformedAnswer),
        (answer("2024-01-02 12:00:00", name="Time Series (5min)"), MalformedAnswer),
        (answer("2024-01-02", name="Time Series (Daily)"), MalformedAnswer),
        (answer("2024-01-02 12:00:00", **{"2. Symbol": "MSFT"}), MalformedAnswer),
        (answer("2024-01-02 12:00:00", row={"1a. price (CNY)": "7", "2. volume": "3"}), MalformedAnswer),
        (b"", VendorFault),
        (b'{"Meta Data": {"1. Info', VendorFault),
        (b"A,B,C\na,b,c", MalformedAnswer),
    ],
)
def test_success_is_decided_from_the_body(notice: object, error: type[ProviderError] | None) -> None:
    if error is None:
        assert len(parse(notice).batch) == 0
        return
    with pytest.raises(ProviderError) as caught:
        parse(notice)
    assert type(caught.value) is error
    assert "MADEUPKEY17" not in str(caught.value)
    if isinstance(caught.value, UnknownSymbol):
        assert caught.value.symbols == ("IBM",)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("5 calls per minute and 500 calls per day", 60.0),
        ("(1 request per second) of 25 requests per day", 1.0),
        ("25 requests per day", None),
    ],
)
def test_quota_says_how_long_where_it_can(said: str, seconds: float | None) -> None:
    with pytest.raises(Throttled) as caught:
        parse({"Note": said})
    assert caught.value.retry_after == seconds


def test_empty_month_is_empty_and_whole() -> None:
    page = parse(answer())
    assert (len(page.batch), page.batch.malformed, page.next, page.is_delayed) == (0, (), None, False)


@pytest.mark.parametrize(
    ("document", "query", "options"),
    [
        (answer(NOON, **{"5. Output Size": "Compact"}), QUERY, {}),
        (answer(NOON), QUERY, {"outputsize": "compact"}),
        (answer(NOON, name="Time Series Crypto (1min)", **{"2. Symbol": "BTC"}), PAIR, {}),
        (answer(name="Time Series Crypto (1min)", **{"2. Symbol": "BTC"}), PAIR, {}),
    ],
)
def test_answer_that_ends_where_the_vendor_likes_proves_nothing_before_its_first_row(
    document: object, query: BarQuery, options: dict[str, str]
) -> None:
    assert parse(document, query, **options).is_delayed
    if len(parse(document, query, **options).batch):
        first = int(parse(document, query, **options).batch.start.min())
        assert not parse(document, replace(query, start=first), **options).is_delayed
