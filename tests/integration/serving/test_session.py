"""A browser's session on the feed of a real web process."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.web_server import running

PATIENCE_SECONDS = 60


def test_connection_of_a_session_ends_when_its_user_logs_out(transactional_db):
    user, client = User.objects.create_user("ada", is_staff=True, password="a long pass phrase"), Client()
    client.force_login(user)
    cookie = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
    with (
        running(MARKETDATA_TRUST_LOOPBACK="false") as url,
        connect(url.replace("http", "ws") + "/ws/feed", additional_headers=cookie) as feed,
    ):
        assert json.loads(feed.recv(PATIENCE_SECONDS))["op"] == "hello"
        client.logout()
        assert json.loads(feed.recv(PATIENCE_SECONDS))["op"] == "bye"
        with pytest.raises(ConnectionClosed) as closed:
            feed.recv(PATIENCE_SECONDS)
        assert closed.value.rcvd.code == 4401
