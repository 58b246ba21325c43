"""The API against its own OpenAPI document, over real HTTP: whatever is asked, the answer is one that the document declares."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from collector.core.symbols import SYMBOL_PATTERN
from marketdata_site.api import api
from tests.integration.collector.rows import make_override
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import at, make_bars, make_quote, make_series, minutes
from tests.web_server import running

pytestmark = pytest.mark.any_postgres


def _quick_to_make(part: Any) -> Any:
    """The document with plainer texts and shorter lists to ask with: making any text that fits a wide pattern takes minutes."""
    if isinstance(part, list):
        return [_quick_to_make(one) for one in part]
    if not isinstance(part, dict):
        return part
    plain = {name: _quick_to_make(value) for name, value in part.items()}
    if plain.get("pattern") == SYMBOL_PATTERN:
        plain["pattern"] = "^[A-Za-z0-9.^=/-]{1,12}$"
    if "maxItems" in plain:
        plain["maxItems"] = min(plain["maxItems"], 4)
    return plain


document = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/"), default=str))
schema = schemathesis.openapi.from_dict(_quick_to_make(document))
# What the document can't say is refused too (an end before the start, a time without a zone), and unknown symbols are 404.
# Nor that a caller on this machine needs no key: who may call what is walked in tests/integration/access.
NOT_SAID = [negative_data_rejection, positive_data_acceptance, ignored_auth]


@pytest.fixture(scope="module")
def server(django_db_setup) -> Iterator[str]:
    """Our own server, one for all that is asked: it keeps nothing of a request."""
    with running() as address:
        yield address


@pytest.fixture
def url(server, transactional_db) -> str:
    """Its address, with a few bars, a quote and a dead job in its database."""
    series = make_series("AAPL")
    make_bars(series, minutes(at("2026-11-20 14:30"), 30))
    make_quote(series.instrument, at("2026-11-20 14:30"), is_latest=True, ask=None, ask_size=None)
    make_dead(series)
    make_override("2026-11-20 18:00", "2026-11-20 19:00", kind="halt", instrument=series.instrument)
    return server


@schema.parametrize()
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_answer_is_declared_when_anything_is_asked(case, url):
    excluded = [*NOT_SAID, not_a_server_error] if case.path == "/health/ready" else NOT_SAID  # 503 is one of its answers
    case.call_and_validate(base_url=url, excluded_checks=excluded)
