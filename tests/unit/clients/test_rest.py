"""The Python client's requests against a scripted server: whom the key goes to, what is tried again, and what a failure says."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from marketdata_client import Backoff, Client, Closed, NotAllowed, Refused, Unavailable
from marketdata_client.rest import Rest
from tests.unit.clients.scripted import Feed, Handler, soon

SOON = Backoff(first_s=0.001, most_s=0.002)


def answering(*answers: web.Response | Exception) -> Handler:
    """One answer after the other, the last one for ever."""
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return answer


def saying(status: int, code: str, **headers: str) -> web.Response:
    """An error as the service tells it."""
    return web.json_response({"error": {"code": code, "message": "why", "field": "symbol"}}, status=status, headers=headers)


def test_key_is_never_sent_to_another_server() -> None:
    rest = Rest("http://here:8000/under", api_key="k", timeout_s=1, attempts=1, backoff=Backoff())
    assert str(rest.address("/bars?x=1")) == "http://here:8000/under/bars?x=1"
    for url in ("@elsewhere/bars", "http://elsewhere/bars", ".elsewhere/bars"):
        with pytest.raises(ValueError, match="begins with /"):
            rest.address(url)
    assert rest.address("//elsewhere/bars").host == "here"


@pytest.mark.parametrize("url", ["localhost:8000", "", "ws://here", "here/under"])
def test_address_of_no_web_server_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Client(url)


@pytest.mark.asyncio
async def test_request_is_tried_again_when_the_server_can_not_answer_now_and_not_when_it_said_no() -> None:
    quotes = answering(saying(503, "database_unavailable", **{"Retry-After": "0"}), web.json_response({"quotes": []}))
    async with Feed(**{"quotes/latest": quotes}) as feed, Client(feed.address, attempts=2, backoff=SOON) as client:
        assert await soon(client.latest_quotes("AAPL")) == []
    for status, kind, code in ((404, Refused, "unknown_symbol"), (401, NotAllowed, "revoked_key"), (301, Refused, "http_301")):
        first = saying(status, code) if status != 301 else web.Response(status=301, headers={"Location": "http://127.0.0.1:1/"})
        async with (
            Feed(**{"quotes/latest": answering(first, web.json_response({"quotes": []}))}) as feed,
            Client(feed.address, backoff=SOON) as client,
        ):
            with pytest.raises(kind) as refused:
                await soon(client.latest_quotes("AAPL"))
            assert refused.value.code == code


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>", content_type="text/html"),
        web.Response(text='{"quotes": [', content_type="application/json"),
        web.Response(status=502),
    ],
)
async def test_failure_tells_what_came_and_not_the_key(answer: web.Response) -> None:
    async def latest(_: web.Request) -> web.Response:
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

    async with (
        Feed(**{"quotes/latest": latest}) as feed,
        Client(feed.address, api_key="md_secret", attempts=2, backoff=SOON) as client,
    ):
        with pytest.raises(Unavailable) as failed:
            await soon(client.latest_quotes("AAPL"))
    chain: list[Any] = [failed.value, failed.value.__cause__, failed.value.__cause__ and failed.value.__cause__.__cause__]
    assert "quotes/latest" in str(failed.value)
    assert not any("md_secret" in str(error) for error in chain)


@pytest.mark.asyncio
async def test_request_under_way_ends_with_closed_when_the_client_is_closed() -> None:
    begun = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        begun.set()
        await asyncio.Event().wait()
        return web.Response()

    async with Feed(bars=never) as feed:
        client = Client(feed.address, backoff=Backoff(first_s=3600, most_s=3600))
        reading = asyncio.create_task(anext(client.read("/bars?recorded_since=x")))
        await soon(begun.wait())
        await client.close()
        with pytest.raises(Closed):
            await soon(reading)
