"""The Python client and a server that is there, but says nothing any more."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from marketdata_client import Backoff, Client

pytestmark = pytest.mark.any_postgres
PATIENCE_S = 60
HEARTBEAT_S = 0.5
EPOCH = "19aabdd537b-3f2a91"


class Silent:
    """Says hello and where the feed stands, and from then on sends pings only, as a server does whose feed hangs."""

    def __init__(self) -> None:
        self.connections = 0
        self.came_again = asyncio.Event()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """A connection."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        if self.connections > 1:
            self.came_again.set()
        place = {"epoch": EPOCH, "seq": 7}
        await self._say(socket, op="hello", heartbeat_s=HEARTBEAT_S, limits={}, **place)
        await self._say(socket, op="subscribed", id="subscribe", channels=1, recovered=True, **place)
        while not socket.closed and not self.came_again.is_set():
            await socket.ping()
            await asyncio.sleep(HEARTBEAT_S / 10)
        await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket

    async def _say(self, socket: web.WebSocketResponse, **frame: Any) -> None:
        await socket.send_str(json.dumps(frame))


@pytest.mark.asyncio
async def test_client_comes_again_when_no_frame_came_for_three_heartbeats_though_pings_did() -> None:
    silent, application = Silent(), web.Application()
    application.router.add_get("/ws/feed", silent.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        backoff = Backoff(first_s=0.02, most_s=0.2)
        async with Client(f"http://127.0.0.1:{port}", backoff=backoff) as client, client.subscribe("bars.1m.*") as feed:
            await feed.start()
            async with asyncio.timeout(PATIENCE_S):
                await silent.came_again.wait()
    finally:
        await runner.cleanup()
