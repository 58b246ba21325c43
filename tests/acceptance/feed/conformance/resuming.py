"""Who comes back gets everything behind its position, or is told what is missing."""

from datetime import timedelta
from typing import Any

from collector.core.messages import iso
from marketdata_site.observability import clock
from providers.market.types import to_us
from tests.acceptance.feed.conformance.peer import Json, Peer
from tests.acceptance.feed.conformance.stage import Stage, scenario
from tests.feed_support import Ledger, bar, key_of

SINCE = ("field subscribe.since", "field subscribe.since.epoch", "field subscribe.since.seq")
GAP = tuple(f"field subscribed.{name}" for name in ("reason", "gap", "fill_url", "fill_urls"))
FOREIGN = "19aabdd537b-3f2a91"
"""An epoch of another service."""


def _away(stage: Stage, symbol: str) -> Ledger:
    """A client that took four of five messages, and left."""
    peer = stage.peer()
    peer.subscribe(f"bars.1m.{symbol}")
    stage.publish(symbol, range(4), size=4)
    stage.publish(symbol, range(4, 5))
    peer.take(messages=5)
    peer.close()
    ledger = Ledger(peer.ledger.epoch, peer.ledger.seq - 2)  # within a batch
    ledger.seen.update(key_of(bar(symbol, number)) for number in range(3))
    return ledger


def _expect(ledger: Ledger, symbol: str, count: int) -> None:
    assert ledger.seen == {key_of(bar(symbol, number)): 1 for number in range(count)}


def _add(where: str) -> None:
    @scenario(f"a resume brings everything behind the position once, from {where}", *SINCE)
    def _(stage: Stage) -> None:
        symbol = stage.symbol()
        ledger = _away(stage, symbol)
        stage.publish(symbol, range(5, 9), size=2)
        stage.publish(stage.symbol(), range(3))
        if where != "the ring":
            stage.empty_ring()
        if where == "both":
            stage.publish(symbol, range(9, 12))
        told = ledger.since
        peer = stage.peer(ledger=ledger)
        answer = peer.resume(f"bars.1m.{symbol}")
        assert (answer["recovered"], {"epoch": answer["epoch"], "seq": answer["seq"]}) == (True, told)
        stage.publish(symbol, range(12, 14)) if where == "both" else stage.publish(symbol, range(9, 11))
        count = 14 if where == "both" else 11
        peer.take(messages=count)
        _expect(ledger, symbol, count)


for each in ("the ring", "the rows behind it", "both"):
    _add(each)


@scenario("a flush of Valkey is told by an epoch frame, behind everything of the epoch before", "op epoch")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    peer.subscribe(f"bars.1m.{symbol}")
    stage.publish(symbol, range(3))
    before = peer.hello["epoch"]
    stage.flush()
    stage.publish(symbol, range(3, 5))
    peer.take(messages=5)
    assert peer.ledger.epoch > before  # the ledger holds `previous` against its position
    assert peer.ledger.seq == 2
    _expect(peer.ledger, symbol, 5)


@scenario("a resume goes from epoch to epoch, each told by its frame")
def _(stage: Stage) -> None:
    symbol = stage.symbol()
    ledger = _away(stage, symbol)
    epochs = [ledger.epoch]
    for number in (5, 6):
        stage.flush()
        stage.publish(symbol, [number])
    peer = stage.peer(ledger=ledger)
    assert peer.resume(f"bars.1m.{symbol}")["epoch"] == epochs[0]
    while len(ledger.seen) < 7:
        if peer.frame()["op"] == "epoch":
            epochs.append(ledger.epoch)
    assert (len(epochs), sorted(epochs)) == (3, epochs)
    _expect(ledger, symbol, 7)


def _is_told(stage: Stage, peer: Peer, answer: Json, symbol: str, reason: str) -> None:
    """What is missing, where it is to be had; and everything from here on."""
    assert (answer["recovered"], answer["reason"]) == (False, reason)
    assert answer["gap"]["from"] is None or answer["gap"]["from"] < answer["gap"]["to"]
    assert (answer["fill_url"], len(answer["fill_urls"])) == (answer["fill_urls"][0], 1)
    status, page = stage.get(f"{answer['fill_url']}&limit=1")
    assert (status, page["next"]) == (200, None)
    before = len(peer.ledger.seen)
    stage.publish(symbol, range(20, 23))
    peer.take(messages=before + 3)


