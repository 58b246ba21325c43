"""The asynchronous client."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from types import TracebackType
from weakref import WeakSet

from marketdata_client.backoff import Backoff
from marketdata_client.coverage import Coverage, MissingRange, read_coverage, read_missing
from marketdata_client.line import Mode
from marketdata_client.models import Bar, History, Json, Quote, read
from marketdata_client.position import Position
from marketdata_client.rest import Rest, address, at, kind_of, member_of, read_entries
from marketdata_client.subscription import Subscription

Symbols = str | Iterable[str]
MOST_SYMBOLS, MOST_SESSIONS = 100, 31
"""That one request takes; the iterators ask several times."""
LOCAL = "http://127.0.0.1:8000"


class Client:
    """Reads one server. Use it as `async with Client(…) as client`, in one event loop.

    `attempts`: how often a REST request is tried before Unavailable is raised. `backoff`: the waits in between, and those before
    a feed is connected anew, which is tried for ever.
    """

    def __init__(
        self,
        base_url: str = LOCAL,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        attempts: int = 4,
        backoff: Backoff | None = None,
    ) -> None:
        self._rest = Rest(base_url, api_key=api_key, timeout_s=timeout_s, attempts=attempts, backoff=backoff or Backoff())
        self._subscriptions: WeakSet[Subscription] = WeakSet()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """End subscriptions and close all connections. What is asked for from then on raises Closed."""
        for subscription in list(self._subscriptions):
            await subscription.close()
        await self._rest.close()

    def subscribe(
        self,
        *channels: str,
        since: Position | datetime | None = None,
        mode: Mode = "every",
        remember: int = 100_000,
        page: int = 2_000,
    ) -> Subscription:
        """Messages of channels such as `bars.1m.AAPL`, `bars.*.*`, `quotes.*`, `marks.1m.T0`, from now on or from `since` on.

        `mode` `latest`: who is slower than the feed gets the newest. `remember`: how many bars, quotes and marks are known again.
        `page`: how many bars or quotes a page that fills a gap has. See Subscription.
        """
        made = Subscription(self._rest, channels, since=since, mode=mode, remember=remember, page=page)
        self._subscriptions.add(made)
        return made

    async def bars(
        self,
        symbols: Symbols,
        *,
        start: datetime,
        end: datetime | None = None,
        interval: str = "1m",
        mic: str | None = None,
        hours: str | None = None,
        adjustment: str | None = None,
        source: str | None = None,
        anchor: str | None = None,
        withdrawn: bool = False,
        as_of: datetime | None = None,
        page: int = 1_000,
    ) -> AsyncIterator[Bar]:
        """Bars that open in `[start, end)` (`end` None: until now), by symbol and time. The parameters are those of `GET /bars`."""
        query = _query(
            start=start,
            end=end,
            interval=interval,
            mic=mic,
            hours=hours,
            adjustment=adjustment,
            source=source,
            anchor=anchor,
            withdrawn="true" if withdrawn else None,
            as_of=as_of,
            limit=page,
        )
        for some in _chunks(symbols):
            async for entry in self._entries("/bars", [("symbol", some), *query]):
                yield read(Bar, entry)

    async def quotes(
        self, symbols: Symbols, *, start: datetime, end: datetime | None = None, mic: str | None = None, page: int = 1_000
    ) -> AsyncIterator[Quote]:
        """Quotes whose `at` lies in `[start, end)`, by symbol and time."""
        query = _query(start=start, end=end, mic=mic, limit=page)
        for some in _chunks(symbols):
            async for entry in self._entries("/quotes", [("symbol", some), *query]):
                yield read(Quote, entry)

    async def latest_quotes(self, symbols: Symbols, *, mic: str | None = None) -> list[Quote]:
        """The newest quote of each symbol of which there is one."""
        urls = [address("/quotes/latest", [("symbol", some), *_query(mic=mic)]) for some in _chunks(symbols)]
        pages = [(await self._rest.get(url))["quotes"] for url in urls]
        return [read(Quote, entry) for entry in chain.from_iterable(pages)]

    async def coverage(
        self,
        symbols: Symbols,
        *,
        start: date,
        end: date | None = None,
        interval: str | None = None,
        mic: str | None = None,
        hours: str | None = None,
        adjustment: str | None = None,
    ) -> AsyncIterator[Coverage]:
        """One entry a symbol and session of `[start, end]`, both included (`end` None: `start` alone)."""
        query = _query(interval=interval, mic=mic, hours=hours, adjustment=adjustment)
        for some in _chunks(symbols):
            for first, last in _sessions(start, end or start):
                days = [("start", first.isoformat()), ("end", last.isoformat())]
                found = await self._rest.get(address("/coverage", [("symbol", some), *days, *query]))
                for entry in found["coverage"]:
                    yield read_coverage(entry)

    async def gaps(
        self,
        *,
        start: date,
        end: date | None = None,
        tier: str | None = None,
        symbols: Symbols = (),
        mic: str | None = None,
        interval: str | None = None,
        page: int = 1_000,
    ) -> AsyncIterator[MissingRange]:
        """What is missing in sessions of `[start, end]`, of all series that the filters leave."""
        query = _query(tier=tier, mic=mic, interval=interval, limit=page)
        for some in list(_chunks(symbols)) or [""]:
            symbol = [("symbol", some)] if some else []
            for first, last in _sessions(start, end or start):
                days = [("start", first.isoformat()), ("end", last.isoformat())]
                async for entry in self._entries("/coverage/gaps", [*symbol, *days, *query], member="gaps"):
                    yield read_missing(entry)

    async def read(self, source: History | str) -> AsyncIterator[Bar | Quote]:
        """The bars or quotes behind a `history` notice, or behind an address such as a gap's `fill_urls`."""
        url = source.fill_url if isinstance(source, History) else source
        kind_of(url)
        async for page in self._rest.pages(url, member=member_of(url)):
            for one in read_entries(url, page.entries):
                yield one

    async def _entries(
        self, path: str, parameters: Sequence[tuple[str, str]], *, member: str | None = None
    ) -> AsyncIterator[Json]:
        async for page in self._rest.pages(address(path, parameters), member=member or path.strip("/")):
            for entry in page.entries:
                yield entry


def _query(**values: str | int | datetime | None) -> list[tuple[str, str]]:
    return [
        (name, at(value) if isinstance(value, datetime) else str(value)) for name, value in values.items() if value is not None
    ]


def _chunks(symbols: Symbols) -> Iterable[str]:
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    return [",".join(names[begin : begin + MOST_SYMBOLS]) for begin in range(0, len(names), MOST_SYMBOLS)]


def _sessions(start: date, end: date) -> Iterable[tuple[date, date]]:
    """`[start, end]` in pieces that one request takes."""
    step = timedelta(days=MOST_SESSIONS)
    count = max((end - start) // step + 1, 1)
    return [(start + n * step, min(start + (n + 1) * step - timedelta(days=1), end)) for n in range(count)]
