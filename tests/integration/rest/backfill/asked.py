"""A week of New York that is asked for, who is asked, and by which way."""

from collector.models import Series
from marketdata_site.observability import clock
from providers.models import Provider, RoutingPolicy
from providers.services import policies
from tests.integration.rest.rows import at, make_series

NOW = at("2026-11-20 15:30")
WEEK = {"start": "2026-11-09", "end": "2026-11-13"}
SLOTS = 5 * 390
KEYS = {"polygon": {"api_key": "TEST_KEY"}}
SPLIT = {"adjustment": "split"}
"""Yahoo has no raw minutes."""


def route(*names: str, **values: object) -> None:
    """Accounts of vendors by these names, asked in this order."""
    for name in names:
        Provider.objects.get_or_create(name=name, defaults={"adapter": name, "credentials": KEYS.get(name, {}), **values})
    RoutingPolicy.objects.update_or_create(capability="bars_1m", tier="", defaults={"providers": list(names)})
    result = policies.reload(author="a test", through="command", now=clock.now())
    assert result.ok, result.error


def make_new(symbol: str = "AAPL", **values: object) -> Series:
    """Collected since now."""
    return make_series(symbol, collect_from=NOW, **values)


def post(client, status=202, **asked):
    answer = client.post("/ops/backfill", {"symbol": ["AAPL"], **WEEK, **asked}, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json() if status < 400 else (answer.json()["error"]["code"], answer.json()["error"]["message"])


def get(client, **asked):
    answer = client.get("/ops/backfill", {"symbol": "AAPL", **WEEK, **asked})
    assert answer.status_code == 200, answer.content
    return answer.json()
