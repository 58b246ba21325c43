"""Which commands start servers, and how the broker's URL follows from Valkey's."""

import pytest

from marketdata_site.environment import broker_url, needs_servers


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
