"""Which commands start servers, and how the broker's URL follows from Valkey's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marketdata_site import embedded, environment
from marketdata_site.environment import broker_url, may_start_servers, needs_servers

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", False),
        ("help", False),
        ("--version", False),
        ("migrate --help", False),
        ("check", False),
        ("check --database default", True),
        ("check --database=default", True),
        ("makemigrations --check --dry-run", False),
        ("simulate_vendors --port 8001", False),
        ("migrate", True),
        ("shell -c pass", True),
        ("up", True),
    ],
)
def test_command_needs_servers_when_it_touches_rows(line: str, expected: bool) -> None:
    assert needs_servers(line.split()) is expected


@pytest.mark.parametrize(("line", "expected"), [("doctor --json", False), ("migrate", True), ("", True)])
def test_command_that_looks_for_faults_starts_nothing(line: str, expected: bool) -> None:
    assert may_start_servers(line.split()) is expected


@pytest.mark.parametrize(
    ("valkey", "broker"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/1"),
        ("redis://cache:6379", "redis://cache:6379/1"),
        ("redis://cache:6379?db=3", "redis://cache:6379/4"),
        ("rediss://me:secret@cache:6380/2?ssl_cert_reqs=required", "rediss://me:secret@cache:6380/3?ssl_cert_reqs=required"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=1"),
        ("unix:///run/valkey.sock?db=0", "redis+socket:///run/valkey.sock?virtual_host=1"),
    ],
)
def test_broker_gets_the_next_database_of_the_same_server(valkey: str, broker: str) -> None:
    assert broker_url(valkey) == broker


@pytest.mark.parametrize("named", [None, "postgresql://market@db.internal/market"])
def test_database_counts_as_ours_only_when_nobody_named_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str | None
) -> None:
    class Pair:
        def environment(self) -> dict[str, str]:
            return {"DATABASE_URL": "postgresql:///app?host=/ours", "REDIS_URL": "redis://ours"}

    def ensure(home: Path, **wanted: bool) -> Pair:
        return Pair()

    monkeypatch.setattr(environment, "filled_in", set())
    monkeypatch.setattr(embedded, "ensure", ensure)
    monkeypatch.setattr(environment, "_end_orderly_on_sigterm", lambda: None)
    monkeypatch.setattr(os, "environ", {"MARKETDATA_HOME": str(tmp_path), **({"DATABASE_URL": named} if named else {})})
    environment.prepare()
    assert ("DATABASE_URL" in environment.filled_in) is (named is None)


@pytest.mark.parametrize(("named", "folder"), [("", "home/metrics"), ("/run/counts", "/run/counts")])
def test_processes_count_in_the_home_unless_another_folder_is_named(
    monkeypatch: pytest.MonkeyPatch, named: str, folder: str
) -> None:
    monkeypatch.setattr(os, "environ", {"PROMETHEUS_MULTIPROC_DIR": named})
    environment.name_metrics_folder(Path("home"))
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == folder


def test_programs_that_celery_starts_use_the_same_broker_as_those_of_manage_py() -> None:
    servers = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/3"}
    told = {name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"} | servers
    show = "from marketdata_site.celery import app; print(app.conf.broker_url)"
    for command in ([sys.executable, "-c", show], [sys.executable, "manage.py", "shell", "--no-imports", "-c", show]):
        ended = subprocess.run(command, cwd=PROJECT, env=told, capture_output=True, text=True, check=True)
        assert ended.stdout.strip() == "redis://127.0.0.1:1/4"


SHOW = "from marketdata_site import settings as s; print(s.ALLOWED_HOSTS, s.CSRF_TRUSTED_ORIGINS, s.LOGGING['root']['level'])"
SHOW_COOKIES = "from marketdata_site import settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"


def settings_with(show: str = SHOW, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", show]
    return subprocess.run(command, cwd=PROJECT, env=os.environ | variables, capture_output=True, text=True, check=False)


def test_lists_may_have_spaces_behind_their_commas_and_a_level_may_be_empty_or_in_lower_case() -> None:
    lists = {
        "DJANGO_ALLOWED_HOSTS": "localhost, a.example,",
        "DJANGO_CSRF_TRUSTED_ORIGINS": "https://a.example, https://b.example",
    }
    for given, level in (("", "INFO"), ("debug", "DEBUG")):
        said = settings_with(**lists, MARKETDATA_LOG_LEVEL=given).stdout.strip()
        assert said == f"['localhost', 'a.example'] ['https://a.example', 'https://b.example'] {level}"


def test_level_that_is_none_is_refused_with_its_variable() -> None:
    said = settings_with(MARKETDATA_LOG_LEVEL="loud").stderr
    assert "MARKETDATA_LOG_LEVEL must be INFO or DEBUG or WARNING or ERROR or CRITICAL, got 'loud'" in said


@pytest.mark.parametrize(
    ("origins", "is_secure"),
    [("", False), ("https://a.example", True), ("https://a.example,http://b.example", False)],
)
def test_cookies_are_for_tls_alone_where_every_origin_that_is_named_has_it(origins: str, is_secure: bool) -> None:
    said = settings_with(SHOW_COOKIES, DJANGO_CSRF_TRUSTED_ORIGINS=origins).stdout.strip()
    assert said == f"{is_secure} {is_secure}"
