import asyncio
import gzip
import logging
import traceback
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from providers.adapter import HttpRequest
from providers.errors import LocalFault, MalformedAnswer, ProviderError, UnsupportedRequest, VendorFault, VendorTimeout
from providers.http import VendorHttp
from tests.unit.providers.vendor_server import free_port, raw_serving, serving

pytestmark = pytest.mark.asyncio
SECRET = "sk-made-up-of-whole-cloth"
HEADERS = {"Authorization": f"Bearer {SECRET}"}


@pytest_asyncio.fixture
async def http() -> AsyncIterator[VendorHttp]:
    client = VendorHttp(max_body_bytes=10_000, connect_timeout_s=2, read_timeout_s=5)
    yield client
    await client.close()


async def caught(http: VendorHttp, url: str, *, timeout_s: float = 5, **params: str) -> ProviderError:
    """The error of a request that must fail, after looking for the secret in all of it."""
    with pytest.raises(ProviderError) as info:
        await http.get(HttpRequest(url=url, params=params, headers=HEADERS), timeout_s=timeout_s)
    error = info.value
    assert SECRET not in "".join(traceback.format_exception(error))
    assert error.__cause__ is error.__context__ is None
    return error


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {"raw": request.raw_path, "auth": request.headers.get("Authorization")}, headers={"X-RateLimit-Reset": "9"}
    )


async def never(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.01)


async def test_answer_comes_whole_with_lower_case_header_names(http: VendorHttp) -> None:
    async with serving(echo=echo) as base:
        response = await http.get(HttpRequest(url=f"{base}/echo", headers=HEADERS), timeout_s=5)
    assert response.status == 200
    assert response.headers["x-ratelimit-reset"] == "9"
    assert f"Bearer {SECRET}".encode() in response.body


async def test_parameters_are_encoded_and_a_cursor_goes_back_unchanged(http: VendorHttp) -> None:
    async with serving(echo=echo) as base:
        first = await http.get(HttpRequest(url=f"{base}/echo/X%3A%2FY", params={"symbols": "BTC/USD,A B"}), timeout_s=5)
        following = await http.get(HttpRequest(url=f"{base}/echo?cursor=a+b%3D%2f==", params={"x": "1"}), timeout_s=5)
    assert b'"/echo/X%3A%2FY?symbols=BTC%2FUSD%2CA%20B"' in first.body
    assert b'"/echo?cursor=a+b%3D%2f==&x=1"' in following.body


async def test_secret_parameters_are_sent_and_never_seen(http: VendorHttp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = {"apikey": "made/up of+cloth"}
    async with serving(echo=echo) as base:
        request = HttpRequest(url=f"{base}/echo", params={"a": "1"}, secret_params=secret)
        assert b'"/echo?a=1&apikey=made%2Fup%20of%2Bcloth"' in (await http.get(request, timeout_s=5)).body
    nobody = HttpRequest(url=f"http://127.0.0.1:{free_port()}/", secret_params=secret)
    with pytest.raises(LocalFault) as info:
        await http.get(nobody, timeout_s=5)
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]  # not the vendor's own log
    seen = "".join([*ours, repr(request), repr(nobody), *traceback.format_exception(info.value)])
    assert "cloth" not in seen


async def test_refusal_is_an_answer_too(http: VendorHttp) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=429, text="too many requests", headers={"Retry-After": "3"})

    async with serving(refuse=refuse) as base:
        response = await http.get(HttpRequest(url=f"{base}/refuse"), timeout_s=5)
    assert (response.status, response.headers["retry-after"], response.body) == (429, "3", b"too many requests")


async def test_gzip_is_undone(http: VendorHttp) -> None:
    async def zipped(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"x" * 9_000), headers={"Content-Encoding": "gzip"})

    async with serving(zipped=zipped) as base:
        response = await http.get(HttpRequest(url=f"{base}/zipped"), timeout_s=5)
    assert response.body == b"x" * 9_000


async def test_redirect_is_not_followed_so_that_the_key_stays_with_its_host(http: VendorHttp) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response()

    async with serving(elsewhere=elsewhere) as other:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{other}/elsewhere"})

        async with serving(redirect=redirect) as base:
            response = await http.get(HttpRequest(url=f"{base}/redirect", headers=HEADERS), timeout_s=5)
    assert (response.status, seen) == (302, [])


