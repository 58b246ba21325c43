"""Who gets through to the feed, by which door, and for how long."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from collector.feed import consumers, protocol
from collector.feed.auth_frame import Auth
from collector.feed.hub import Hub, in_thread
from collector.feed.peers import identity_of
from marketdata_site import doors
from marketdata_site.doors import AccessCheck
from marketdata_site.observability import clock
from ops.access import checking, failures
from ops.access.failures import LIMIT
from ops.access.issuing import revoke
from ops.actors import of_command
from ops.models import ApiKey
from tests.feed_support import Json, Wire, bar
from tests.integration.feed.test_connection import put
from tests.keys import BAD_STATES, bearer, make_key, new_peer, row_of

Hubs = Callable[..., Hub]
pytestmark = [pytest.mark.asyncio, pytest.mark.any_postgres]
OPS = sorted(frame.__struct_config__.tag for frame in (Auth, *get_args(protocol.ClientFrame)))
FRAMES: dict[str, Json] = {"subscribe": {"channels": ["bars.1m.AAPL"]}, "unsubscribe": {"channels": ["x"]}, "pong": {"to": 0}}


class Visitor(Wire):
    """A connection that comes through the door, from elsewhere unless said."""

    def __init__(
        self,
        hub: Hub,
        *,
        key: str | None = None,
        peer: str | None = None,
        user: Any = None,
        session: Any = None,
        **headers: str,
    ) -> None:
        self._in: asyncio.Queue[Json] = asyncio.Queue()
        self._out: asyncio.Queue[Json] = asyncio.Queue()
        self.may_send = asyncio.Event()
        self.may_send.set()
        self._in.put_nowait({"type": "websocket.connect"})
        self.open.append(self)
        sent = {**headers, **(bearer(key) if key else {})}
        names = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        scope = {
            "type": "websocket",
            "path": "/ws/feed",
            "client": [peer or new_peer(), 40_000],
            "headers": names,
            "user": user,
            "session": session,
        }

        async def inner(named: Any, receive: Any, send: Any) -> None:
            await consumers.serve(hub=hub, receive=receive, send=send, identity=identity_of(named))

        self.task = asyncio.create_task(AccessCheck(inner)(scope, self._in.get, self._take))

    async def told(self) -> tuple[int, Json]:
        """The code of the close, and the bye before it."""
        bye = await self.frame("bye")
        with pytest.raises(ConnectionError) as closed:
            await self.frame()
        return closed.value.args[0], bye

    def introduce(self, key: str) -> None:
        """The auth frame."""
        self.say(op="auth", key=key)


def keys_in_every_state() -> dict[str, str]:
    return {state: make_key("admin", state=state) for state in BAD_STATES}


@pytest.mark.parametrize("op", OPS)
async def test_op_is_obeyed_for_right_keys_only(hubs: Hubs, op: str) -> None:
    hub = hubs()
    bad = await in_thread(keys_in_every_state)
    for key in bad.values():
        visitor = Visitor(hub, key=key)
        visitor.say(op=op, **FRAMES.get(op, {"key": key}))
        assert (await visitor.told())[0] == 4401
    stranger = Visitor(hub)
    stranger.say(op=op, **FRAMES.get(op, {"key": bad["unknown"]}))
    code, bye = await stranger.told()
    assert (code, bye["retry_in"]) == (4401, 60)
    for scope in ("read", "ops", "admin"):
        key = await in_thread(make_key, scope)
        visitor = Visitor(hub, **{"X-API-Key": key})
        assert (await visitor.frame())["op"] == "hello"
        visitor.say(op=op, **FRAMES.get(op, {"key": key}))
        visitor.say(op="subscribe", channels=["bars.1m.AAPL"], id="last")
        while (answer := await visitor.frame()).get("id") != "last":
            assert answer.get("code") != "unknown_op"
        assert answer["op"] == "subscribed"


async def test_client_without_headers_says_its_key_first_and_then_gets_the_feed(hubs: Hubs) -> None:
    visitor = Visitor(hubs())
    assert (await visitor.event())["type"] == "websocket.accept"
    visitor.introduce(await in_thread(make_key))
    assert (await visitor.frame())["op"] == "hello"
    await visitor.subscribe("bars.1m.AAPL")
    await put(range(2))
    assert len((await visitor.frame("data"))["messages"]) == 2
    visitor.introduce("another one")
    assert (await visitor.frame("error"))["code"] == "unknown_op"


@pytest.mark.parametrize(
    "frame", [{"op": "auth"}, {"op": "auth", "key": 7}, {"op": "auth", "key": "x", "more": 1}, {"op": "x"}, []]
)
async def test_stranger_that_says_something_else_is_told_what_is_expected(hubs: Hubs, frame: Any) -> None:
    visitor = Visitor(hubs())
    visitor.say_raw(text=json.dumps(frame))
    code, bye = await visitor.told()
    assert code == 4401
    assert "auth" in bye["reason"]


async def test_session_opens_to_staff_only(hubs: Hubs) -> None:
    hub = hubs()
    staff = await in_thread(logged_in, "ada")
    assert (await Visitor(hub, **staff).frame())["op"] == "hello"
    visitor = Visitor(hub, user=User(username="visitor"))
    visitor.say(op="subscribe", channels=["bars.1m.AAPL"])
    assert (await visitor.told())[0] == 4401


async def test_stranger_that_says_nothing_is_sent_away(hubs: Hubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "INTRODUCTION_SECONDS", 0.01)
    code, bye = await Visitor(hubs()).told()
    assert (code, bye["reason"]) == (4401, "no key came within 0.01 seconds")


async def test_strangers_are_few_at_a_time(hubs: Hubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MOST_STRANGERS", 0)
    assert (await Visitor(hubs()).told())[0] == 4429
    assert (await Visitor(hubs(), key=await in_thread(make_key)).frame())["op"] == "hello"


async def test_peer_with_too_many_bad_keys_is_told_when_to_come_again(hubs: Hubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "WINDOW_SECONDS", 86_400)  # none ends in between
    hub, peer = hubs(), new_peer()
    for n in range(LIMIT):
        assert (await Visitor(hub, key=f"guess {n}", peer=peer).told())[0] == 4401
    visitor = Visitor(hub, peer=peer)
    visitor.introduce(await in_thread(make_key))
    code, bye = await visitor.told()
    assert code == 4429
    assert 1 <= bye["retry_in"] <= 86_400


async def test_client_on_this_machine_needs_no_key_but_one_that_it_sends_counts(hubs: Hubs, settings: Any) -> None:
    hub = hubs()
    assert (await Visitor(hub, peer="127.0.0.1").frame())["op"] == "hello"
    visitor = Visitor(hub, peer="127.0.0.1")
    assert (await visitor.frame())["op"] == "hello"
    visitor.introduce("md_00000000_" + "A" * 43)
    assert (await visitor.told())[0] == 4401
    settings.TRUST_LOOPBACK = False
    visitor = Visitor(hub, peer="127.0.0.1")
    visitor.say(op="subscribe", channels=["bars.1m.AAPL"])
    assert (await visitor.told())[0] == 4401


async def test_connections_are_counted_by_key_wherever_they_come_from_and_however_it_is_said(hubs: Hubs) -> None:
    hub = hubs(max_connections=1)
    key, another = await in_thread(lambda: (make_key("read"), make_key("read")))
    assert (await Visitor(hub, key=key, peer="203.0.113.7").frame())["op"] == "hello"
    second = Visitor(hub, peer="203.0.113.8")
    second.introduce(key)
    assert (await second.told())[0] == 4429
    assert (await Visitor(hub, key=another, peer="203.0.113.7").frame())["op"] == "hello"


def logged_in(name: str) -> dict[str, Any]:
    """A member of staff with a session."""
    user = User.objects.create_user(f"{name} {new_peer()}", is_staff=True, password="a long pass phrase")
    client = Client()
    client.force_login(user)
    return {"user": user, "session": client.session}


SESSION_ENDS: dict[str, Callable[[User, Any], object]] = {
    "logged out": lambda user, session: session.flush(),
    "expired": lambda user, session: Session.objects.filter(pk=session.session_key).update(expire_date=clock.now()),
    "no staff": lambda user, session: User.objects.filter(pk=user.pk).update(is_staff=False),
    "not active": lambda user, session: User.objects.filter(pk=user.pk).update(is_active=False),
    "deleted": lambda user, session: user.delete(),
    "another password": lambda user, session: (user.set_password("another long pass phrase"), user.save()),
}


@pytest.mark.parametrize("how", SESSION_ENDS)
async def test_open_connections_end_with_their_session_and_others_go_on(hubs: Hubs, how: str) -> None:
    hub = hubs()
    ada, bob = await in_thread(logged_in, "ada"), await in_thread(logged_in, "bob")
    first, second, other = Visitor(hub, **ada), Visitor(hub, **ada), Visitor(hub, **bob)
    for visitor in (first, second, other):
        await visitor.subscribe("bars.1m.AAPL")
    await in_thread(SESSION_ENDS[how], ada["user"], ada["session"])
    for visitor in (first, second):
        code, bye = await visitor.told()
        assert (code, bye["reason"]) == (4401, "you are logged out, or no staff any more")
    await put(range(1))
    assert [message["symbol"] for message in (await other.frame("data"))["messages"]] == [bar()["symbol"]]


def _end(key: str, how: str) -> None:
    if how == "revoked":
        revoke(of_command(), prefix=key[:11], now=clock.now())
    elif how == "expired":
        ApiKey.objects.filter(prefix=key[:11]).update(expires_at=clock.now())
    else:
        row_of(key).delete()


@pytest.mark.parametrize("how", ["revoked", "expired", "deleted"])
async def test_open_connections_end_with_their_key_and_others_go_on(hubs: Hubs, how: str) -> None:
    hub = hubs()
    key, other_key = await in_thread(make_key), await in_thread(make_key)
    by_header, by_frame, other = Visitor(hub, key=key), Visitor(hub), Visitor(hub, key=other_key)
    by_frame.introduce(key)
    for visitor in (by_header, by_frame, other):
        await visitor.subscribe("bars.1m.AAPL")
    await in_thread(_end, key, how)
    for visitor in (by_header, by_frame):
        code, bye = await visitor.told()
        assert (code, bye["reason"]) == (4401, "your key was revoked or has expired")
    await put(range(1))
    assert [message["symbol"] for message in (await other.frame("data"))["messages"]] == [bar()["symbol"]]
    await by_header.hang_up()
    await by_frame.hang_up()


async def test_key_of_a_connection_that_lasts_counts_as_used(hubs: Hubs, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await in_thread(make_key)
    visitor = Visitor(hubs(), key=key)
    await visitor.frame()
    first = (await in_thread(row_of, key)).last_used_at
    monkeypatch.setattr(checking, "USE_EVERY", checking.USE_EVERY * 0)
    async with asyncio.timeout(60):
        while (await in_thread(row_of, key)).last_used_at == first:
            await asyncio.sleep(0.05)
