"""On whose behalf a process works at the moment, so that each of its log lines can say so: a request, a task, or neither.

What is set here follows into threads and coroutines that are started from here, as Python's context does.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

REQUEST_HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ids: ContextVar[dict[str, str] | None] = ContextVar("log_ids", default=None)


def new_request_id() -> str:
    """One that nobody else has."""
    return uuid.uuid4().hex


def well_formed(text: object) -> str | None:
    """A request id from elsewhere: up to 100 letters, digits, dots, dashes and underscores; None when it is anything else.

    It goes into log lines and headers, so a longer one, or one with a line break, is not taken over.
    """
    return text if isinstance(text, str) and _WELL_FORMED.fullmatch(text) else None


def ids() -> dict[str, str]:
    """`request_id`, `task_id` and `task` of what is done now, as far as there are any."""
    return dict(_ids.get() or {})


def request_id() -> str | None:
    """The request that all this is done for."""
    return (_ids.get() or {}).get("request_id")


@contextmanager
def working_for(**named: str | None) -> Iterator[None]:
    """Within it every log line carries these ids; None is left out."""
    token = _ids.set({name: text for name, text in named.items() if text is not None})
    try:
        yield
    finally:
        _ids.reset(token)


def begin(**named: str | None) -> None:
    """`working_for` where beginning and end are told by two calls; `begin()` ends it."""
    _ids.set({name: text for name, text in named.items() if text is not None})
