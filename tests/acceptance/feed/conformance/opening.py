"""Who gets in, and what comes first."""

from marketdata_site.observability import clock
from ops.access import failures
from ops.access.issuing import revoke
from ops.actors import of_command
from tests import feed_document as document
from tests.acceptance.feed.conformance.stage import Stage, scenario
from tests.keys import bearer, make_key, new_peer


@scenario("hello comes first, and tells the limits that are documented", "op hello")
def _(stage: Stage) -> None:
    hello = stage.peer().frame()
    assert hello["op"] == "hello"
    rows = document.section("Limits").table("limit").rows
    assert hello["limits"] == {row[0].strip("`"): float(row[1].replace(",", "")) for row in rows}
    assert hello["heartbeat_s"] == 10


@scenario("nothing but hello comes before a subscribe, whatever is published", server="small")
def _(stage: Stage) -> None:
    silent, other, symbol = stage.peer(), stage.peer(), stage.symbol()
    silent.frame("hello")
    other.subscribe("bars.*.*")
    stage.publish(symbol, range(3))
    other.take(messages=3)
    for _ in range(3):
        other.frame("data")  # heartbeats
    silent.say("nonsense")
    assert silent.frame()["op"] == "error"


@scenario("a key in a header opens from elsewhere")
def _(stage: Stage) -> None:
    for headers in (bearer(make_key()), {"X-API-Key": make_key()}):
        assert stage.stranger(**headers).subscribe("quotes.*")["recovered"] is True


@scenario("a key may come as the first frame, and any later one is an unknown op", "op auth", "code unknown_op")
def _(stage: Stage) -> None:
    peer, key = stage.stranger(), make_key()
    peer.say("auth", key=key)
    assert peer.frame()["op"] == "hello"
    for _ in range(2):
        peer.say("auth", key=key)
        assert peer.refused() == "unknown_op"
        peer.subscribe("quotes.*")


@scenario("a connection that is open gets no answer to a key that opens, and is ended by one that does not", "close code 4401")
def _(stage: Stage) -> None:
    peer = stage.peer()
    peer.say("auth", key=make_key())
    peer.say("subscribe", channels=["quotes.*"])
    assert [peer.frame()["op"] for _ in range(2)] == ["hello", "subscribed"]
    peer = stage.peer()
    peer.say("auth", key=make_key(state="revoked"))
    code, bye = peer.ended()
    assert (code, "epoch" in bye) == (4401, False)


@scenario("who sends no key, or one that does not open, is not let in, and told so")
def _(stage: Stage) -> None:
    for state in ("unknown", "expired", "revoked"):
        assert stage.stranger(**bearer(make_key(state=state))).ended()[0] == 4401
    peer = stage.stranger()
    peer.say("subscribe", channels=["quotes.*"])
    code, bye = peer.ended()
    assert (code, "epoch" in bye, bye["retry_in"] >= 60) == (4401, False, True)


@scenario("who says nothing from elsewhere is sent away", server="hasty")
def _(stage: Stage) -> None:
    assert stage.stranger().ended()[0] == 4401


@scenario("a connection ends with its key")
def _(stage: Stage) -> None:
    key = make_key()
    by_header, by_frame = stage.stranger(**bearer(key)), stage.stranger()
    by_frame.say("auth", key=key)
    for peer in (by_header, by_frame):
        peer.subscribe("quotes.*")
    revoke(of_command(), prefix=key[:11], now=clock.now())
    for peer in (by_header, by_frame):
        code, bye = peer.ended()
        assert (code, "epoch" in bye) == (4401, False)


@scenario("an address that sends too many keys that open nothing has to wait")
def _(stage: Stage) -> None:
    guesser = {"X-Forwarded-For": new_peer()}
    for number in range(5 * failures.LIMIT):  # the count begins anew with each minute
        code, bye = stage.peer(headers=guesser | bearer(f"guess {number}")).ended()
        if code == 4429:
            break
    assert (code, 1 <= bye["retry_in"] <= 60) == (4429, True)


@scenario("pages of other sites may not connect", "close code 4403")
def _(stage: Stage) -> None:
    assert stage.peer(headers={"Origin": "http://evil.example"}).ended()[0] == 4403
    for ours in (f"http://{stage.web.address}", "http://localhost:3000"):
        assert stage.peer(headers={"Origin": ours}).frame()["op"] == "hello"


@scenario("a path that does not exist says so, for good", "close code 4504")
def _(stage: Stage) -> None:
    assert stage.peer(path="/ws/nothing").ended()[0] == 4504
