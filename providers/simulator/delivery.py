"""How an answer goes over the wire, and what faults do to it on the way."""

import asyncio
import socket
import struct

from aiohttp import web

from providers.simulator.faults import Fault, FaultKind
from providers.simulator.wire.base import Answer

_HTML = (
    b"<!DOCTYPE html>\n<html><head><title>We'll be right back</title></head>"
    b"<body><h1>Scheduled maintenance</h1><p>Please check back soon.</p></body></html>\n"
)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def html_page(fault: Fault) -> Answer:
    """A page for humans in the place of JSON."""
    return Answer(int(fault.number("status")), _HTML, content_type="text/html")


async def hang(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Say nothing for the fault's time, then close."""
    await asyncio.sleep(fault.number("seconds"))
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def deliver(request: web.Request, answer: Answer, faults: list[Fault], headers: dict[str, str]) -> web.StreamResponse:
    """Send an answer through the faults that touch its bytes."""
    by_kind = {fault.kind: fault for fault in faults}
    body = answer.body
    if FaultKind.TRUNCATED in by_kind:
        body = body[: int(len(body) * by_kind[FaultKind.TRUNCATED].number("fraction"))]
    if FaultKind.CONNECTION_RESET in by_kind:
        return await _reset(request, answer, body, int(by_kind[FaultKind.CONNECTION_RESET].number("after_bytes")), headers)
    if FaultKind.DRIP in by_kind:
        return await _drip(request, answer, body, by_kind[FaultKind.DRIP], headers)
    return web.Response(status=answer.status, body=body, content_type=answer.content_type, headers=headers)


async def _started(request: web.Request, answer: Answer, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_type = answer.content_type
    response.content_length = len(body)
    await response.prepare(request)
    return response


async def _drip(request: web.Request, answer: Answer, body: bytes, fault: Fault, headers: dict[str, str]) -> web.StreamResponse:
    response = await _started(request, answer, body, headers)
    size = max(-(-len(body) // int(fault.number("pieces"))), 1)
    for begin in range(0, len(body), size):
        await response.write(body[begin : begin + size])
        await asyncio.sleep(fault.number("seconds"))
    await response.write_eof()
    return response


async def _reset(
    request: web.Request, answer: Answer, body: bytes, after_bytes: int, headers: dict[str, str]
) -> web.StreamResponse:
    """Close with RST instead of FIN, as a vendor's dying load balancer does."""
    response: web.StreamResponse = web.Response()
    transport = request.transport
    if after_bytes:
        response = await _started(request, answer, body, headers)
        await response.write(body[: min(after_bytes, len(body) - 1)])
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    return response
