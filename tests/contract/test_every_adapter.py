"""What holds for each registered adapter, whatever its vendor: the contract of `providers.adapter`."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from providers.adapter import Account, Adapter, HttpResponse, Limits, check_supported, windows
from providers.errors import (
    AuthFailed,
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    RetryableError,
    UnknownSymbol,
    UnsupportedRequest,
)
from providers.market.types import DAY_US, MINUTE_US, Adjustment, AssetClass, BarQuery, Interval
from providers.registry import adapter_names, get_adapter
from tests.contract.asking import SECRET, WIDE_START, account_of, first_request, query_of, read_bars

PAGE = b"<!doctype html><html><head><title>Just a moment...</title></head><body>{}</body></html>"
EMPTY_ANSWERS = {"tiingo": b"[]", "binance": b"[]", "coinbase": b"[]"}

pytestmark = pytest.mark.parametrize("adapter", [get_adapter(name) for name in adapter_names()], ids=lambda a: a.name)


def a_query(adapter: Adapter, **changes: object) -> BarQuery:
    asset_class = min(adapter.limits.asset_classes)
    symbol = adapter.vendor_symbol("BTC-USD" if asset_class is AssetClass.CRYPTO else "AAPL", asset_class)
    query = query_of(symbol, asset_class=asset_class, interval=min(adapter.limits.intervals, key=lambda i: i.us))
    query = replace(query, start=WIDE_START, end=WIDE_START + 5 * DAY_US, adjustment=min(adapter.limits.adjustments))
    return replace(query, **changes)


def test_adapter_refuses_what_it_does_not_offer(adapter: Adapter) -> None:
    limits = adapter.limits
    refused = [a_query(adapter, interval=interval) for interval in set(Interval) - limits.intervals]
    refused += [a_query(adapter, asset_class=asset_class) for asset_class in set(AssetClass) - limits.asset_classes]
    refused += [a_query(adapter, adjustment=adjustment) for adjustment in set(Adjustment) - limits.adjustments]
    refused += [a_query(adapter, symbols=("A",) * (limits.max_symbols_per_call + 1)), a_query(adapter, symbols=())]
    for query in refused:
        with pytest.raises(UnsupportedRequest, match=adapter.name):
            check_supported(adapter, query)


def offers(adapter: Adapter) -> list[tuple[Interval, Limits]]:
    """What holds for each pair of an interval and an asset class that is not refused."""
    found = []
    for interval, asset_class in product(sorted(adapter.limits.intervals), sorted(adapter.limits.asset_classes)):
        with suppress(UnsupportedRequest):
            found.append((interval, adapter.limits.of(a_query(adapter, interval=interval, asset_class=asset_class))))
    return found


def test_limits_agree_with_themselves(adapter: Adapter) -> None:
    limits = adapter.limits
    assert limits.max_symbols_per_call >= 1
    assert limits.max_slots_per_call >= 1
    assert offers(adapter)
    for interval, narrowed in offers(adapter):
        step = timedelta(microseconds=interval.us)
        assert set() < narrowed.adjustments <= limits.adjustments
        assert set() < narrowed.feed_scopes <= limits.feed_scopes
        assert narrowed.span_per_call is None or narrowed.span_per_call > step
        assert narrowed.history is None or narrowed.history > step


def test_windows_of_a_long_query_are_the_query_without_a_gap(adapter: Adapter) -> None:
    query = a_query(adapter, start=WIDE_START + 7 * MINUTE_US, end=WIDE_START + 100 * DAY_US + 3 * MINUTE_US)
    cut = list(windows(adapter, query))
    assert [cut[0].start, *(window.end for window in cut)] == [*(window.start for window in cut), query.end]
    assert all(window.start < window.end for window in cut)


def test_same_question_is_the_same_request(adapter: Adapter) -> None:
    account = account_of(adapter)
    for interval in sorted(adapter.limits.intervals):
        query = a_query(adapter, interval=interval)
        first = first_request(adapter, query, account)
        assert first_request(adapter, query, account) == first
        assert first_request(type(adapter)(), query, account) == first


def test_adapter_asks_its_own_host_with_secrets_in_headers_only(adapter: Adapter) -> None:
    account = account_of(adapter, base_url="http://127.0.0.1:9/")
    for interval in adapter.limits.intervals:
        request = first_request(adapter, a_query(adapter, interval=interval), account)
        assert request.url.startswith("http://127.0.0.1:9/")
        assert "//" not in request.url.removeprefix("http://")
        assert SECRET not in request.url + repr(request.params)
        assert SECRET not in repr(request)


def test_adapter_names_its_default_host_over_tls(adapter: Adapter) -> None:
    request = first_request(adapter, a_query(adapter), account_of(adapter))
    assert request.url.startswith(adapter.default_base_url + "/")
    assert adapter.default_base_url.startswith("https://")


def test_adapter_says_that_a_credential_is_missing(adapter: Adapter) -> None:
    account = Account(provider="p", adapter=adapter.name, base_url="", credentials=dict.fromkeys(adapter.credential_names, " "))
    wants_one = pytest.raises(AuthFailed) if adapter.credential_names else nullcontext()
    with wants_one:
        first_request(adapter, a_query(adapter), account)


@pytest.mark.parametrize("body", [PAGE, b"null", b"[]", b'"ok"', b"17", b"{}", b"\xff\xfe\x00", b"OK"])
def test_success_with_a_foreign_body_is_malformed(adapter: Adapter, body: bytes) -> None:
    answer = HttpResponse(200, {}, body)
    if body == EMPTY_ANSWERS.get(adapter.name):  # this vendor's way to say nothing
        assert len(read_bars(adapter, answer, a_query(adapter), account_of(adapter)).batch) == 0
        return
    with pytest.raises(MalformedAnswer):
        read_bars(adapter, answer, a_query(adapter), account_of(adapter))


@pytest.mark.parametrize("body", [b"", b"  ", b"{", b'{"a": [1, 2', b'{"a": "x'])
def test_success_with_a_body_that_broke_off_can_be_asked_again(adapter: Adapter, body: bytes) -> None:
    with pytest.raises(RetryableError):
        read_bars(adapter, HttpResponse(200, {}, body), a_query(adapter), account_of(adapter))


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504, 522])
@pytest.mark.parametrize("body", [b"", PAGE, b"null", b"[]", b'{"error": {"message": ["x"]}}', b"{", b"\xff", b"[" * 100_000])
def test_refusal_in_any_form_is_one_of_ours(adapter: Adapter, status: int, body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        read_bars(adapter, HttpResponse(status, {}, body), a_query(adapter), account_of(adapter))
    if status >= 500 or status == 429:
        assert caught.value.retryable
    assert caught.value.status == status


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 422, 429, 500, 503])
def test_page_of_a_proxy_says_nothing_about_key_plan_or_symbol(adapter: Adapter, status: int) -> None:
    body = PAGE.replace(b"{}", b"<p>403 Forbidden: invalid API key, symbol not found, upgrade your plan</p>")
    with pytest.raises(ProviderError) as caught:
        read_bars(adapter, HttpResponse(status, {}, body), a_query(adapter), account_of(adapter))
    assert not isinstance(caught.value, AuthFailed | NotEntitled | UnknownSymbol)


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 422, 429, 500])
@pytest.mark.parametrize(
    "template", ['{{"error": "key {0} refused", "message": "{0}"}}', '{{"status": "{0}"}}', "<p>{0}</p>", "{0}", '{{"a":"{0}']
)
@pytest.mark.parametrize("padding", [0, 76, 296])
def test_echoed_credential_is_in_no_error_not_even_half_of_it(
    adapter: Adapter, status: int, template: str, padding: int
) -> None:
    account = account_of(adapter)
    echoed = " ".join(["x" * padding, *account.credentials.values()])
    with pytest.raises(ProviderError) as caught:
        read_bars(adapter, HttpResponse(status, {}, template.format(echoed).encode()), a_query(adapter), account)
    assert SECRET[:5] not in str(caught.value)
