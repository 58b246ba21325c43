"""A line between a client and web processes that come and go: it can be cut, and led to another process."""

import asyncio
from contextlib import suppress


class Relay:
    """Listens on one address of the running loop; `target` is where new connections lead."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.address = ""
        self.count = 0
        """Connections so far."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def where(self) -> str:
        """Where the next connection leads."""
        return self.target

    def cut(self) -> None:
        """Cut every connection, without a close frame."""
        for writer in self._writers:
            writer.transport.abort()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.count += 1
        if (task := asyncio.current_task()) is not None:
            self._tasks.add(task)
        try:
            there_reader, there_writer = await asyncio.open_connection(*self.where().split(":"))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
        self._writers -= {writer, there_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort() if reader.exception() else writer.close()
