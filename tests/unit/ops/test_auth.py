"""Who is let in without a key, and where a key is looked for."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser

from marketdata_site.observability import clock
from ops import auth
from ops.access.scopes import Scope
from ops.access.tokens import digest_of, new_token, prefix_of


def find(peer: str | None, *, user: object = None, **headers: str) -> auth.Caller | None:
    return auth.find_caller(peer=peer, headers=headers, session=lambda: user, now=clock.now())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"])
def test_caller_is_let_in_when_on_this_machine(settings, host):
    assert find(host) is auth.LOCAL
    settings.TRUST_LOOPBACK = False
    assert find(host) is None


@pytest.mark.parametrize(
    "host", [None, "", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "localhost", "127.0.0.1.example.com", "0.0.0.0", "::"]
)
def test_caller_is_unknown_when_elsewhere(host):
    assert find(host) is None


def test_session_opens_to_active_staff_only():
    user = SimpleNamespace(is_active=True, is_staff=True, get_username=lambda: "ada", has_perm=lambda name: name == "x.y")
    caller = find("10.0.0.1", user=user)
    assert (caller.who, caller.scope, caller.may("x.y"), caller.may("x.z")) == ("ada", Scope.ADMIN, True, False)
    for change in ({"is_active": False}, {"is_staff": False}):
        assert find("10.0.0.1", user=SimpleNamespace(**{**vars(user), **change})) is None
    assert find("10.0.0.1", user=AnonymousUser()) is None


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc "}, "abc"),
        ({"x-api-key": "abc"}, "abc"),
        ({"x-api-key": "abc", "authorization": "Basic xyz"}, "abc"),
        ({"x-api-key": "abc", "authorization": "Bearer def"}, "def"),
        ({"authorization": "Bearer "}, ""),
        ({"authorization": "Basic abc"}, None),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "abc"}, None),
        ({"x-api-key": " "}, None),
        ({}, None),
    ],
)
def test_key_is_found_in_either_header(headers, key):
    assert auth.key_in(headers) == key


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "forwarded", "VIA", "x-real-ip", "X-Forwarded-Port", "x-forwarded-prefix"]
)
def test_peer_is_unknown_when_a_proxy_stands_between(header):
    assert auth.direct_host(peer="127.0.0.1", header_names=["Host", header]) is None
    assert find("127.0.0.1", **{header: "203.0.113.9"}) is None


def test_peer_is_known_when_no_proxy_stands_between():
    assert auth.direct_host(peer="127.0.0.1", header_names=["Host", "Accept"]) == "127.0.0.1"


def test_each_scope_includes_those_before_it():
    order = [Scope.READ, Scope.OPS, Scope.ADMIN]
    for i, one in enumerate(order):
        assert [one.includes(other) for other in order] == [j <= i for j in range(3)]


def test_tokens_are_long_random_and_known_by_their_beginning():
    tokens = [new_token() for _ in range(100)]
    assert len({token.text[12:] for token in tokens}) == 100
    for token in tokens:
        assert len(token.text) == 12 + 43
        assert (prefix_of(token.text), digest_of(token.text)) == (token.prefix, token.digest)
        assert prefix_of(token.text + "\n") is None
