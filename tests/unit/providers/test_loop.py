import asyncio
import threading

import pytest
from aiohttp import web

from providers.adapter import HttpRequest
from providers.loop import EventLoopThread
from tests.unit.providers.vendor_server import serving


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


def test_run_gives_the_result_of_a_coroutine_in_the_background_thread() -> None:
    async def where() -> str:
        return threading.current_thread().name

    with EventLoopThread() as loop:
        assert loop.run(add(1, 2)) == 3
        assert loop.run(where()) == "vendor-http"


def test_run_raises_what_the_coroutine_raises() -> None:
    async def fail() -> None:
        raise LookupError("no")

    with EventLoopThread() as loop, pytest.raises(LookupError):
        loop.run(fail())


@pytest.mark.parametrize("interruption", [TimeoutError, KeyboardInterrupt])
def test_run_cancels_the_coroutine_when_the_caller_gives_up(
    interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    started, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    def give_up(future: object, timeout: object = None) -> None:
        assert started.wait(60)
        raise interruption

    with EventLoopThread() as loop:
        with monkeypatch.context() as patched:
            patched.setattr("concurrent.futures.Future.result", give_up)
            with pytest.raises(interruption):
                loop.run(wait())
        assert ended.wait(60)


def test_run_gives_up_after_its_timeout() -> None:
    with EventLoopThread() as loop, pytest.raises(TimeoutError):
        loop.run(asyncio.Event().wait(), timeout=0.01)


def test_run_is_refused_when_not_started_or_from_the_loop_itself() -> None:
    loop = EventLoopThread()
    with pytest.raises(RuntimeError):
        loop.run(add(1, 2))

    async def inside() -> None:
        loop.run(add(1, 2))

    with loop, pytest.raises(RuntimeError):
        loop.run(inside())


def test_close_ends_what_runs_the_connections_and_the_thread() -> None:
    cancelled = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def ok(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def work(loop: EventLoopThread, keep: list[object]) -> bytes:
        keep.append(asyncio.create_task(forever()))
        async with serving(ok=ok) as base:
            return (await loop.http.get(HttpRequest(url=f"{base}/ok"), timeout_s=5)).body

    loop = EventLoopThread()
    loop.start()
    assert loop.run(work(loop, [])) == b"ok"
    loop.close()
    assert cancelled.is_set()
    assert "vendor-http" not in {thread.name for thread in threading.enumerate()}
    loop.close()


def test_loop_can_be_started_again_after_close_but_not_twice() -> None:
    loop = EventLoopThread()
    for _ in range(2):
        loop.start()
        with pytest.raises(RuntimeError):
            loop.start()
        assert loop.run(add(2, 2)) == 4
        loop.close()
