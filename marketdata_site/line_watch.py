"""Ends WebSockets whose key or session opens no more. Rows are the truth: they are looked at each second."""

import asyncio
import logging
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from django.db import DatabaseError, InterfaceError

from collector.feed.frames import CloseCode
from collector.feed.hub import in_thread
from marketdata_site.line import RETRY_SECONDS, Line, Refused
from marketdata_site.observability import clock
from ops.access import checking, sessions

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
Opener = TypeVar("Opener", bound=Hashable)
"""What opened a line: a key's id, a session's key."""


class LineWatch(Generic[Opener]):
    """The open lines of an event loop by what opened them. One look a second for all, none while there are none.

    `look`: which of some still open. `reason`: what a client is told when its own does not.
    """

    def __init__(self, *, look: Callable[..., set[Opener]], reason: str) -> None:
        self._look = look
        self._ended = Refused(CloseCode.NOT_ALLOWED, reason, retry_in=RETRY_SECONDS)
        self._lines: dict[Opener, set[Line]] = {}
        self._task: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()

    @contextmanager
    def watching(self, opener: Opener, line: Line) -> Iterator[None]:
        """Within it the line ends with what opened it."""
        self._lines.setdefault(opener, set()).add(line)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            lines = self._lines[opener]
            lines.discard(line)
            if not lines:
                del self._lines[opener]

    async def _watch(self) -> None:
        while self._lines:
            await asyncio.sleep(LOOK_SECONDS)
            watched = list(self._lines)
            try:
                open_ones = await in_thread(self._look, watched, now=clock.now())
            except (DatabaseError, InterfaceError) as error:  # nobody can take anything away meanwhile either
                log.warning("Can't see who is still let in, looking again: %s", error, extra={"action": "line_watch_outage"})
                continue
            self._end(set(watched) - open_ones)

    def _end(self, openers: Collection[Opener]) -> None:
        """Each on its own: a client that does not read must not keep the others in."""
        for line in [line for opener in openers for line in self._lines.get(opener, ())]:
            task = asyncio.create_task(line.end(self._ended))
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)


class Watches:
    """Those of one event loop."""

    def __init__(self) -> None:
        self.keys = LineWatch[int](look=checking.opening, reason="your key was revoked or has expired")
        self.sessions = LineWatch[str](look=sessions.opening, reason="you are logged out, or no staff any more")


_watches: dict[asyncio.AbstractEventLoop, Watches] = {}


def shared_watches() -> Watches:
    """Those of the running event loop: one a web process."""
    loop = asyncio.get_running_loop()
    if loop not in _watches:
        for ended in [other for other in _watches if other.is_closed()]:
            del _watches[ended]
        _watches[loop] = Watches()
    return _watches[loop]
