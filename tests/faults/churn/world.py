"""What the test tells its clients' processes, a line of JSON each time: how far the feed is. Clients wait for that instead of for time."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence

from tests.faults.churn.proof import Place

NOWHERE = Place("", 0)


def told(*, published: int, top: Place, forgotten: Place, end: Place | None) -> str:
    """The line. `published`: messages so far; `top`: where the feed stands; `forgotten`: up to where rows are deleted."""
    return json.dumps({"published": published, "top": top, "forgotten": forgotten, "end": end})


class World:
    """What was told last."""

    def __init__(self) -> None:
        self.published = 0
        self.top = self.forgotten = NOWHERE
        self.end: Place | None = None
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        """Read lines until there are no more. Raises: EOFError."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async for line in reader:
            news = json.loads(line)
            async with self._news:
                self.published = news["published"]
                self.top, self.forgotten = Place(*news["top"]), Place(*news["forgotten"])
                self.end = _place(news["end"])
                self._news.notify_all()
        raise EOFError("the test has gone")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition about the world, or for the end."""
        async with self._news:
            await self._news.wait_for(lambda: self.end is not None or condition())


def _place(value: Sequence[str | int] | None) -> Place | None:
    return None if value is None else Place(str(value[0]), int(value[1]))