async def test_no_cookie_is_kept_between_requests(http: VendorHttp) -> None:
    async def cookie(request: web.Request) -> web.Response:
        response = web.Response(text=request.headers.get("Cookie", "none"))
        response.set_cookie("session", "1")
        return response

    async with serving(cookie=cookie) as base:
        bodies = [(await http.get(HttpRequest(url=f"{base}/cookie"), timeout_s=5)).body for _ in range(2)]
    assert bodies == [b"none", b"none"]


async def test_no_answer_in_time_is_a_timeout(http: VendorHttp) -> None:
    async with serving(never=never) as base:
        assert isinstance(await caught(http, f"{base}/never", timeout_s=0.1), VendorTimeout)


async def test_drip_is_a_timeout_although_bytes_keep_coming(http: VendorHttp) -> None:
    async with serving(drip=drip) as base:
        assert isinstance(await caught(http, f"{base}/drip", timeout_s=0.2), VendorTimeout)


async def test_silence_within_an_answer_is_a_timeout() -> None:
    http = VendorHttp(read_timeout_s=0.1)
    async with serving(never=never) as base:
        error = await caught(http, f"{base}/never", timeout_s=30)
    await http.close()
    assert isinstance(error, VendorTimeout)
    assert "silent" in str(error)


async def test_cancelled_request_is_cancelled_and_no_error_of_a_vendor(http: VendorHttp) -> None:
    arrived = asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse:
        arrived.set()
        return await never(request)

    async with serving(hold=hold) as base:
        task = asyncio.create_task(http.get(HttpRequest(url=f"{base}/hold"), timeout_s=30))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_refused_connection_is_on_our_side(http: VendorHttp) -> None:
    error = await caught(http, f"http://127.0.0.1:{free_port()}/x", apiKey=SECRET)
    assert isinstance(error, LocalFault)
    assert "127.0.0.1" in str(error)


async def test_name_that_does_not_resolve_is_on_our_side(http: VendorHttp) -> None:
    assert isinstance(await caught(http, "http://vendor.invalid/x"), LocalFault)


async def test_failed_tls_is_on_our_side(http: VendorHttp) -> None:
    async with serving(echo=echo) as base:
        assert isinstance(await caught(http, base.replace("http://", "https://") + "/echo"), LocalFault)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_answer_that_breaks_off_or_is_no_http_is_the_vendors_fault(http: VendorHttp, answer: bytes) -> None:
    async with raw_serving(answer) as base:
        assert isinstance(await caught(http, base + "/x"), VendorFault)


@pytest.mark.parametrize("zipped", [False, True])
async def test_answer_larger_than_the_bound_is_refused_also_when_it_unpacks_to_that(http: VendorHttp, zipped: bool) -> None:
    async def large(request: web.Request) -> web.Response:
        body = b"x" * 1_000_000
        return (
            web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"}) if zipped else web.Response(body=body)
        )

    async with serving(large=large) as base:
        assert isinstance(await caught(http, f"{base}/large"), MalformedAnswer)


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://x/y", "http://", "http://[::1", "http:///x"])
async def test_base_url_that_is_none_is_refused_before_asking(http: VendorHttp, url: str) -> None:
    assert isinstance(await caught(http, url), UnsupportedRequest)


async def test_header_that_cannot_be_sent_is_refused_without_showing_it(http: VendorHttp) -> None:
    async with serving(echo=echo) as base:
        request = HttpRequest(url=f"{base}/echo", headers={"Authorization": f"{SECRET}\r\nX: y"})
        with pytest.raises(UnsupportedRequest) as info:
            await http.get(request, timeout_s=5)
    assert SECRET not in "".join(traceback.format_exception(info.value))


async def test_nothing_secret_is_logged(http: VendorHttp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(echo=echo) as base:
        await http.get(HttpRequest(url=f"{base}/echo", headers=HEADERS), timeout_s=5)
        await caught(http, f"http://127.0.0.1:{free_port()}/x", token=SECRET)
    client_lines = [record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp.access")]
    assert SECRET not in "\n".join(client_lines)


async def test_connection_is_kept_between_requests(http: VendorHttp) -> None:
    peers: list[object] = []

    async def peer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return web.Response()

    async with serving(peer=peer) as base:
        for _ in range(3):
            await http.get(HttpRequest(url=f"{base}/peer"), timeout_s=5)
    assert len(set(peers)) == 1


async def test_close_is_harmless_when_nothing_was_opened() -> None:
    http = VendorHttp()
    await http.close()
    await http.close()
