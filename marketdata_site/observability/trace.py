"""`maybe_trace(label)`: a flame graph of a piece of work, when `VIZTRACER_ENABLED=true`; nothing at all otherwise.

    with maybe_trace("write"): ...

    @maybe_trace("publish")
    def publish() -> None: ...

Whether it is on is decided once, when this is first imported. Off, every call answers the same object, a decorated function is the
function itself, and neither `viztracer` nor what keeps its files is imported.
"""

import os
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")


class Tracing(Protocol):
    """What `maybe_trace` answers: a context and a decorator of functions that are not asynchronous."""

    def __enter__(self) -> object: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def __call__(self, function: Function, /) -> Function: ...

    def end(self) -> None:
        """End it before its context does."""


class _Off:
    """Does nothing, as often as one likes."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def __call__(self, function: Function, /) -> Function:
        return function

    def end(self) -> None:
        return None


OFF = _Off()


def _is_on() -> bool:
    text = os.environ.get("VIZTRACER_ENABLED", "").strip().lower()
    if text not in {"", "0", "1", "true", "false", "yes", "no"}:
        raise ValueError(f"VIZTRACER_ENABLED must be true or false, got {text!r}")
    return text in {"1", "true", "yes"}


ENABLED = _is_on()

if ENABLED:
    from marketdata_site.observability import tracing

    def maybe_trace(label: str) -> Tracing:
        """A trace of its own file, unless one is running in this process: what lies inside of it is in that one."""
        return tracing.Trace(label)

    def in_this_trace(work: Coroutine[Any, Any, Result]) -> Coroutine[Any, Any, Result]:
        """Work for an event loop in another thread, which then shows in the trace that runs in this one."""
        return tracing.joined(work)

else:

    def maybe_trace(label: str) -> Tracing:
        """Nothing."""
        return OFF

    def in_this_trace(work: Coroutine[Any, Any, Result]) -> Coroutine[Any, Any, Result]:
        """The work itself."""
        return work
