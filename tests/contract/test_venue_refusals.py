"""Refusals of crypto venues through ccxt's real client, each read by its meaning."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from providers.adapter import HttpRequest, HttpResponse
from providers.errors import (
    AuthFailed,
    BadRequest,
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
    VendorFault,
    VendorTimeout,
)
from tests.contract.asking import account_of, ask_client, client_of
from tests.contract.venues import DATE, SYMBOLS, VENUES, answer, minutes, venue

UNKNOWN = {
    "binance": answer({"code": -1121, "msg": "Invalid symbol."}, 400),
    "kraken": answer({"error": ["EQuery:Unknown asset pair"]}),
    "coinbase": answer({"message": "NotFound"}, 404),
}


@pytest.mark.parametrize(
    ("name", "status", "body", "expected"),
    [
        ("binance", 400, {"code": -1121, "msg": "Invalid symbol."}, UnknownSymbol),
        ("binance", 400, {"code": -1100, "msg": "Illegal characters found in parameter 'symbol'"}, UnknownSymbol),
        ("binance", 400, {"code": -1120, "msg": "Invalid interval."}, BadRequest),
        ("binance", 401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, AuthFailed),
        ("binance", 403, "<html>blocked</html>", Throttled),
        ("binance", 429, {"code": -1003, "msg": "Too much request weight used"}, Throttled),
        ("binance", 451, {"code": 0, "msg": "Service unavailable from a restricted location"}, NotEntitled),
        ("binance", 500, {"code": -1000, "msg": "An unknown error occured"}, VendorFault),
        ("binance", 503, "upstream", VendorFault),
        ("binance", 504, "", VendorTimeout),
        ("kraken", 200, {"error": ["EQuery:Unknown asset pair"]}, UnknownSymbol),
        ("kraken", 200, {"error": ["EQuery:Invalid asset pair"]}, UnknownSymbol),
        ("kraken", 200, {"error": ["EAPI:Rate limit exceeded"]}, Throttled),
        ("kraken", 200, {"error": ["EGeneral:Too many requests"]}, Throttled),
        ("kraken", 200, {"error": ["EService: Throttled: 1772971260"]}, Throttled),
        ("kraken", 200, {"error": ["EService:Unavailable"]}, VendorFault),
        ("kraken", 200, {"error": ["EService:Busy"]}, VendorFault),
        ("kraken", 200, {"error": ["EGeneral:Internal error"]}, VendorFault),
        ("kraken", 200, {"error": ["EGeneral:Invalid arguments"]}, BadRequest),
        ("kraken", 200, {"error": ["EGeneral:Permission denied"]}, NotEntitled),
        ("kraken", 200, {"error": ["EAPI:Invalid key"]}, AuthFailed),
        ("kraken", 200, {"error": ["ENew:Something"]}, VendorFault),
        ("kraken", 200, {"error": {"odd": 1}, "result": {}}, MalformedAnswer),
        ("kraken", 520, "", VendorFault),
        ("coinbase", 404, {"message": "NotFound"}, UnknownSymbol),
        ("coinbase", 404, {"message": "Product not found"}, UnknownSymbol),
        ("coinbase", 400, {"message": "granularity too small for the requested time range"}, BadRequest),
        ("coinbase", 403, {"message": "Trading pair not available"}, NotEntitled),
        ("coinbase", 429, {"message": "Public rate limit exceeded"}, Throttled),
        ("coinbase", 400, {"message": "under maintenance"}, VendorFault),
        ("coinbase", 200, {"message": "rate limit exceeded"}, Throttled),
        ("coinbase", 500, {"message": "Internal server error"}, VendorFault),
    ],
)
def test_refusal_is_read_by_its_meaning(name: str, status: int, body: object, expected: type[ProviderError]) -> None:
    said = HttpResponse(status, DATE, body.encode()) if isinstance(body, str) else answer(body, status)
    with pytest.raises(expected) as caught:
        ask_client(venue(name), minutes(name, 5), said)
    assert type(caught.value) is expected
    assert caught.value.status in (status, None)
    assert "http" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, ProviderError)
    if isinstance(caught.value, UnknownSymbol):
        assert caught.value.symbols == (SYMBOLS[name],)


@pytest.mark.parametrize(
    ("status", "message", "headers", "seconds"),
    [
        (429, "Too many requests.", {"retry-after": "17"}, 17),
        (418, "Way too much request weight used; IP banned until 1772971290500. Please use", {}, 90.5),
        (418, "IP banned until 1772971290500.", {"retry-after": "120"}, 120),
        (418, "IP banned until 1772971290500.", {"date": ""}, None),
        (418, "IP banned until 1772971100000.", {}, 0),
    ],
)
def test_binance_ban_says_how_long_it_lasts(status: int, message: str, headers: dict[str, str], seconds: float | None) -> None:
    said = answer({"code": -1003, "msg": message}, status, **headers)
    with pytest.raises(Throttled) as caught:
        ask_client(venue("binance"), minutes("binance", 5), said)
    assert caught.value.retry_after == seconds


def test_kraken_says_until_when_it_throttles() -> None:
    with pytest.raises(Throttled) as caught:
        ask_client(venue("kraken"), minutes("kraken", 5), answer({"error": ["EService: Throttled: 1772971260"]}))
    assert caught.value.retry_after == 60


@pytest.mark.parametrize("name", VENUES)
def test_failure_of_the_library_itself_keeps_its_text_to_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import ccxt.async_support as ccxt

    def stumble(*args: object, **more: object) -> None:
        raise ValueError("https://user:secret@venue.example")

    monkeypatch.setattr(getattr(ccxt, venue(name).exchange), "sign", stumble)
    with pytest.raises(UnsupportedRequest, match=r"could not make the request \(ValueError\)") as caught:
        ask_client(venue(name), minutes(name, 5))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("is_behind", [False, True])
@pytest.mark.parametrize("name", VENUES)
def test_failure_of_our_own_side_is_not_laid_at_the_venues_door(name: str, is_behind: bool) -> None:
    """The budget is a row: a restart of the database meets whoever pays for a request, or tells what came of it."""

    async def send(request: HttpRequest, read: Callable[[HttpResponse], Any]) -> Any:
        if is_behind:
            read(answer([]) if name != "kraken" else answer({"error": [], "result": {}}))
        raise ConnectionError("the database went away")

    client = client_of(venue(name), account_of(venue(name)))
    with pytest.raises(ConnectionError, match="went away"):
        asyncio.run(client.bars(minutes(name, 5), send=send))


@pytest.mark.parametrize("name", VENUES)
def test_the_librarys_own_throttle_and_session_are_never_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import ccxt.async_support as ccxt

    async def forbidden(*args: object, **more: object) -> None:
        raise AssertionError("this is ours to do")

    kind = getattr(ccxt, venue(name).exchange)
    for method in ("throttle", "fetch", "load_markets"):
        monkeypatch.setattr(kind, method, forbidden)
    fresh = account_of(venue(name), base_url=f"https://{name}.example")
    with pytest.raises(UnknownSymbol):
        ask_client(venue(name), minutes(name, 5), UNKNOWN[name], account=fresh)
