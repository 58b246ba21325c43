"""Ends the WebSockets of keys that are revoked, expired or gone. Rows are the truth: they are looked at each second."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError

from collector.feed.frames import CloseCode
from collector.feed.hub import in_thread
from marketdata_site.line import RETRY_SECONDS, Line, Refused
from marketdata_site.observability import clock
from ops.access.checking import opening

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
_ENDED = Refused(CloseCode.NOT_ALLOWED, "your key was revoked or has expired", retry_in=RETRY_SECONDS)


class KeyWatch:
    """The open lines of an event loop by the key that opened them. One query a second for all, none while there are none."""

    def __init__(self, *, look: Callable[..., set[int]] = opening) -> None:
        self._look = look
        self._lines: dict[int, set[Line]] = {}
        self._task: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()

    @contextmanager
    def watching(self, key_id: int, line: Line) -> Iterator[None]:
        """Within it the line ends with its key."""
        self._lines.setdefault(key_id, set()).add(line)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            lines = self._lines[key_id]
            lines.discard(line)
            if not lines:
                del self._lines[key_id]

    async def _watch(self) -> None:
        while self._lines:
            await asyncio.sleep(LOOK_SECONDS)
            watched = list(self._lines)
            try:
                open_ones = await in_thread(self._look, watched, now=clock.now())
            except (DatabaseError, InterfaceError) as error:  # nobody can revoke a key meanwhile either
                log.warning("Can't see which keys still open, looking again: %s", error, extra={"action": "key_watch_outage"})
                continue
            self._end(set(watched) - open_ones)

    def _end(self, key_ids: Collection[int]) -> None:
        """Each on its own: a client that does not read must not keep the others in."""
        for line in [line for key_id in key_ids for line in self._lines.get(key_id, ())]:
            task = asyncio.create_task(line.end(_ENDED))
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)


_watches: dict[asyncio.AbstractEventLoop, KeyWatch] = {}


def shared_watch() -> KeyWatch:
    """That of the running event loop: one a web process."""
    loop = asyncio.get_running_loop()
    if loop not in _watches:
        for ended in [other for other in _watches if other.is_closed()]:
            del _watches[ended]
        _watches[loop] = KeyWatch()
    return _watches[loop]