@scenario("what is no longer kept is too old", "reason too_old", "field subscribe.since.at", *GAP)
def _(stage: Stage) -> None:
    symbol = stage.symbol()
    ledger = _away(stage, symbol)
    stage.publish(symbol, range(5, 9))
    stage.forget()
    stage.publish(symbol, range(9, 12))
    peer = stage.peer(ledger=ledger)
    ledger.at = "2026-11-22T14:30:01.5Z"
    answer = peer.resume(f"bars.1m.{symbol}")
    assert answer["gap"]["from"] == "2026-11-22T14:30:01.500000Z"
    _is_told(stage, peer, answer, symbol, "too_old")


@scenario("an epoch that is not known here has changed", "reason epoch_changed", *SINCE)
def _(stage: Stage) -> None:
    for epoch, is_time_known in ((FOREIGN, True), ("of another kind", False)):
        peer, symbol = stage.peer(), stage.symbol()
        answer = peer.subscribe(f"bars.1m.{symbol}", since={"epoch": epoch, "seq": 5})
        assert (answer["gap"]["from"] is not None) == is_time_known
        _is_told(stage, peer, answer, symbol, "epoch_changed")


@scenario("who is ahead of this epoch is told so", "reason ahead")
def _(stage: Stage) -> None:
    symbol = stage.symbol()
    ledger = _away(stage, symbol)
    peer = stage.peer()
    answer = peer.subscribe(f"bars.1m.{symbol}", since={"epoch": ledger.epoch, "seq": ledger.seq + 1_000})
    _is_told(stage, peer, answer, symbol, "ahead")


@scenario(
    "a resume reads so many messages of all channels and no more",
    "limit max_replay_messages",
    "reason too_many",
    server="small",
)
def _(stage: Stage) -> None:
    symbol = stage.symbol()
    ledger = _away(stage, symbol)
    peer = stage.peer()
    peer.frame("hello")
    most = peer.limit("max_replay_messages")
    stage.publish(stage.symbol(), range(most - 2), size=most)  # two that follow the position are published already
    assert peer.subscribe(f"bars.1m.{symbol}", since=ledger.since)["recovered"] is True
    stage.publish(stage.symbol(), range(1))
    peer = stage.peer(ledger=ledger)
    _is_told(stage, peer, peer.resume(f"bars.1m.{symbol}"), symbol, "too_many")


@scenario("a resume by time brings what was published from then on", "field subscribe.since.time")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    stage.flush()  # what other scenarios published is not kept, which would be a gap
    for number in range(2):
        stage.publish(symbol, range(3 * number, 3 * number + 3))
        time = iso(clock.now_us())
        if number:
            stage.flush()
    stage.publish(symbol, range(6, 8))
    answer = peer.subscribe(f"bars.1m.{symbol}", since={"time": time})
    assert answer["recovered"] is True
    while key_of(bar(symbol, 7)) not in peer.ledger.seen:
        peer.frame()
    assert {key_of(bar(symbol, number)) for number in (6, 7)} <= set(peer.ledger.seen)
    assert set(peer.ledger.seen.values()) == {1}


@scenario("a time from which on not everything is kept is too old, and the gap begins there")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    time = clock.now() - timedelta(hours=50)
    answer = peer.subscribe(f"bars.1m.{symbol}", since={"time": time.isoformat()})
    assert answer["gap"]["from"] == iso(to_us(time))
    _is_told(stage, peer, answer, symbol, "too_old")


@scenario("addresses that fill a gap are of the kinds that were subscribed to")
def _(stage: Stage) -> None:
    since: dict[str, Any] = {"since": {"epoch": FOREIGN, "seq": 5}}
    for channels, paths in (
        (["bars.1m.AAPL"], ["/bars"]),
        (["quotes.*"], ["/quotes"]),
        (["bars.*.*", "quotes.AAPL"], ["/bars", "/quotes"]),
    ):
        answer = stage.peer().subscribe(*channels, **since)
        assert [url.partition("?")[0] for url in answer["fill_urls"]] == paths
        assert [stage.get(url)[0] for url in answer["fill_urls"]] == [200] * len(paths)
