"""A database connection of the present thread's own, on which nothing waits for long, and which can be cut off from outside."""

import copy
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.db import connections

CONNECT_SECONDS = 2
STATEMENT_SECONDS = 1
_LIMITS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
"""For libpq: a server that is gone without a word is noticed within seconds, not hours."""


class Cut:
    """Ends the connection of another thread, whatever that waits for: its statement fails then."""

    def __init__(self) -> None:
        self._wrapper: Any = None
        self.is_cut = False

    def watch(self, wrapper: Any) -> None:
        """From now on it is about this connection."""
        self._wrapper = wrapper

    def __call__(self) -> None:
        """Cut. A connection that is just being made ends by its own limit."""
        self.is_cut = True
        raw: Any = getattr(self._wrapper, "connection", None)
        with suppress(AttributeError, OSError, psycopg.Error):  # there is none yet, or the other thread is closing it
            _shut(raw.fileno())


def _shut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def own_connection(cut: Cut | None = None) -> Iterator[None]:
    """Within it this thread's `django.db.connection` is a new one, beside any pool, with a limit on each statement."""
    settings = copy.deepcopy(connections.settings["default"])
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    given = options.get("options", "")
    limits = f"{given} -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s".strip()
    settings |= {"OPTIONS": {**options, **_LIMITS, "options": limits}, "CONN_MAX_AGE": 0}
    before = connections["default"]
    wrapper = type(before)(settings, "default")
    if cut is not None:
        cut.watch(wrapper)
    connections["default"] = wrapper
    try:
        yield
    finally:
        wrapper.close()
        connections["default"] = before
