"""`manage.py serve_metrics`: the counters of a machine that has workers only."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ops.access.tokens import new_token
from ops.management.commands.serve_metrics import answer

pytestmark = pytest.mark.any_postgres

PROJECT = Path(__file__).resolve().parents[3]
COUNT = "from providers.metrics import selected; selected(capability='bars_1m', provider='polygon')"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1"}
    return {**os.environ, **nowhere, "MARKETDATA_ROLE": "command", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}


@pytest.fixture
def address(environment: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "manage.py", "serve_metrics", "--port", "0"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found
    yield found[0]
    process.terminate()
    process.communicate()


def _status(request: str | urllib.request.Request) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    with caught.value as error:
        return error.code


def test_counters_are_served_without_any_server_and_only_to_those_who_may_read(
    address: str, environment: dict[str, str]
) -> None:
    with urllib.request.urlopen(f"{address}/metrics", timeout=20) as answer:
        assert answer.read() == b""
    subprocess.run([sys.executable, "-c", COUNT], cwd=PROJECT, env=environment, check=True)
    with urllib.request.urlopen(f"{address}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    assert 'provider_selected_total{capability="bars_1m",provider="polygon"} 1.0' in text
    assert "circuit_state" not in text
    assert _status(f"{address}/") == 404
    assert _status(urllib.request.Request(f"{address}/metrics", headers={"X-Forwarded-For": "127.0.0.1"})) == 401


def _told_with_a_key(text: str) -> str:
    """The status that somebody on another machine gets."""
    said: list[str] = []
    answer(
        {"REMOTE_ADDR": "192.0.2.94", "PATH_INFO": "/metrics", "HTTP_X_API_KEY": text}, lambda status, _: said.append(status)
    )
    return said[0]


@pytest.mark.django_db(transaction=True)
def test_keys_are_looked_at_again_when_the_database_has_restarted() -> None:
    key = new_token().text
    assert _told_with_a_key(key) == "401 Unauthorized"
    connection.connection.close()  # as a restart leaves it: Django believes that it has one
    assert [_told_with_a_key(key) for _ in range(3)][-1] == "401 Unauthorized"


def test_command_names_the_variable_when_the_port_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETDATA_METRICS_PORT", "http")
    with pytest.raises(CommandError, match="MARKETDATA_METRICS_PORT must be a port"):
        call_command("serve_metrics")
