"""Who may read."""

import pytest

from ops import auth


@pytest.fixture(autouse=True)
def _secret(settings):
    settings.SHARED_SECRET = "open-sesame-é"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"])
def test_caller_is_allowed_when_on_this_machine(host):
    assert auth.is_allowed(client_host=host, authorization=None, is_staff=False)


@pytest.mark.parametrize(
    "host", [None, "", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "localhost", "127.0.0.1.example.com", "0.0.0.0", "::"]
)
def test_caller_is_refused_when_elsewhere(host):
    assert not auth.is_allowed(client_host=host, authorization=None, is_staff=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_caller_on_this_machine_needs_the_secret_when_loopback_is_not_trusted(settings, host):
    settings.TRUST_LOOPBACK = False
    assert not auth.is_allowed(client_host=host, authorization=None, is_staff=False)
    assert auth.is_allowed(client_host=host, authorization="Bearer open-sesame-é", is_staff=False)


def test_request_from_this_machine_is_refused_when_loopback_is_not_trusted(rf, settings):
    settings.TRUST_LOOPBACK = False
    assert not auth.request_is_allowed(rf.get("/bars"))


def test_caller_is_allowed_when_staff():
    assert auth.is_allowed(client_host="10.0.0.1", authorization=None, is_staff=True)


@pytest.mark.parametrize("header", ["Bearer open-sesame-é", "bearer  open-sesame-é"])
def test_caller_is_allowed_when_it_knows_the_secret(header):
    assert auth.is_allowed(client_host=None, authorization=header, is_staff=False)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer open", "open-sesame-é", "Basic open-sesame-é"])
def test_caller_is_refused_when_the_secret_is_wrong(header):
    assert not auth.is_allowed(client_host=None, authorization=header, is_staff=False)


@pytest.mark.parametrize("header", ["Bearer ", "Bearer", "Bearer x"])
def test_empty_secret_matches_nothing_when_none_is_set(settings, header):
    settings.SHARED_SECRET = ""
    assert not auth.is_allowed(client_host=None, authorization=header, is_staff=False)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "forwarded", "VIA", "x-real-ip"])
def test_peer_is_unknown_when_a_proxy_stands_between(header):
    assert auth.direct_host(peer="127.0.0.1", header_names=["Host", header]) is None


def test_peer_is_known_when_no_proxy_stands_between():
    assert auth.direct_host(peer="127.0.0.1", header_names=["Host", "Accept"]) == "127.0.0.1"


def test_request_is_refused_when_a_proxy_on_this_machine_passes_it_on(rf):
    assert auth.request_is_allowed(rf.get("/bars"))
    assert not auth.request_is_allowed(rf.get("/bars", headers={"X-Forwarded-For": "203.0.113.9"}))
