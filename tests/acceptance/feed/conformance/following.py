"""Live messages: each once, in order, with ranges that prove it."""

import numpy as np

from collector.core.messages import iso
from collector.core.spans import spans_of
from collector.services.marks import tell_marks
from collector.store import write_bars
from collector.withdrawing import HeldSlots
from marketdata_site.observability import clock
from providers.market.days import day_of
from providers.market.types import MINUTE_US, Interval, from_us
from providers.policy import Snapshot
from tests.acceptance.feed.conformance.peer import Json
from tests.acceptance.feed.conformance.stage import Stage, scenario
from tests.acceptance.feed.test_gap import OPEN, Writer
from tests.acceptance.feed.test_quotes import Writer as QuoteWriter
from tests.builders import row
from tests.feed_support import bar, key_of
from tests.integration.collector.rows import make_series, make_write


@scenario("messages of the channels come once each, in their order, and no others", "op data", "message bar")
def _(stage: Stage) -> None:
    mine, other = stage.symbol(), stage.symbol()
    peer, everybody = stage.peer(), stage.peer()
    peer.subscribe(f"bars.1m.{mine}", f"bars.*.{mine}", f"bars.5m.{other}", f"bars.1m.{mine.lower()}")
    everybody.subscribe("bars.*.*")
    stage.publish(mine, range(4), size=2)
    stage.publish(other, range(4))
    stage.publish(other, range(4, 6), interval="5m")
    stage.publish(mine, range(6, 8))
    peer.take(messages=8)
    everybody.take(messages=12)
    expected = {key_of(bar(mine, number)) for number in (0, 1, 2, 3, 6, 7)}
    assert dict(peer.ledger.seen) == dict.fromkeys(expected | {key_of(bar(other, n, interval="5m")) for n in (4, 5)}, 1)
    assert set(everybody.ledger.seen.values()) == {1}


@scenario("later subscribes begin where the connection stands, and what is unsubscribed comes no more")
def _(stage: Stage) -> None:
    first, second = stage.symbol(), stage.symbol()
    peer = stage.peer()
    peer.subscribe(f"bars.1m.{first}")
    stage.publish(second, range(2))
    stage.publish(first, range(2))
    peer.take(messages=2)
    stage.publish(second, range(2, 4))
    peer.subscribe(f"bars.1m.{second}")  # wherever that is: the peer checks that ranges join
    stage.publish(second, range(4, 6))
    while key_of(bar(second, 5)) not in peer.ledger.seen:
        peer.frame("data")
    peer.say("unsubscribe", channels=[f"bars.1m.{first}"])
    peer.frame("unsubscribed")
    stage.publish(first, range(7, 9))
    stage.publish(second, range(7, 8))
    while key_of(bar(second, 7)) not in peer.ledger.seen:
        peer.frame("data")
    assert {key for key in peer.ledger.seen if key[0] == first} == {key_of(bar(first, n)) for n in range(2)}


@scenario("heartbeats say up to where there was nothing", server="small")
def _(stage: Stage) -> None:
    peer = stage.peer()
    begin = peer.subscribe("bars.1m.NOTHING")["seq"]
    stage.publish(stage.symbol(), range(6))
    while peer.ledger.seq < begin + 6:
        assert peer.frame()["messages"] == []
        peer.pong()
    for _ in range(3):
        frame = peer.frame()
        assert (frame["from"], frame["to"]) == (begin + 6, begin + 6)
        peer.pong()


@scenario("a pong gets no answer, and what was sent can be acknowledged in any pieces", "op pong")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    begin = peer.subscribe(f"bars.1m.{symbol}")["seq"]
    stage.publish(symbol, range(4))
    peer.take(messages=4, pongs=False)
    for to in (begin + 1, begin + 3, begin + 3, begin + 2, begin + 4):
        peer.say("pong", to=to)
    peer.say("pong", to=begin + 5)
    assert peer.frame()["code"] == "never_sent"


@scenario("a long range is cut into frames that join")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    begin = peer.subscribe(f"bars.1m.{symbol}")["seq"]
    stage.publish(symbol, range(1440), size=1440)  # some 400 KB
    frames = []
    while peer.ledger.seq < begin + 1440:
        frames.append(peer.frame("data"))
    assert len(frames) > 1
    assert len(peer.ledger.seen) == 1440


