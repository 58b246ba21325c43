"""Reads what a resume could not bring back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from yarl import URL

from marketdata_client.channels import Channels
from marketdata_client.models import Bar, Quote
from marketdata_client.rest import Rest, member_of, read_entries


@dataclass(frozen=True, slots=True)
class Filling:
    """What the page at `url` held of the subscription; `next` is where the rest is, None when that was all."""

    url: str
    found: tuple[Bar | Quote, ...]
    next: str | None


class Filler:
    """Reads addresses one after the other, for ever: the server said that what they list is missing here, so no failure ends it."""

    def __init__(self, rest: Rest, wanted: Channels, *, put: Callable[[Filling], Awaitable[None]], page: int) -> None:
        self._rest, self._wanted, self._put, self._page = rest, wanted, put, page
        self._urls: asyncio.Queue[str] = asyncio.Queue()

    def add(self, urls: Iterable[str]) -> None:
        """Read these as well."""
        for url in urls:
            self._urls.put_nowait(url)

    async def run(self) -> None:
        """Until cancelled. Raises: Refused."""
        while True:
            here = await self._urls.get()
            sized = str(URL(here).update_query(limit=self._page))
            async for page in self._rest.pages(sized, member=member_of(here), attempts=0):
                found = tuple(one for one in read_entries(here, page.entries) if self._wanted.match(one))
                await self._put(Filling(here, found, page.next))
                here = page.next or here
