"""How connections end, by the code of their close."""

import contextlib

from websockets.exceptions import ConnectionClosed

from tests.acceptance.feed.conformance.stage import Stage, scenario
from tests.feed_support import bar, key_of
from tests.keys import bearer, make_key


@scenario("a server that ends says so, and another one goes on from there", "close code 4000", server="doomed")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    peer.subscribe(f"bars.1m.{symbol}")
    stage.publish(symbol, range(3))
    peer.take(messages=3)
    stage.web.process.terminate()
    code, bye = peer.ended()
    assert (code, bye["epoch"], bye["seq"]) == (4000, peer.ledger.epoch, peer.ledger.seq)
    stage.publish(symbol, range(3, 5))
    again = stage.peer(ledger=peer.ledger, web=stage.webs("usual"))
    assert again.resume(f"bars.1m.{symbol}")["recovered"] is True
    again.take(messages=5)
    assert peer.ledger.seen == {key_of(bar(symbol, number)): 1 for number in range(5)}


@scenario("a server that lost its place closes everybody, and resumes tell what is missing", "close code 4009")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    peer.subscribe(f"bars.1m.{symbol}")
    stage.suspend()
    try:
        stage.publish(symbol, range(3))  # three batches: a read that is under way gets the first
        stage.forget()
    finally:
        stage.wake()
    assert peer.ended()[0] == 4009
    again = stage.peer(ledger=peer.ledger)
    answer = again.resume(f"bars.1m.{symbol}")
    assert (answer["recovered"], answer["reason"]) == (False, "too_old")


@scenario("a server that can't reach Valkey says so", "close code 4013", server="cut off")
def _(stage: Stage) -> None:
    code, bye = stage.peer().ended()
    assert (code, "epoch" in bye) == (4013, False)


@scenario("who does not subscribe in time is sent away", "limit subscribe_timeout_s", "close code 4408", server="hasty")
def _(stage: Stage) -> None:
    peer = stage.peer()
    peer.frame("hello")
    assert peer.limit("subscribe_timeout_s") == 1
    assert peer.ended()[0] == 4408


@scenario("who says nothing for long is sent away", "limit idle_timeout_s", server="hasty")
def _(stage: Stage) -> None:
    answer = "bye"
    while answer == "bye":  # on a busy machine even the subscribe may come too late
        peer = stage.peer()
        with contextlib.suppress(ConnectionClosed):
            peer.say("subscribe", channels=["quotes.*"])
            answer = peer.frame("subscribed", "bye")["op"]
    assert peer.limit("idle_timeout_s") == 1
    assert peer.ended()[0] == 4408


@scenario(
    "who has more connections than are allowed is told to wait", "limit max_connections", "close code 4429", server="small"
)
def _(stage: Stage) -> None:
    key, another = bearer(make_key()), bearer(make_key())
    first = stage.stranger(**key)
    first.frame("hello")
    for _ in range(first.limit("max_connections") - 1):
        assert stage.stranger(**key).frame()["op"] == "hello"
    code, bye = stage.stranger(**key).ended()
    assert (code, bye["retry_in"] > 0, "epoch" in bye) == (4429, True, False)
    assert stage.stranger(**another).frame()["op"] == "hello"


@scenario("who sends more frames than are allowed is closed", "limit max_frames_per_s", "limit frame_burst")
def _(stage: Stage) -> None:
    peer = stage.peer()
    peer.frame("hello")
    assert peer.limit("max_frames_per_s") < peer.limit("frame_burst")
    sent = 0
    with contextlib.suppress(ConnectionClosed):
        while sent < 100 * peer.limit("frame_burst"):
            peer.say("nonsense")
            sent += 1
    code, bye = peer.ended()
    assert (code, bye["retry_in"] > 0) == (4429, True)
    assert sent >= peer.limit("frame_burst")


@scenario("pongs of what is new are free")
def _(stage: Stage) -> None:
    peer, symbol = stage.peer(), stage.symbol()
    begin = peer.subscribe(f"bars.1m.{symbol}")["seq"]
    many = peer.limit("frame_burst") + 100
    stage.publish(symbol, range(many), size=many)
    peer.take(messages=many, pongs=False)
    for to in range(begin + 1, begin + many + 1):
        peer.say("pong", to=to)
    assert peer.subscribe("quotes.OTHER")["channels"] == 2
