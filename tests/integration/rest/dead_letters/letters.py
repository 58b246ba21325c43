"""Dead letters as the REST API lists them."""

from tests.integration.rest.answers import ok
from tests.integration.rest.rows import at

NOW = at("2026-11-20 15:30")
LIST = "/ops/dlq/backfills"


def numbers(client, **filters) -> list[int]:
    return [one["job_id"] for one in ok(client.get(LIST, filters))["backfills"]]
