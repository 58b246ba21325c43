"""The same by the Python client, whose lines lead to either web process."""

import asyncio
import random
from collections.abc import Sequence

from marketdata_client import Backoff, Bar, Client, Gap, Message, Position, Subscription
from tests.faults.churn.ending import end
from tests.faults.churn.proof import Place, Said
from tests.faults.churn.reporting import Reporter
from tests.relay import Relay

SOON = Backoff(first_s=0.05, most_s=0.5)


class Wandering(Relay):
    """Each connection leads to any of some addresses."""

    def __init__(self, addresses: Sequence[str], rng: random.Random) -> None:
        super().__init__(addresses[0])
        self._addresses, self._rng = addresses, rng

    def where(self) -> str:
        """As chance will have it."""
        return self._rng.choice(self._addresses)


class Packaged:
    """Takes what `Client.subscribe` yields, and stores the position with it."""

    def __init__(self, *, addresses: Sequence[str], channels: Sequence[str], reporter: Reporter, rng: random.Random) -> None:
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.holes = 0
        self._stored: Position | None = None
        self._feed: Subscription | None = None
        self._relay = Wandering(addresses, rng)
        self._channels, self._report = channels, reporter
        self._task: asyncio.Task[None] | None = None

    @property
    def place(self) -> Place | None:
        """Where it stands."""
        here = self._stored if self._feed is None else self._feed.position
        return None if here is None else Place(here.epoch, here.seq)

    @property
    def is_filled(self) -> bool:
        """True when nothing of a gap is missing any more."""
        return self._feed is not None and self._feed.position is not None and not self._feed.position.fills

    def begin(self) -> None:
        """With what is stored."""
        self._report.began()
        self._task = asyncio.create_task(self._run())

    async def crash(self) -> None:
        """Nothing but what is stored is left."""
        assert self._task is not None
        self.cut()
        await end([self._task])

    def check(self) -> None:
        """Raises: whatever ended it."""
        if self._task is not None and self._task.done():
            self._task.result()

    def cut(self) -> None:
        """Its lines break, without a close frame."""
        self._relay.cut()

    async def _run(self) -> None:
        async with (
            self._relay,
            Client(self._relay.address, backoff=SOON) as client,
            client.subscribe(*self._channels, since=self._stored) as feed,
        ):
            self._feed = feed
            try:
                await self._read(feed)
            finally:
                self._feed = None

    async def _read(self, feed: Subscription) -> None:
        await feed.start()
        if self._stored is None:
            begin = self._stored = feed.position
            assert begin is not None
            self._report.start(Place(begin.epoch, begin.seq))
        while True:
            await self.may_read.wait()
            before = feed.position
            message = await anext(feed)
            self._take(message, before, feed.position)

    def _take(self, message: Message, before: Position | None, after: Position | None) -> None:
        """A message; what comes of it is stored at once."""
        assert after is not None
        place = Place(after.epoch, after.seq)
        match message:
            case Bar(seq=None):
                self._report.filled(place, _said(message))
            case Bar():
                self._report.live(Place(after.epoch, message.seq or 0), _said(message))
            case Gap():
                assert before is not None
                self.holes += 1
                self._report.hole(Place(before.epoch, before.seq), place)
        self._stored = after


def _said(bar: Bar) -> Said:
    return Said(bar.symbol, bar.start.isoformat().replace("+00:00", "Z"), bar.rev or 0, bar.close)
