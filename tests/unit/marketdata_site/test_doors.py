"""Who gets through to a WebSocket."""

import asyncio
import json
from typing import Any

import pytest

from marketdata_site.doors import AccessCheck


class Knock:
    """A connection from this machine; whether it came through, and the close code if not."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.came_through = False
        self.sent: list[dict[str, Any]] = []
        names = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "websocket", "client": ["127.0.0.1", 40_000], "headers": names}
        asyncio.run(AccessCheck(self._inner)(scope, self._receive, self._send))

    async def _inner(self, *_: Any) -> None:
        self.came_through = True

    async def _receive(self) -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(dict(message))


@pytest.fixture(autouse=True)
def _secret(settings: Any) -> None:
    settings.SHARED_SECRET = "open-sesame"


def test_client_on_this_machine_gets_through_when_loopback_is_trusted() -> None:
    assert Knock({}).came_through


def test_client_on_this_machine_needs_the_secret_when_loopback_is_not_trusted(settings: Any) -> None:
    settings.TRUST_LOOPBACK = False
    refused = Knock({})
    assert not refused.came_through
    assert refused.sent[-1]["code"] == 4401
    assert json.loads(refused.sent[1]["text"])["op"] == "bye"
    assert Knock({"Authorization": "Bearer open-sesame"}).came_through
