"""docs/api.md says what the service does: its examples are run, its names are compared."""

import json
import re
from pathlib import Path

import pytest
import time_machine

from collector.api_schemas import BarsIn, CoverageIn, GapsIn, InstrumentsIn, LatestQuotesIn, OverridesIn, QuotesIn
from collector.incidents_api import IncidentsIn
from collector.models import Instrument
from collector.services.instruments import load_instruments
from ops.backfill_schemas import BackfillIn, RangeIn
from ops.bulk_schemas import OperationOut
from tests.integration.collector.rows import make_override
from tests.integration.rest.dead_rows import make_job
from tests.integration.rest.rows import (
    at,
    make_absence,
    make_bar,
    make_coverage,
    make_incident,
    make_quote,
    make_series,
)

pytestmark = pytest.mark.django_db
TEXT = (Path(__file__).parents[3] / "docs/api.md").read_text()
SECTIONS = {part.split("\n", 1)[0].removeprefix("GET "): part for part in TEXT.split("\n## ")[1:]}


def example(section: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(autouse=True)
def _bar():
    series = make_series()
    start = at("2026-11-20 14:30")
    make_bar(series, start)
    make_coverage(
        series,
        start.date(),
        held=[(start, at("2026-11-20 14:31"))],
        empty=[(at("2026-11-20 14:31"), at("2026-11-20 14:35"))],
    )
    make_absence(series, [(at("2026-11-20 14:31"), at("2026-11-20 14:35"))])
    said = {"at": "2026-11-20T14:50:00+00:00", "provider": "polygon", "code": "circuit_open", "http_status": None}
    make_job(
        series,
        at("2026-11-20 14:35"),
        pk=4711,
        state="parked",
        due_at=at("2026-11-20 15:02"),
        attempts=2,
        tries=[{**said, "message": "polygon: its breaker is open"}],
    )
    make_incident()
    make_quote(series.instrument, start, is_latest=True)
    with time_machine.travel(at("2026-11-22 12:00"), tick=False):
        yield


def test_bars_are_as_documented_when_asked_for(client):
    answer = client.get("/bars", {"symbol": "AAPL", "start": "2026-11-20T14:30:00Z"}).json()
    assert answer == json.loads(example("/bars", "json"))


def test_quotes_are_as_documented_when_asked_for(client):
    answer = client.get("/quotes", {"symbol": "AAPL", "start": "2026-11-20T14:30:00Z"}).json()
    assert answer == json.loads(example("/quotes", "json"))
    assert client.get("/quotes/latest?symbol=AAPL").json() == {"quotes": answer["quotes"]}


def test_coverage_is_as_documented_when_the_example_is_run(client):
    address = example("/coverage", "").strip().removeprefix("GET ")
    assert client.get(address).json() == json.loads(example("/coverage", "json"))


def test_incidents_are_as_documented_when_asked_for(client):
    assert client.get("/incidents").json() == json.loads(example("/incidents", "json"))


def test_gaps_are_as_documented_when_the_example_is_run(client):
    address = example("/coverage/gaps", "").strip().removeprefix("GET ")
    assert client.get(address).json() == json.loads(example("/coverage/gaps", "json"))


def test_overrides_are_as_documented_when_the_example_is_run(client):
    about = {"kind": "halt", "instrument": Instrument.objects.get(), "why": "news pending", "who": "operator"}
    make_override("2026-11-20 18:00", "2026-11-20 19:00", pk=7, created_at=at("2026-11-20 18:05"), **about)
    address = example("/calendar/overrides", "").strip().removeprefix("GET ")
    assert client.get(address).json() == json.loads(example("/calendar/overrides", "json"))


def test_error_is_as_documented_when_a_symbol_is_unknown(client):
    assert client.get("/bars?symbol=AAPX&start=2026-11-20T14:30:00Z").json() == json.loads(example("Errors", "json"))


def test_bulk_operation_has_the_fields_that_are_documented():
    found = re.search(r"```json\n(.*?)```", SECTIONS["POST /ops/dlq/bulk"], re.DOTALL)
    assert found
    documented = json.loads(found[1])
    assert set(documented) == set(OperationOut.model_fields)
    assert OperationOut(**documented).matched == documented["done"] + documented["left"] + sum(documented["skipped"].values())


def test_health_is_as_documented(client):
    assert json.dumps(client.get("/health").json()) in SECTIONS["/health"]


@pytest.mark.parametrize("section", ["/bars", "/quotes"])
def test_example_address_is_accepted(client, section):
    make_series("MSFT")
    assert client.get(example(section, "").strip().removeprefix("GET ")).status_code == 200


def test_example_file_loads_when_it_is_tried():
    load_instruments(data=example("Loading instruments", "csv").encode(), now=at("2026-11-22 12:00"))
    assert Instrument.objects.get(symbol="BTC-USD").vendor_symbols == {"polygon": "X:BTCUSD"}


@pytest.mark.parametrize(
    ("section", "schema"),
    [
        ("/bars", BarsIn),
        ("/quotes", QuotesIn),
        ("/quotes/latest", LatestQuotesIn),
        ("/instruments", InstrumentsIn),
        ("/coverage", CoverageIn),
        ("/coverage/gaps", GapsIn),
        ("/incidents", IncidentsIn),
        ("/ops/backfill", RangeIn),
        ("POST /ops/backfill", BackfillIn),
        ("/calendar/overrides", OverridesIn),
    ],
)
def test_every_parameter_is_documented(section, schema):
    assert [name for name in schema.model_fields if f"`{name}`" not in SECTIONS[section]] == []
