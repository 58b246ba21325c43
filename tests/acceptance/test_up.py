"""`manage.py up` as an operator meets it: start, log in, start twice, stop, start again, kill."""

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from websockets.sync.client import connect

from tests.acceptance.up import PROJECT, TIMEOUT_SECONDS, Up, fresh_home
from tests.processes import is_alive
from tests.waiting import wait_until

FIRST_BAR_SECONDS = 150
PROGRAMS = {"vendors", "web", "live", "backfill", "maintenance", "beat"}


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with fresh_home() as found:
        yield found


def _servers_of(base: Path) -> list[Path]:
    return [*base.rglob("postmaster.pid"), *base.rglob("valkey.sock")]


def _logs_in(port: int, *, username: str, password: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/admin/login/")
    answer = connection.getresponse()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.read().decode())
    cookie = re.search(r"csrftoken=\w+", answer.getheader("Set-Cookie") or "")
    assert token
    assert cookie
    form = urlencode({"csrfmiddlewaretoken": token[1], "username": username, "password": password, "next": "/admin/"})
    headers = {"Cookie": cookie[0], "Content-Type": "application/x-www-form-urlencoded", "Referer": f"http://127.0.0.1:{port}/"}
    connection.request("POST", "/admin/login/", form, headers)
    status = connection.getresponse().status
    connection.close()
    return status == 302


def test_up_runs_the_service_refuses_to_run_twice_and_leaves_nothing_behind(environment: dict[str, str]) -> None:
    home, port = Path(environment["MARKETDATA_HOME"]), int(environment["MARKETDATA_WEB_PORT"])
    up = Up(home=home, environment=environment | {"MARKETDATA_CLOCK_OFFSET": "3600"})
    up.wait_until_ready()
    assert set(up.pids) == PROGRAMS
    assert "shifted by +3600 s" in up.log

    login = re.search(r"login +(\S+) / (\S+)", up.log)
    assert login
    kept = home / "admin-login"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert f"password: {login[2]}" in kept.read_text()
    assert _logs_in(port, username=login[1], password=login[2])
    assert not _logs_in(port, username=login[1], password="wrong")

    second = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert f"already running on {home}: pid {up.process.pid}, http://127.0.0.1:{port}/" in second.stderr
    assert all(map(is_alive, up.pids.values()))

    assert up.end(signal.SIGINT) == 0, up.log
    assert not any(map(is_alive, up.pids.values()))
    assert _servers_of(home.parent) == []

    again = Up(home=home, environment=environment)
    again.wait_until_ready()
    assert login[2] not in again.log
    assert f"password in {kept}" in again.log
    assert _logs_in(port, username=login[1], password=login[2])
    assert again.end(signal.SIGTERM) == 0, again.log
    assert _servers_of(home.parent) == []


def test_up_shows_bars_soon_and_starts_a_killed_worker_again_and_takes_its_programs_along_when_it_is_killed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    home, offset = Path(environment["MARKETDATA_HOME"]), tmp_path / "offset"
    offset.write_text("0")
    up = Up(home=home, environment=environment | {"MARKETDATA_CLOCK_OFFSET": f"@{offset}"})
    up.wait_until_ready()
    bar = _first_bar(f"ws://127.0.0.1:{environment['MARKETDATA_WEB_PORT']}/ws/feed", offset)
    assert (bar["interval"], bar["rev"], bar["provider"]) == ("1m", 1, "polygon"), bar
    assert bar["low"] <= bar["open"] <= bar["high"]

    before = up.pids["live"]
    os.kill(before, signal.SIGKILL)
    up.wait(lambda: up.pids["live"] != before)
    assert "live ended by itself with signal SIGKILL; starting it again" in up.log

    up.end(signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, up.pids.values())), seconds=TIMEOUT_SECONDS, what="the end of its programs")
    assert _servers_of(home.parent) != []  # nobody was left to stop them: the next command takes them over
    heir = subprocess.run([sys.executable, "manage.py", "migrate", "--check"], cwd=PROJECT, env=environment, check=False)
    assert heir.returncode == 0
    assert _servers_of(home.parent) == []


def _first_bar(feed: str, offset: Path) -> dict[str, Any]:
    """The first bar that anybody on the feed is told: crypto trades at any hour. What is left of the present minute is skipped."""
    deadline = time.monotonic() + FIRST_BAR_SECONDS
    with connect(feed) as client:
        client.send(json.dumps({"op": "subscribe", "channels": ["bars.1m.*"]}))
        offset.with_suffix(".new").write_text(str(max(0, 58 - time.time() % 60)))
        offset.with_suffix(".new").replace(offset)
        while True:
            frame = json.loads(client.recv(timeout=max(0, deadline - time.monotonic())))
            for message in frame.get("messages", []):
                if message["type"] == "bar":
                    bar: dict[str, Any] = message
                    return bar


@pytest.fixture
def named_database() -> Iterator[str]:
    """An empty database beside the one of the tests, as an operator would name one."""
    url = os.environ["DATABASE_URL"]
    name = f"named_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_up_loads_no_demo_and_simulates_no_vendor_when_the_database_is_named(
    environment: dict[str, str], named_database: str
) -> None:
    up = Up(home=Path(environment["MARKETDATA_HOME"]), environment=environment | {"DATABASE_URL": named_database})
    try:
        up.wait_until_ready()
        assert set(up.pids) == PROGRAMS - {"vendors"}
        assert "named by DATABASE_URL, so no demo is loaded" in up.log
        with psycopg.connect(named_database) as connection:
            rows = connection.execute(
                "SELECT (SELECT count(*) FROM providers_provider), (SELECT count(*) FROM collector_instrument)"
            )
            assert rows.fetchone() == (0, 0)
    finally:
        up.end(signal.SIGINT)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("MARKETDATA_WEB_PORT", "http", "MARKETDATA_WEB_PORT must be a port"),
        ("MARKETDATA_CLOCK_OFFSET", "an hour", "MARKETDATA_CLOCK_OFFSET must be a number of seconds"),
    ],
)
def test_up_names_the_variable_when_it_makes_no_sense(
    environment: dict[str, str], variable: str, value: str, complaint: str
) -> None:
    command = [sys.executable, "manage.py", "up"]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment | {variable: value}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert complaint in done.stderr


def test_up_names_the_port_when_it_is_taken(environment: dict[str, str]) -> None:
    port = int(environment["MARKETDATA_WEB_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        command = [sys.executable, "manage.py", "up"]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 can't be used" in done.stderr
    assert "MARKETDATA_WEB_PORT" in done.stderr
