"""Who reads slowly costs nobody else anything, and loses nothing."""

from tests.acceptance.feed.conformance.stage import Stage, scenario
from tests.feed_support import Ledger, bar, key_of

BAR_BYTES = 250
"""Of a message, or more."""


@scenario(
    "who acknowledges nothing is closed, and has everything after a resume from what it took",
    *("limit max_outstanding_bytes", "close code 4008", "op bye", "field bye.epoch", "field bye.seq"),
    server="small",
)
def _(stage: Stage) -> None:
    silent, honest, symbol = stage.peer(), stage.peer(), stage.symbol()
    silent.subscribe(f"bars.1m.{symbol}")
    honest.subscribe(f"bars.1m.{symbol}")
    count = silent.limit("max_outstanding_bytes") // BAR_BYTES + 50
    for begin in range(0, count, 10):
        stage.publish(symbol, range(begin, begin + 10), size=10)
        honest.take(messages=begin + 10)
    count = len(honest.ledger.seen)
    code, bye = silent.ended()
    assert (code, bye["epoch"], bye["seq"]) == (4008, silent.ledger.epoch, silent.ledger.seq)
    assert len(silent.ledger.seen) < count
    again = stage.peer(ledger=silent.ledger)
    assert again.resume(f"bars.1m.{symbol}")["recovered"] is True
    again.take(messages=count)
    for ledger in (silent.ledger, honest.ledger):
        assert ledger.seen == {key_of(bar(symbol, number)): 1 for number in range(count)}


@scenario(
    "in mode latest the newest come while older ones give way, and it is told how many",
    *("limit latest_outstanding_bytes", "field data.skipped", "field subscribe.mode"),
    server="small",
)
def _(stage: Stage) -> None:
    slow, every, symbols = stage.peer(), stage.peer(), (stage.symbol(), stage.symbol())
    channels = [f"bars.1m.{symbol}" for symbol in symbols]
    begin = slow.subscribe(*channels, mode="latest")["seq"]
    every.subscribe(*channels, mode="every")
    rounds = slow.limit("latest_outstanding_bytes") // BAR_BYTES + 20
    for number in range(rounds):
        for symbol in symbols:
            stage.publish(symbol, [number])
        every.take(messages=2 * (number + 1))
    stage.publish(symbols[0], [3], rev=7)  # of an older bar: it gives way
    every.take(messages=2 * rounds + 1)
    slow.take_until(begin + 2 * rounds + 1)
    newest = {key[0]: key for key in slow.ledger.seen}
    assert newest == {symbol: key_of(bar(symbol, rounds - 1)) for symbol in symbols}
    assert slow.ledger.skipped > 0
    assert slow.ledger.skipped + len(slow.ledger.numbers) == 2 * rounds + 1


@scenario("a resume's history waits for pongs, and overflows nobody", server="small")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    peer.subscribe(f"bars.1m.{symbol}")
    most = peer.limit("max_outstanding_bytes")
    count = 2 * most // BAR_BYTES
    begin = Ledger(peer.ledger.epoch, peer.ledger.seq)
    peer.say("unsubscribe", channels=[f"bars.1m.{symbol}"])
    peer.frame("unsubscribed")
    stage.publish(symbol, range(count), size=20)
    again = stage.peer(ledger=begin)
    assert again.resume(f"bars.1m.{symbol}")["recovered"] is True
    again.take(messages=most // 4 // BAR_BYTES, pongs=False)
    again.take(messages=count)
    assert begin.seen == {key_of(bar(symbol, number)): 1 for number in range(count)}
