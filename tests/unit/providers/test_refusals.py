import json

import pytest

from providers.adapter import Account, HttpResponse
from providers.errors import AuthFailed, BadRequest, NotEntitled, ProviderError, Throttled, UnknownSymbol, VendorFault
from providers.refusals import refusal, retry_after_s, vendor_text, vendor_time_us

DATE = "Wed, 18 Jan 2023 12:22:00 GMT"
ACCOUNT = Account(provider="main", adapter="x", base_url="")


def refused(status: int, said: object = "", *, symbols: tuple[str, ...] = ("AAPL",), **headers: str) -> ProviderError:
    body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    response = HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return refusal(response=response, account=ACCOUNT, symbols=symbols, forbidden=AuthFailed)


@pytest.mark.parametrize(
    ("status", "said", "meant"),
    [
        (401, "", AuthFailed),
        (401, {"status": "ERROR", "error": "Unknown API Key"}, AuthFailed),
        (402, "", NotEntitled),
        (403, "", AuthFailed),
        (403, {"message": "forbidden."}, AuthFailed),
        (401, {"error": "You don\u2019t have access to this resource."}, NotEntitled),
        (400, "<html><title>403 Forbidden</title></html>", BadRequest),
        (403, "<!doctype html><title>Just a moment...</title>", VendorFault),
        (403, "\ufeff\r\n<html><title>403 Forbidden</title></html>", VendorFault),
        (401, "<html><title>401 Authorization Required</title></html>", AuthFailed),
        (403, {"message": "subscription does not permit querying recent SIP data"}, NotEntitled),
        (422, {"message": "subscription does not permit querying recent SIP data"}, NotEntitled),
        (403, {"message": "Attempted to request today's data before end of day. Please upgrade your plan."}, NotEntitled),
        (429, {"error": "You've exceeded the maximum requests per minute, wait or upgrade your subscription"}, Throttled),
        (429, "", Throttled),
        (403, "too many requests", Throttled),
        (200, {"message": "too many requests."}, Throttled),
        (400, {"message": "invalid symbol: A1"}, UnknownSymbol),
        (422, {"code": 42210000, "message": "invalid symbol"}, UnknownSymbol),
        (400, {"error": "The parameter 'to' cannot be before 'from'"}, BadRequest),
        (404, "404 page not found", BadRequest),
        (409, "", BadRequest),
        (413, "", VendorFault),
        (499, "", VendorFault),
        (301, "", VendorFault),
        (500, {"message": "invalid symbol: A1"}, VendorFault),
        (504, "<html>", VendorFault),
        (200, {"status": "ERROR"}, VendorFault),
        (200, {"error": {"message": "Invalid API key provided"}}, AuthFailed),
    ],
)
def test_refusal_is_read_by_text_before_status(status: int, said: object, meant: type[ProviderError]) -> None:
    error = refused(status, said)
    assert type(error) is meant
    assert error.status == status


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("invalid symbol: BRK-B", ("BRK-B",)),
        ("invalid symbols: BRK-B,NOPE", ("BRK-B", "NOPE")),
        ('symbol "NOPE" not found', ("NOPE",)),
        ("Invalid symbol(s): btc/usd does not match", ("BTC/USD",)),
        ("invalid symbol: NOPE, please ask for all", ("NOPE",)),
        ("invalid symbol", ()),
        ("invalid symbol: OTHER", ()),
    ],
)
def test_unknown_symbols_are_those_that_the_message_names(said: str, named: tuple[str, ...]) -> None:
    error = refused(400, {"message": said}, symbols=("AAPL", "ALL", "BRK-B", "BTC/USD", "NOPE"))
    assert isinstance(error, UnknownSymbol)
    assert error.symbols == named


def test_the_only_symbol_asked_for_is_the_unknown_one_when_none_is_named() -> None:
    error = refused(400, {"message": "invalid symbol"}, symbols=("NOPE",))
    assert isinstance(error, UnknownSymbol)
    assert error.symbols == ("NOPE",)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 18 Jan 2023 12:22:30 GMT"}, None),
        ({"retry-after": "Wed, 18 Jan 2023 12:22:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Wed, 18 Jan 2023 12:21:30 GMT", "date": DATE}, 0.0),
        ({"x-ratelimit-reset": "1674044551", "date": DATE}, 31.0),
        ({"x-ratelimit-reset": "1674044515", "date": DATE}, 0.0),
        ({"x-ratelimit-reset": "45", "date": DATE}, None),
        ({"x-ratelimit-reset": "1674044551000", "date": DATE}, None),
        ({"x-ratelimit-reset": "1674044551"}, None),
        ({"x-ratelimit-reset": "1674044551", "date": "now"}, None),
        ({"retry-after": "7", "x-ratelimit-reset": "1674044551", "date": DATE}, 7.0),
    ],
)
def test_wait_is_measured_against_the_answers_own_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_throttled_carries_the_wait() -> None:
    error = refused(429, "too many requests", retry_after="12")
    assert isinstance(error, Throttled)
    assert error.retry_after == 12


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": "a", "message": "b"}', "a; b"),
        (b'{"errors": [{"detail": "a"}, "b"]}', "a; b"),
        (b'{"status": "x"}', '{"status": "x"}'),
        (b"<p>\n no </p>", "<p> no </p>"),
        (b"", ""),
        (b"\xff", "\ufffd"),
    ],
)
def test_vendor_text_is_found_behind_any_usual_key(body: bytes, text: str) -> None:
    assert vendor_text(body) == text


def test_vendor_time_is_the_date_header() -> None:
    assert vendor_time_us({"date": DATE}) == 1674044520_000_000
    assert vendor_time_us({"date": "?"}) is vendor_time_us({}) is None
