"""What requests cost, how many symbols a call can pay for, and what answers say of limits."""

import pytest

from providers.adapter import HttpResponse, RateNews, cost, symbols_for
from providers.quote_adapter import QuoteLimits
from providers.registry import get_adapter
from providers.tolls import affordable, rate_news

DATE = "Tue, 02 Jan 2024 15:00:40 GMT"
EPOCH_S = 1_704_207_640
"""The same moment."""


def answer(**headers: str) -> HttpResponse:
    return HttpResponse(200, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


@pytest.mark.parametrize(("adapter", "price"), [("polygon", 1), ("alpaca", 1), ("twelve_data", 30)])
def test_request_costs_what_the_vendor_counts(adapter: str, price: int) -> None:
    assert cost(get_adapter(adapter).limits, symbols=30) == price


@pytest.mark.parametrize(
    ("per_call", "per_symbol", "tokens", "symbols"),
    [(1, 0, 1, None), (1, 0, 0, 0), (0, 1, 8, 8), (1, 2, 8, 3), (1, 2, 1, 0), (2, 1, 1, 0)],
)
def test_symbols_of_a_request_are_what_the_tokens_pay_for(
    per_call: int, per_symbol: int, tokens: int, symbols: int | None
) -> None:
    price = QuoteLimits(frozenset(), 100, cost_per_call=per_call, cost_per_symbol=per_symbol)
    assert symbols_for(price, tokens=tokens) == symbols
    if symbols:
        assert cost(price, symbols=symbols) <= tokens < cost(price, symbols=symbols + 1)


@pytest.mark.parametrize("adapter", ["alpaca", "finnhub"])
def test_usual_headers_are_measured_by_the_answers_own_clock(adapter: str) -> None:
    said = answer(x_ratelimit_remaining="7", x_ratelimit_reset=str(EPOCH_S + 20), date=DATE)
    assert rate_news(get_adapter(adapter), said) == RateNews(left=7, resets_in_s=20.0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_ratelimit_remaining": "7", "date": DATE},
        {"x_ratelimit_remaining": "7", "x_ratelimit_reset": str(EPOCH_S)},
        {"x_ratelimit_remaining": "many", "x_ratelimit_reset": str(EPOCH_S), "date": DATE},
        {"x_ratelimit_remaining": "nan", "x_ratelimit_reset": "inf", "date": DATE},
    ],
)
def test_headers_that_leave_something_open_say_nothing(headers: dict[str, str]) -> None:
    assert rate_news(get_adapter("alpaca"), answer(**headers)) is None


def test_credits_of_twelve_data_are_back_with_the_next_clock_minute() -> None:
    said = answer(api_credits_left="3", api_credits_used="5", date=DATE)
    assert rate_news(get_adapter("twelve_data"), said) == RateNews(left=3, resets_in_s=20.0)


@pytest.mark.parametrize("headers", [{}, {"api_credits_left": "3"}, {"api_credits_left": "some", "date": DATE}])
def test_credits_of_twelve_data_that_leave_something_open_say_nothing(headers: dict[str, str]) -> None:
    assert rate_news(get_adapter("twelve_data"), answer(**headers)) is None


@pytest.mark.parametrize(("tokens", "size"), [(100, 8), (8, 8), (4, 4), (0, 1)])
def test_call_names_no_more_symbols_than_one_request_can_ever_pay_for(tokens: int, size: int) -> None:
    price = get_adapter("twelve_data").limits
    assert affordable(8, price=price, tokens=tokens) == size
    assert affordable(8, price=price, tokens=None) == 8
    assert affordable(8, price=get_adapter("polygon").limits, tokens=tokens) == (8 if tokens else 1)


@pytest.mark.parametrize("adapter", ["polygon", "twelve_data", "binance"])
@pytest.mark.parametrize("said", ["90", "Tue, 02 Jan 2024 15:02:10 GMT"])
def test_vendor_that_is_down_until_a_time_is_left_alone_until_then(adapter: str, said: str) -> None:
    headers = {"retry-after": said, "date": DATE, "x-ratelimit-remaining": "7", "x-ratelimit-reset": str(EPOCH_S + 20)}
    assert rate_news(get_adapter(adapter), HttpResponse(503, headers, b"")) == RateNews(left=0, resets_in_s=90.0)


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}])
def test_vendor_that_is_down_without_saying_how_long_says_nothing_of_its_limit(headers: dict[str, str]) -> None:
    assert rate_news(get_adapter("polygon"), HttpResponse(503, headers, b"")) is None
