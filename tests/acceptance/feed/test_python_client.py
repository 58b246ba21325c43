"""The Python client against real web processes: whatever happens to line, process and Valkey, what it yields is what was written."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from threading import Timer
from typing import Any

import pytest

from collector.core.messages import iso
from marketdata_client import Backoff, Bar, Client, Filled, Gap, Message, NotAllowed, Position, Refused, SyncClient, to_pandas
from providers.market.types import MINUTE_US, from_us, to_us
from tests.acceptance.feed.test_feed import Publisher
from tests.acceptance.feed.test_gap import OPEN, VALUES, Writer, forget, in_postgres
from tests.feed_support import PATIENCE_SECONDS, bar, key_of, valkey
from tests.integration.collector.rows import make_series
from tests.relay import Relay
from tests.web_server import Web

Webs = Callable[[], Web]
SOON = Backoff(first_s=0.02, most_s=0.2)


def key(one: Bar) -> tuple[str, ...]:
    """As the feed's tests know bars."""
    return (one.symbol, one.mic, one.interval, one.hours, one.adjustment, iso(to_us(one.start)), str(one.rev))


def newest(bars: Iterable[Bar]) -> dict[tuple[str, ...], dict[str, Any]]:
    """What somebody holds who took the bars one after the other, as `in_postgres` tells it."""
    return {key(one)[:-1]: {name: getattr(one, name) for name in VALUES} for one in bars}


def test_client_yields_everything_once_when_lines_are_cut_the_server_restarts_and_valkey_is_flushed(webs: Webs) -> None:
    seen: Counter[tuple[str, ...]] = Counter()
    publisher = Publisher()

    async def follow(first: Web) -> None:
        async def take(*, until: Callable[[], bool]) -> None:
            while not until():
                message = await anext(feed)
                assert isinstance(message, Bar)  # nothing else: everything could be resumed
                seen[key(message)] += 1

        async def cut() -> None:
            before = relay.count
            relay.cut()
            await take(until=lambda: relay.count > before)

        async def flush() -> None:
            valkey().flushall()

        async def restart() -> None:
            before = relay.count
            relay.target = (await asyncio.to_thread(webs)).address
            first.process.terminate()
            await take(until=lambda: relay.count > before)

        async with (
            Relay(first.address) as relay,
            Client(relay.address, backoff=SOON) as client,
            client.subscribe("bars.1m.AAPL", "quotes.*") as feed,
            asyncio.timeout(6 * PATIENCE_SECONDS),
        ):
            await feed.start()
            with publisher:
                for disturb in (cut, restart, cut, flush, cut):
                    more = len(seen) + 40
                    await take(until=lambda more=more: len(seen) >= more)
                    await disturb()
            await take(until=lambda: len(seen) == publisher.count)

    asyncio.run(follow(webs()))
    assert seen == Counter({key_of(bar("AAPL", number)): 1 for number in range(publisher.count)})


def test_client_that_was_away_for_too_long_is_told_so_and_filled_even_when_it_crashes_in_between(webs: Webs) -> None:
    writer, web, channels = Writer(), webs(), ("bars.1m.TWIN", "bars.1d.TWIN")
    here, there = make_series("TWIN", mic="XNAS"), make_series("TWIN", mic="XLON")
    day, other = make_series("TWIN", interval="1d"), make_series("ELSE")
    starts = [OPEN + number * MINUTE_US for number in range(5)]
    taken: list[Bar] = []
    with SyncClient(f"http://{web.address}", backoff=SOON) as client, client.subscribe(*channels) as feed:
        feed.start()
        writer.write(here, starts[:2], 10.1)
        writer.write(there, starts[:2], 10.2)
        taken += [one for one in (next(feed) for _ in range(4)) if isinstance(one, Bar)]
        stored = json.dumps(feed.position.as_json() if feed.position else None)

    writer.write(here, starts[1:4], 10.3)
    writer.write(there, starts[1:2], 10.4, is_history=True)
    writer.write(other, starts, 10.4)
    writer.write(day, [OPEN], 9.9)
    forget("epoch_changed")
    web = webs()  # the first one would notice too
    fresh = SyncClient(f"http://{web.address}", backoff=SOON)
    with fresh, fresh.subscribe(*channels, since=Position.from_json(json.loads(stored)), page=2) as feed:
        gap = next(feed)
        assert isinstance(gap, Gap)
        assert (gap.reason, gap.start is None) == ("epoch_changed", False)
        first = next(feed)
        assert isinstance(first, Bar)
        taken.append(first)
        assert feed.position is not None
        stored = json.dumps(feed.position.as_json())
    writer.write(here, [starts[0], starts[4]], 10.6)  # comes on the feed and with the pages
    held = {key: value for key, value in in_postgres().items() if key[0] == "TWIN"}
    with (
        SyncClient(f"http://{web.address}", backoff=SOON) as client,
        client.subscribe(*channels, since=Position.from_json(json.loads(stored)), page=2) as feed,
    ):
        patience = Timer(3 * PATIENCE_SECONDS, feed.close)
        patience.start()
        rest: list[Message] = []
        while Filled() not in rest or newest(taken) != held:
            rest.append(next(feed))
            taken += [one for one in rest[-1:] if isinstance(one, Bar)]
        patience.cancel()
        assert feed.position is not None
        assert feed.position.fills == ()
    assert [one for one in rest if not isinstance(one, Bar)] == [Filled()]
    assert set(Counter(key(one) for one in rest if isinstance(one, Bar)).values()) == {1}


def test_client_reads_bars_quotes_coverage_and_what_vendors_took_back(webs: Webs) -> None:
    writer, series = Writer(), make_series("AAPL")
    starts = [OPEN + number * MINUTE_US for number in range(5)]
    writer.write(series, starts, 10.1)
    address = f"http://{webs().address}"
    with SyncClient(address, attempts=1) as client:
        bars = list(client.bars("AAPL", start=from_us(OPEN), end=from_us(starts[4]), page=2))
        assert [one.start for one in bars] == [from_us(start) for start in starts[:4]]
        assert (bars[0].close, bars[0].rev, bars[0].start.tzinfo) == (10.1, 1, UTC)
        session = date(2025, 10, 8)
        (covered,) = client.coverage(["AAPL"], start=session)
        assert (covered.session, covered.expected, covered.held) == (session, 390, 5)
        assert sum(span.slots for span in covered.missing_spans) == covered.missing
        assert len(list(client.coverage(["AAPL"], start=session - timedelta(days=50), end=session))) == 36
        gaps = list(client.gaps(start=session, tier="T0", page=1))
        assert sum(gap.slots for gap in gaps) == covered.missing
        assert list(client.quotes("AAPL", start=from_us(OPEN))) == []
        table = to_pandas(bars)
        assert (list(table["close"]), str(table["start"].dtype)) == ([10.1] * 4, "datetime64[us, UTC]")
        with client.subscribe("bars.1m.AAPL", since=datetime.now(UTC) - timedelta(hours=1)) as feed:
            assert [one.key for one in (next(feed) for _ in starts) if isinstance(one, Bar)][:4] == [one.key for one in bars]
        with pytest.raises(Refused, match="unknown_symbol"):
            list(client.bars("AAPX", start=from_us(OPEN)))
        with SyncClient(address, api_key="md_wrong") as stranger:
            with pytest.raises(NotAllowed):
                list(stranger.bars("AAPL", start=from_us(OPEN)))
            with pytest.raises(NotAllowed), stranger.subscribe("quotes.*") as feed:
                next(feed)
        with pytest.raises(Refused, match="bad_channel"), client.subscribe("bars.AAPL") as feed:
            next(feed)
