"""What holds for each adapter that builds requests for quotes, whatever its vendor: the contract of `providers.quote_adapter`."""

from dataclasses import replace

import pytest

from providers.adapter import Account, HttpResponse
from providers.errors import AuthFailed, MalformedAnswer, ProviderError, RetryableError, UnsupportedRequest
from providers.market.quotes import QuoteQuery
from providers.market.types import AssetClass, FeedScope
from providers.quote_adapter import HttpQuoteAdapter, check_quotes_supported
from providers.registry import adapter_names, get_adapter
from tests.contract.asking import SECRET, account_of

PAGE = b"<!doctype html><html><head><title>Just a moment...</title></head><body>{}</body></html>"
EMPTY_ANSWERS = {"tiingo": b"[]"}
SYMBOLS = {AssetClass.EQUITY: "AAPL", AssetClass.FX: "EUR/USD", AssetClass.CRYPTO: "BTC-USD"}
ADAPTERS = [adapter for name in adapter_names() if isinstance(adapter := get_adapter(name), HttpQuoteAdapter)]

each_adapter = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: a.name)
each_question = pytest.mark.parametrize(
    ("adapter", "asset_class"),
    [(adapter, asset_class) for adapter in ADAPTERS for asset_class in sorted(adapter.quote_limits.asset_classes)],
    ids=lambda value: getattr(value, "name", str(value)),
)


def a_query(adapter: HttpQuoteAdapter, asset_class: AssetClass) -> QuoteQuery:
    return QuoteQuery((get_adapter(adapter.name).vendor_symbol(SYMBOLS[asset_class], asset_class),), asset_class)


def an_account(adapter: HttpQuoteAdapter, asset_class: AssetClass, **changes: str) -> Account:
    scope = min(adapter.quote_limits.feed_scopes.get(asset_class, frozenset(FeedScope)))
    return account_of(get_adapter(adapter.name), feed_scope=scope, **changes)


def test_there_are_adapters_with_quotes() -> None:
    assert {"polygon", "alpaca", "tiingo"} <= {adapter.name for adapter in ADAPTERS}


@each_question
def test_quotes_are_refused_outside_what_is_offered(adapter: HttpQuoteAdapter, asset_class: AssetClass) -> None:
    limits, query, account = adapter.quote_limits, a_query(adapter, asset_class), an_account(adapter, asset_class)
    check_quotes_supported(adapter, query, account=account)
    too_many = ("A",) * (limits.symbols_per_call(asset_class) + 1)
    refused = [replace(query, symbols=too_many), replace(query, symbols=())]
    refused += [replace(query, asset_class=other) for other in set(AssetClass) - limits.asset_classes]
    for outside in refused:
        with pytest.raises(UnsupportedRequest):
            check_quotes_supported(adapter, outside, account=account)
    for scope in set(FeedScope) - limits.feed_scopes.get(asset_class, frozenset(FeedScope)):
        with pytest.raises(UnsupportedRequest, match=scope.value):
            check_quotes_supported(adapter, query, account=replace(account, feed_scope=scope))


@each_question
def test_quotes_are_asked_of_the_accounts_host_with_secrets_in_headers_only(
    adapter: HttpQuoteAdapter, asset_class: AssetClass
) -> None:
    account = an_account(adapter, asset_class, base_url="http://127.0.0.1:9/")
    request = adapter.quotes_request(a_query(adapter, asset_class), account)
    assert request.url.startswith("http://127.0.0.1:9/")
    assert "//" not in request.url.removeprefix("http://")
    assert SECRET not in request.url + repr(request.params)
    assert SECRET not in repr(request)
    assert any(SECRET in value for value in request.headers.values())
    default = adapter.quotes_request(a_query(adapter, asset_class), an_account(adapter, asset_class))
    assert default.url.startswith(get_adapter(adapter.name).default_base_url + "/")


@each_question
def test_quotes_cannot_be_asked_for_without_a_credential(adapter: HttpQuoteAdapter, asset_class: AssetClass) -> None:
    account = replace(an_account(adapter, asset_class), credentials={})
    with pytest.raises(AuthFailed):
        adapter.quotes_request(a_query(adapter, asset_class), account)


@each_question
@pytest.mark.parametrize("body", [PAGE, b"null", b"[]", b'"ok"', b"17", b"{}", b"\xff\xfe\x00", b"OK", b'[{"a": 1}]', b"[[]]"])
def test_success_with_a_foreign_body_is_no_quote(adapter: HttpQuoteAdapter, asset_class: AssetClass, body: bytes) -> None:
    question = HttpResponse(200, {}, body), a_query(adapter, asset_class), an_account(adapter, asset_class)
    if body.startswith(b"[") and adapter.name in EMPTY_ANSWERS:  # rows of the only symbol: unreadable ones, or none
        batch = adapter.parse_quotes(*question).batch
        assert (len(batch), len(batch.malformed)) == (0, int(body != b"[]"))
        return
    with pytest.raises(MalformedAnswer):
        adapter.parse_quotes(*question)


@each_question
@pytest.mark.parametrize("body", [b"", b"  ", b"{", b'{"a": [1, 2', b'{"a": "x'])
def test_quotes_that_broke_off_can_be_asked_again(adapter: HttpQuoteAdapter, asset_class: AssetClass, body: bytes) -> None:
    with pytest.raises(RetryableError):
        adapter.parse_quotes(HttpResponse(200, {}, body), a_query(adapter, asset_class), an_account(adapter, asset_class))


@each_adapter
@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504, 522])
@pytest.mark.parametrize("body", [b"", PAGE, b"null", b"[]", b'{"error": {"message": ["x"]}}', b"{", b"\xff", b"[" * 100_000])
def test_refusal_of_quotes_in_any_form_is_one_of_ours(adapter: HttpQuoteAdapter, status: int, body: bytes) -> None:
    asset_class = AssetClass.EQUITY
    with pytest.raises(ProviderError) as caught:
        adapter.parse_quotes(HttpResponse(status, {}, body), a_query(adapter, asset_class), an_account(adapter, asset_class))
    if status >= 500 or status == 429:
        assert caught.value.retryable
    assert caught.value.status == status


@each_adapter
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 422, 429, 500])
@pytest.mark.parametrize(
    "template", ['{{"error": "key {0} refused", "message": "{0}"}}', '{{"status": "{0}"}}', "<p>{0}</p>", "{0}", '{{"a":"{0}']
)
@pytest.mark.parametrize("padding", [0, 76, 296])
def test_credential_echoed_beside_quotes_is_in_no_error(
    adapter: HttpQuoteAdapter, status: int, template: str, padding: int
) -> None:
    account = an_account(adapter, AssetClass.EQUITY)
    echoed = " ".join(["x" * padding, *account.credentials.values()])
    response = HttpResponse(status, {}, template.format(echoed).encode())
    with pytest.raises(ProviderError) as caught:
        adapter.parse_quotes(response, a_query(adapter, AssetClass.EQUITY), account)
    assert SECRET[:5] not in str(caught.value)
