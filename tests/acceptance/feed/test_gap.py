"""A client that was away for longer than the feed remembers is made whole by what docs/feed.md tells it to do."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

from collector.core.messages import iso
from collector.feed.ring import STREAM
from collector.models import Bar, DailyBar, FeedBatch, Series
from collector.store import write_bars
from providers.market.types import DAY_US, MINUTE_US, Micros, to_us
from tests.builders import row, us
from tests.feed_support import PATIENCE_SECONDS, valkey
from tests.integration.collector.rows import make_provider, make_series, make_write
from tests.web_server import Web

Json = dict[str, Any]
OPEN = us("2025-10-08 14:30")
SERIES = ("symbol", "mic", "interval", "hours", "adjustment")
VALUES = ("open", "high", "low", "close", "volume", "vwap", "trade_count", "rev")


class Writer:
    """Writes bars as collecting does, each time as a newer answer of the same vendor."""

    def __init__(self) -> None:
        self.provider = make_provider()
        self.asked_at = OPEN + 30 * DAY_US

    def write(self, series: Series, starts: list[Micros], close: float, *, is_history: bool = False) -> None:
        """New bars, or corrections of held ones."""
        self.asked_at += MINUTE_US
        rows = [row(start, close, symbol=series.instrument.symbol) for start in starts]
        batch = make_write([series], rows, provider=self.provider, asked_at=self.asked_at)
        write_bars(batch, history_before=self.asked_at if is_history else 0)


class Client:
    """Holds the newest revision of each bar, and fetches what it is told to fetch."""

    def __init__(self, web: Web, *channels: str) -> None:
        self.web, self.channels = web, channels
        self.position: Json | None = None
        self.held: dict[tuple[str, ...], Json] = {}

    def connect(self) -> ClientConnection:
        return connect(self.web.feed, max_size=None, open_timeout=PATIENCE_SECONDS)

    def subscribe(self, socket: ClientConnection) -> Json:
        since = {} if self.position is None else {"since": self.position}
        socket.send(json.dumps({"op": "subscribe", "channels": self.channels, **since}))
        while (answer := self.frame(socket))["op"] != "subscribed":
            assert answer["op"] == "hello"
        self.position = {"epoch": answer["epoch"], "seq": answer["seq"]}
        return answer

    def frame(self, socket: ClientConnection) -> Json:
        frame: Json = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
        return frame

    def follow(self, socket: ClientConnection, *, messages: int) -> None:
        """Take so many messages."""
        while messages:
            frame = self.frame(socket)
            if frame["op"] == "epoch":
                self.position = {"epoch": frame["epoch"], "seq": 0}
                continue
            assert self.position is not None
            assert frame["from"] == self.position["seq"]
            self.position |= {"seq": frame["to"], "at": frame["at"]}
            messages -= len(frame["messages"])
            for message in frame["messages"]:
                self.take(message)

    def take(self, message: Json) -> None:
        """A message of the feed, or a bar of the REST API."""
        if message.get("type") == "history":
            for page in self.pages(message["fill_url"]):
                for bar in page:
                    self.take(bar)
            return
        key = (*(message[name] for name in SERIES), message["start"])
        if key not in self.held or message["rev"] > self.held[key]["rev"]:
            self.held[key] = {name: message[name] for name in VALUES}

    def pages(self, url: str) -> Iterator[list[Json]]:
        """Pages of two bars, that there are several."""
        after = ""
        while True:
            with urlopen(f"http://{self.web.address}{url}&limit=2{after}", timeout=PATIENCE_SECONDS) as answer:
                page = json.load(answer)
            yield page[urlsplit(url).path.strip("/")]
            if page["next"] is None:
                return
            after = f"&after={page['next']}"


def in_postgres() -> dict[tuple[str, ...], Json]:
    """What is held."""
    series = {one.pk: one for one in Series.objects.select_related("instrument")}
    found = {}
    for bar in [*Bar.objects.all(), *DailyBar.objects.all()]:
        one = series[bar.series_id]
        label = (one.instrument.symbol, one.instrument.mic, one.interval, one.hours, one.adjustment)
        found[*label, iso(to_us(bar.start))] = {name: getattr(bar, name) for name in VALUES}
    return found


def forget(reason: str) -> None:
    """Take away what would bring the client back: the ring, and the rows behind its position."""
    kept = FeedBatch.objects.order_by("-id").values_list("pk", flat=True)[0]
    if reason == "epoch_changed":
        valkey().flushall()
        FeedBatch.objects.all().delete()
    else:
        valkey().delete(STREAM)
        FeedBatch.objects.exclude(pk=kept).delete()


@pytest.mark.parametrize(("reason", "tells_time"), [("too_old", True), ("too_old", False), ("epoch_changed", True)])
@pytest.mark.parametrize("channel", ["bars.*.*", "bars.1m.TWIN"])
def test_client_is_whole_again_when_it_follows_fill_url_after_a_gap_that_the_feed_forgot(
    webs: Callable[[], Web], reason: str, channel: str, *, tells_time: bool
) -> None:
    writer, client = Writer(), Client(webs(), channel)
    here, there = make_series("TWIN", mic="XNAS"), make_series("TWIN", mic="XLON")
    long, day = make_series("TWIN", mic="XNAS", hours="extended"), make_series("TWIN", interval="1d")
    starts = [OPEN + number * MINUTE_US for number in range(5)]
    with client.connect() as socket:
        client.subscribe(socket)
        writer.write(here, starts[:2], 10.1)
        writer.write(there, starts[:2], 10.2)
        client.follow(socket, messages=4)

    writer.write(here, starts[1:4], 10.3)
    writer.write(there, starts[1:2], 10.4, is_history=True)
    writer.write(long, starts, 10.0, is_history=True)
    writer.write(day, [us("2025-10-08 00:00"), us("2025-10-09 00:00")], 9.9)
    writer.write(here, starts[:1], 10.5)
    forget(reason)
    client.web = webs()  # the first one would notice too, and close with 4009
    if not tells_time:
        assert client.position is not None
        client.position.pop("at")

    with client.connect() as socket:
        answer = client.subscribe(socket)
        assert (answer["recovered"], answer["reason"]) == (False, reason)
        assert answer["gap"]["from"] < answer["gap"]["to"]
        pages = client.pages(answer["fill_url"])
        missed = next(pages)
        writer.write(here, [starts[0], starts[4]], 10.6)  # a bar of the page just read, and one that it could not hold
        writer.write(there, starts[:1], 10.7, is_history=True)
        client.follow(socket, messages=3)
        for bar in [*missed, *(bar for page in pages for bar in page)]:
            client.take(bar)

    expected = {key: value for key, value in in_postgres().items() if channel == "bars.*.*" or key[2] == "1m"}
    assert client.held == expected
