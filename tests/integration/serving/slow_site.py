"""Our server with an application that is slow to end: `python -m tests.integration.serving.slow_site`.

A request works in a thread for a while after it was told to end, and then wants something of the event loop, as Django's middleware
does. A WebSocket takes a while for its last word.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from marketdata_site.serve import Server, build_endpoint_description_strings  # first: it decides which event loop twisted uses

from asgiref.sync import async_to_sync, sync_to_async  # isort: skip

Message = Mapping[str, Any]
WORK_SECONDS = 1.0


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """ASGI."""
    await receive()
    if scope["type"] == "http":
        print("working", flush=True)
        await sync_to_async(_work)()
        return
    await send({"type": "websocket.accept"})
    try:
        await receive()
    except asyncio.CancelledError:
        await asyncio.sleep(WORK_SECONDS / 2)
        await send({"type": "websocket.send", "text": "bye"})
        await send({"type": "websocket.close", "code": 4000})
        await asyncio.sleep(WORK_SECONDS / 2)
        raise


def _work() -> None:
    time.sleep(WORK_SECONDS)
    async_to_sync(_loop_answers)()


async def _loop_answers() -> None:
    await asyncio.sleep(0)


if __name__ == "__main__":
    Server(application=application, endpoints=build_endpoint_description_strings(host="127.0.0.1", port=0)).run()
