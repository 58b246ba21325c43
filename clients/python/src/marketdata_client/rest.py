"""GET, with its retries, and pages that follow each other."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from json import JSONDecodeError
from typing import Any

import aiohttp
from yarl import URL

from marketdata_client.backoff import Backoff
from marketdata_client.errors import ClientError, Closed, NotAllowed, Refused, Unavailable, told
from marketdata_client.models import Bar, Json, Quote, read

AGAIN = frozenset({429, 500, 502, 503, 504})
KINDS: dict[str, type[Bar] | type[Quote]] = {"bars": Bar, "quotes": Quote}
Parameters = Iterable[tuple[str, str]]
UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, and the address of the next page, None behind the last one."""

    entries: list[Json]
    next: str | None


class Rest:
    """One server's REST API, and the session that the feed's sockets are opened with as well."""

    def __init__(self, base_url: str, *, api_key: str | None, timeout_s: float, attempts: int, backoff: Backoff) -> None:
        if URL(base_url).scheme not in ("http", "https"):
            raise ValueError(f"expected an address that begins with http:// or https://, got {base_url[:100]!r}")
        self.base_url = base_url.rstrip("/")
        self.backoff = backoff
        self._headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._attempts = attempts
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    @property
    def session(self) -> aiohttp.ClientSession:
        """Opened when it is first needed, since that needs a running loop. Raises: Closed."""
        if self._is_closed:
            raise Closed("the client is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        return self._session

    async def close(self) -> None:
        """Close the connections; requests that are under way end with Closed."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()

    async def get(self, url: str, *, attempts: int | None = None) -> Json:
        """The object at an address below the base; tried `attempts` times (0: for ever).

        Raises: Refused, NotAllowed, Unavailable, Closed.
        """
        most, failures = self._attempts if attempts is None else attempts, 0
        while True:
            try:
                return await self._ask(url)
            except _Later as later:
                failures += 1
                if failures == most:
                    raise Unavailable(f"{url}: {later}") from later
                await asyncio.sleep(self.backoff.pause_s(failures=failures, at_least_s=later.retry_in))

    async def _ask(self, url: str) -> Json:
        try:
            async with self.session.get(self.address(url), allow_redirects=False) as answer:
                if answer.status == 200:
                    found: Json = await answer.json()
                    return found
                raise await _error(answer)
        except (*UNREACHABLE, JSONDecodeError) as error:  # half an answer is none
            if self._is_closed:
                raise Closed("the client is closed") from error
            raise _Later(told(error)) from error

    def address(self, url: str) -> URL:
        """Of this server, whatever the text says: a key is never sent to another one. Raises: ValueError."""
        if not url.startswith("/"):
            raise ValueError(f"expected an address that begins with /, got {url[:100]!r}")
        return URL(self.base_url + url)

    async def pages(self, url: str, *, member: str, attempts: int | None = None) -> AsyncIterator[Page]:
        """The page at an address and all that follow it."""
        begin: str | None = url
        while begin is not None:
            found = await self.get(begin, attempts=attempts)
            after = found.get("next")
            begin = None if after is None else str(URL(url).update_query(after=after))
            yield Page(found[member], begin)


class _Later(ClientError):
    """Not now."""

    def __init__(self, message: str, retry_in: float = 0.0) -> None:
        super().__init__(message)
        self.retry_in = retry_in


async def _error(answer: aiohttp.ClientResponse) -> ClientError:
    code, message, field = await _said(answer)
    if answer.status in AGAIN:
        wait = answer.headers.get("Retry-After", "")
        return _Later(f"{answer.status} {code}: {message}", float(wait) if wait.isdigit() else 0.0)
    return (NotAllowed if answer.status in (401, 403) else Refused)(code, message, field=field)


async def _said(answer: aiohttp.ClientResponse) -> tuple[str, str, str | None]:
    """Code, message and field, also of an answer that came from something in between."""
    try:
        error: dict[str, Any] = (await answer.json(content_type=None))["error"]
        return error["code"], error["message"], error.get("field")
    except (ValueError, KeyError, TypeError):
        return f"http_{answer.status}", answer.reason or "", None


def address(path: str, parameters: Parameters) -> str:
    """A path with its query."""
    return str(URL(path).with_query(list(parameters)))


def at(moment: datetime) -> str:
    """A time for a query. Raises: ValueError for one without a zone, which could mean any."""
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with a zone, got {moment!r}")
    return moment.isoformat()


def read_entries(url: str, entries: Iterable[Json]) -> list[Bar | Quote]:
    """The bars or quotes of a page, by the path that it came from."""
    return [read(kind_of(url), entry) for entry in entries]


def member_of(url: str) -> str:
    """The member that holds the entries of an address of bars or quotes."""
    return URL(url).path.strip("/")


def kind_of(url: str) -> type[Bar] | type[Quote]:
    """What an address of bars or quotes lists. Raises: ValueError."""
    try:
        return KINDS[member_of(url)]
    except KeyError:
        raise ValueError(f"expected an address of bars or quotes, got {url[:100]!r}") from None