@scenario(
    "a correction is a higher rev, and so is what is taken back; old bars are told by a notice",
    "message history",
    "field bar.withdrawn",
)
def _(stage: Stage) -> None:
    writer, symbol = Writer(), stage.symbol()
    series = make_series(symbol, mic="XNAS")
    peer = stage.peer()
    peer.subscribe(f"bars.1m.{symbol}")
    first, second = OPEN, OPEN + MINUTE_US
    writer.write(series, [first, second], 10.1)
    writer.write(series, [first], 10.2)
    slots = HeldSlots(series.pk, day_of(from_us(OPEN).date()), spans_of(np.array([first]), MINUTE_US))
    again = make_write(
        [series], [row(second, 10.1, symbol=symbol)], provider=writer.provider, asked_at=writer.asked_at + 1, withdrawn=[slots]
    )
    write_bars(again, history_before=0)
    writer.write(series, [second], 10.4, is_history=True)
    found: list[Json] = []
    while len(found) < 5:
        found += peer.frame("data")["messages"]
    told = [(one["type"], one.get("rev"), one.get("close"), one.get("withdrawn")) for one in found]
    assert told == [
        ("bar", 1, 10.1, None),
        ("bar", 1, 10.1, None),
        ("bar", 2, 10.2, None),
        ("bar", 3, 10.2, True),
        ("history", None, None, None),
    ]
    status, page = stage.get(found[-1]["fill_url"])
    assert (status, [one["rev"] for one in page["bars"]]) == (200, [2])


@scenario("a quote comes as it was told, and again when its provider says it otherwise", "message quote")
def _(stage: Stage) -> None:
    writer, peer = QuoteWriter(), stage.peer()
    peer.subscribe("quotes.BRK.B")
    writer.write(OPEN, bid=10.0)
    for bid in (10.0, 10.2):
        writer.write(OPEN, bid=bid, symbol="BRK.B")
    found: list[tuple[float, int]] = []
    while len(found) < 2:
        found += [(one["bid"], one["rev"]) for one in peer.frame("data")["messages"]]
    assert found == [(10.0, 1), (10.2, 2)]


@scenario("a mark comes behind the bars that it counts, and an overdue one before it is complete", "message mark")
def _(stage: Stage) -> None:
    quarter, names = Interval.M15, [stage.symbol(), stage.symbol()]
    both = [make_series(name, tier="T2", interval=quarter.value, collect_from=from_us(OPEN)) for name in names]
    peer = stage.peer()
    peer.subscribe("bars.15m.*", "marks.*.T2")
    writer, over = Writer(), OPEN + quarter.us

    def tell(now: int) -> None:
        tell_marks(tier="T2", interval=quarter, snapshot=Snapshot(), now=now)

    writer.write(both[0], [OPEN], 10.1)
    tell(over)
    tell(over + quarter.us - 1)
    writer.write(both[1], [OPEN], 10.1)
    tell(over)
    found: list[Json] = []
    while len(found) < 4:
        found += peer.frame("data")["messages"]
    told = [(one["type"], one.get("complete"), one.get("expected"), one.get("held"), one.get("empty")) for one in found]
    a_bar = ("bar", None, None, None, None)
    assert told == [a_bar, ("mark", False, 2, 1, 0), a_bar, ("mark", True, 2, 2, 0)]


@scenario("the same messages are read over HTTP, each once", "parameter since", "parameter limit", "parameter after")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    peer.subscribe(f"bars.1m.{symbol}")
    now = iso(clock.now_us())
    stage.publish(symbol, range(5), size=3)
    live = [message for _ in range(2) for message in peer.frame("data")["messages"]]
    found: list[Json] = []
    url: str | None = f"/ws/replay?since={now}&limit=2"
    while url is not None:
        status, page = stage.get(url)
        assert (status, len(page["messages"]) <= 2) == (200, True)
        found += page["messages"]
        url = None if page["next"] is None else f"/ws/replay?limit=2&after={page['next']}"
    assert found == live
    status, refused = stage.get("/ws/replay?after=nonsense")
    assert (status, refused["error"]["code"]) == (422, "bad_cursor")
