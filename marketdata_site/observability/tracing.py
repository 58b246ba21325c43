"""The tracer behind `maybe_trace`; imported only where tracing is on, and `viztracer` itself only with the first trace.

One tracer a process: a second one would silently replace the first. Only the thread that begins a trace is in it, and event loops that
join it: VizTracer would put its hook into every thread that is started meanwhile, and leave it there, which makes these four times
slower for as long as they live. Whatever goes wrong with a trace is logged, once, and is no matter of the work that was traced.
"""

import functools
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from marketdata_site.observability.trace_files import settings_of

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")
log = logging.getLogger(__name__)


class _Process:
    """What there is one of in a process: the running tracer, its thread, and whether a failure was told."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tracer: Any = None
        self.thread: int | None = None
        self.has_told = False

    def tell(self, error: BaseException) -> None:
        if not self.has_told:
            self.has_told = True
            log.warning(
                "no trace could be made, nor will the next ones be told of: %r", error, extra={"action": "trace_failed"}
            )


_process = _Process()
_settings = settings_of(os.environ)


def _forget() -> None:
    """In a forked child: a trace that runs is the parent's."""
    global _process  # noqa: PLW0603  # a lock that somebody held at the fork is never released
    if _process.tracer is not None:
        sys.setprofile(None)
    _process = _Process()


os.register_at_fork(after_in_child=_forget)


class Trace:
    """One trace. Entered while another one runs in this process, it does nothing."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._tracer: Any = None

    def __enter__(self) -> Self:
        if _process.lock.acquire(blocking=False):
            try:
                self._tracer = _started()
            except Exception as error:
                _process.tell(error)
                _process.lock.release()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """Stop, and write the file; nothing when that is done, or was another trace's to do."""
        if self._tracer is None:
            return
        tracer, self._tracer = self._tracer, None
        process = _process
        process.tracer = process.thread = None
        try:
            tracer.stop()
            _settings.files.save(self._label, tracer.save)
        except Exception as failure:
            process.tell(failure)
        else:
            process.has_told = False
        finally:
            process.lock.release()

    def __call__(self, function: Function, /) -> Function:
        @functools.wraps(function)
        def traced(*args: Any, **named: Any) -> Any:
            with Trace(self._label):
                return function(*args, **named)

        return cast(Function, traced)


def _started() -> Any:
    from viztracer import VizTracer

    before = threading.getprofile()
    tracer = VizTracer(
        tracer_entries=_settings.entries, verbose=0, ignore_c_function=True, file_info=False, register_global=False
    )
    try:
        tracer.start()
    finally:
        threading.setprofile(before)  # None takes the hook away
    _process.tracer, _process.thread = tracer, threading.get_ident()
    return tracer


def joined(work: Coroutine[Any, Any, Result]) -> Coroutine[Any, Any, Result]:
    """Work that goes to an event loop in another thread, in the trace of the thread that hands it over."""
    tracer = _process.tracer
    return work if tracer is None or _process.thread != threading.get_ident() else _traced(tracer, work)


async def _traced(tracer: Any, work: Coroutine[Any, Any, Result]) -> Result:
    tracer.enable_thread_tracing()
    try:
        return await work
    finally:
        sys.setprofile(None)
