"""Quotes on the feed as clients see them: real writes, a real web process, real sockets; after any absence nothing is missing."""

import json
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest

from collector.core.messages import iso
from collector.models import Quote
from collector.quotes_store import write_quotes
from providers.market.types import SECOND_US, Micros, to_us
from tests.acceptance.feed.test_gap import Client, forget
from tests.builders import us
from tests.feed_support import PATIENCE_SECONDS
from tests.integration.collector.rows import make_provider
from tests.quotes import make_quote_series, make_quote_write, quote
from tests.web_server import Web

Json = dict[str, Any]
Webs = Callable[[], Web]
OPEN = us("2025-10-08 14:30")
VALUES = ("bid", "ask", "bid_size", "ask_size", "size_unit", "crossed", "locked", "has_vendor_time", "rev")


class QuoteClient(Client):
    """Holds the newest revision of each quote."""

    def take(self, message: Json) -> None:
        """A message of the feed, or a quote of the REST API."""
        key = (message["symbol"], message["mic"], message["at"], message["provider"])
        if key not in self.held or message["rev"] > self.held[key]["rev"]:
            self.held[key] = {name: message[name] for name in VALUES}


class Writer:
    """Writes quotes as collecting does, each time as a newer answer."""

    def __init__(self) -> None:
        self.provider = make_provider()
        self.instruments = [make_quote_series(symbol).instrument for symbol in ("AAPL", "BRK.B")]
        self.asked_at = OPEN + 600 * SECOND_US

    def write(self, *times: Micros, bid: float, symbol: str = "AAPL") -> None:
        """New quotes, or other values of held ones."""
        self.asked_at += SECOND_US
        rows = [quote(at, bid, symbol=symbol) for at in times]
        batch = make_quote_write(self.instruments, rows, provider=self.provider, asked_at=self.asked_at)
        write_quotes(batch, keep_from=0)


def in_postgres(*symbols: str) -> dict[tuple[str, ...], Json]:
    """What is held."""
    found = {}
    for row in Quote.objects.select_related("instrument", "provider").filter(instrument__symbol__in=symbols):
        values = {name: getattr(row, name, None) for name in VALUES}
        marks = {"crossed": row.is_crossed, "locked": row.is_locked}
        found[row.instrument.symbol, row.instrument.mic, iso(to_us(row.at)), row.provider.name] = values | marks
    return found


def test_client_gets_quotes_of_its_channels_and_resumes_without_a_hole(webs: Webs) -> None:
    writer, web = Writer(), webs()
    client = QuoteClient(web, "quotes.BRK.B")
    with client.connect() as socket:
        client.subscribe(socket)
        writer.write(OPEN, bid=10.0)
        writer.write(OPEN, OPEN + 1, bid=10.1, symbol="BRK.B")
        client.follow(socket, messages=2)
    writer.write(OPEN + 1, bid=10.2, symbol="BRK.B")
    writer.write(OPEN + 2, bid=10.6, symbol="BRK.B")
    with client.connect() as socket:
        assert client.subscribe(socket)["recovered"] is True
        client.follow(socket, messages=2)
    assert client.held == in_postgres("BRK.B")
    assert sorted(held["rev"] for held in client.held.values()) == [1, 1, 2]


def test_replay_over_http_tells_every_quote_once(webs: Webs) -> None:
    writer, web = Writer(), webs()
    client = QuoteClient(web)
    writer.write(OPEN, OPEN + 1, bid=10.0)
    writer.write(OPEN, OPEN + 1, bid=10.0)
    writer.write(OPEN + 1, bid=10.5, symbol="BRK.B")
    with urlopen(f"http://{web.address}/ws/replay?limit=100", timeout=PATIENCE_SECONDS) as answer:
        messages = json.load(answer)["messages"]
    assert len(messages) == 3
    for message in messages:
        client.take(message)
    assert client.held == in_postgres("AAPL", "BRK.B")


@pytest.mark.parametrize("reason", ["too_old", "epoch_changed"])
@pytest.mark.parametrize("channel", ["quotes.*", "quotes.AAPL"])
def test_client_is_whole_again_when_it_follows_fill_url_after_a_gap_that_the_feed_forgot(
    webs: Webs, reason: str, channel: str
) -> None:
    writer = Writer()
    client = QuoteClient(webs(), channel)
    with client.connect() as socket:
        client.subscribe(socket)
        writer.write(OPEN, OPEN + 1, bid=10.0)
        client.follow(socket, messages=2)
    writer.write(OPEN + 1, OPEN + 2, OPEN + 3, bid=10.1)
    writer.write(OPEN, bid=10.2, symbol="BRK.B")
    writer.write(OPEN + 4, bid=10.3)
    forget(reason)
    client.web = webs()
    with client.connect() as socket:
        answer = client.subscribe(socket)
        assert (answer["recovered"], answer["reason"]) == (False, reason)
        assert [answer["fill_url"]] == answer["fill_urls"]
        for page in client.pages(answer["fill_url"]):
            for one in page:
                client.take(one)
        writer.write(OPEN + 5, bid=10.4)
        client.follow(socket, messages=1)
    assert client.held == in_postgres("AAPL", *(["BRK.B"] if channel == "quotes.*" else []))
