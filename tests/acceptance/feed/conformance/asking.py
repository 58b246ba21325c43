"""What a client may say, and how it is answered."""

import json
from typing import Any

from collector.feed.subscriptions import INTERVALS
from tests.acceptance.feed.conformance.peer import Peer
from tests.acceptance.feed.conformance.stage import Stage, scenario

CHANNEL = "quotes.NONE"
WRONG: dict[str, list[Any]] = {
    "bad_json": ["}{", "[]", "7", '{"op": "subscribe"', ""],
    "binary_frame": [b"\x00", b'{"op": "pong", "to": 0}'],
    "unknown_op": [{}, {"op": "publish"}, {"op": None}],
    "bad_frame": [
        {"op": "subscribe"},
        {"op": "subscribe", "channels": CHANNEL},
        {"op": "subscribe", "channels": [CHANNEL], "sicne": {}},
        {"op": "subscribe", "channels": [CHANNEL], "since": {"seq": 1}},
        {"op": "subscribe", "channels": [CHANNEL], "since": {"time": "2026-11-22T14:30:00"}},
        {"op": "subscribe", "channels": [CHANNEL], "id": "x" * 101},
        {"op": "unsubscribe", "channels": [CHANNEL], "mode": "every"},
        {"op": "pong"},
        {"op": "pong", "to": -1},
    ],
    "bad_channel": [
        {"op": "subscribe", "channels": channels}
        for channels in (
            [],
            ["bars.*"],
            ["bars.1m.BRK*"],
            ["bars.2m.AAPL"],
            ["bars.1m."],
            ["trades.AAPL"],
            ["quotes.A B"],
            [CHANNEL, "x"],
        )
    ],
    "unsupported_mode": [{"op": "subscribe", "channels": [CHANNEL], "mode": "newest"}],
    "never_sent": [{"op": "pong", "to": 2**53 - 1}],
}
"""By the code of the answer."""


def _refuse(peer: Peer, said: Any, code: str) -> None:
    peer.say_raw(said if isinstance(said, str | bytes) else json.dumps(said))
    assert peer.refused() == code, said


def _has_no_effect(peer: Peer) -> None:
    """The connection goes on, with the channels that it had: none."""
    assert peer.subscribe("quotes.OTHER")["channels"] == 1


def _add(code: str) -> None:
    @scenario(f"a frame is refused with {code}, has no effect, and the connection goes on", f"code {code}", "op error")
    def _(stage: Stage) -> None:
        peer = stage.peer()
        for said in WRONG[code]:
            _refuse(peer, said, code)
        _has_no_effect(peer)


for each in WRONG:
    _add(each)


@scenario("since belongs to a connection's first subscribe", "code since_not_first")
def _(stage: Stage) -> None:
    peer = stage.peer()
    peer.subscribe("quotes.NONE")
    _refuse(peer, {"op": "subscribe", "channels": ["quotes.X"], "since": {"epoch": "x", "seq": 1}}, "since_not_first")
    assert peer.subscribe("quotes.OTHER")["channels"] == 2


@scenario("a connection holds so many channels and no more", "limit max_channels", "code too_many_channels")
def _(stage: Stage) -> None:
    peer = stage.peer()
    peer.frame("hello")
    names = [f"quotes.{number}" for number in range(peer.limit("max_channels"))]
    for begin in range(0, len(names), 1000):
        answer = peer.subscribe(*names[begin : begin + 1000])
    assert answer["channels"] == len(names)
    _refuse(peer, {"op": "subscribe", "channels": ["quotes.ONE-MORE"]}, "too_many_channels")
    assert peer.subscribe(names[0])["channels"] == len(names)


@scenario("a frame may be so long, above that it is refused", "limit max_frame_bytes", "code frame_too_large")
def _(stage: Stage) -> None:
    peer = stage.peer()
    peer.frame("hello")
    most = peer.limit("max_frame_bytes")
    frame = json.dumps({"op": "subscribe", "channels": ["quotes.OTHER"]})
    _refuse(peer, frame + " " * (most + 1 - len(frame)), "frame_too_large")
    peer.say_raw(frame + " " * (most - len(frame)))
    assert peer.frame("subscribed")["channels"] == 1


@scenario("a frame above 65,536 bytes costs the socket")
def _(stage: Stage) -> None:
    peer = stage.peer()
    peer.frame("hello")
    peer.say_raw(" " * 65_537)
    assert peer.dropped() == 1006


@scenario(
    "answers repeat the id, and count the channels",
    *("op subscribe", "op subscribed", "op unsubscribe", "op unsubscribed", "field subscribe.id", "field unsubscribe.id"),
)
def _(stage: Stage) -> None:
    peer = stage.peer()
    hello = peer.frame("hello")
    answer = peer.subscribe("quotes.A", "quotes.B", "quotes.A", id="1")
    assert (answer["id"], answer["channels"], answer["recovered"]) == ("1", 2, True)
    assert (answer["epoch"], answer["seq"]) == (hello["epoch"], hello["seq"])
    assert peer.subscribe("quotes.C")["id"] is None
    peer.say("unsubscribe", channels=["quotes.A", "quotes.NEVER"], id="x" * 100)
    answer = peer.frame("unsubscribed")
    assert (answer["id"], answer["channels"]) == ("x" * 100, 2)
    peer.say_raw('{"op": "subscribe", "id": "7", "channels": ["nonsense"]}')
    assert peer.frame("error")["id"] == "7"


@scenario("channels are taken as the grammar says")
def _(stage: Stage) -> None:
    peer = stage.peer()
    names = [f"bars.{interval}.AAPL" for interval in (*INTERVALS, "*")]
    names += [
        "bars.1m.*",
        "bars.*.*",
        "bars.1m.BRK.B",
        "bars.1d.é",
        f"bars.1m.{'S' * 64}",
        "quotes.*",
        "quotes.USDJPY.BID",
        "quotes.bars",
    ]
    assert peer.subscribe(*names)["channels"] == len(names)
