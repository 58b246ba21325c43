"""Who may call the REST API, the shape of its errors, and its documentation."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from marketdata_site.api import api
from marketdata_site.observability.version import VERSION
from tests.integration.rest.answers import ELSEWHERE
from tests.integration.rest.rows import make_series

pytestmark = pytest.mark.django_db
GUARDED = ["/bars", "/instruments", "/coverage", "/ws/replay", "/openapi.json"]
ROOT = Path(__file__).parents[3]


def error(response) -> dict:
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "field"}
    return body["error"]


@pytest.mark.parametrize("path", GUARDED)
def test_endpoint_is_closed_when_the_caller_is_elsewhere(client, path):
    response = client.get(path, **ELSEWHERE)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert error(response)["code"] == "unauthorized"


def test_endpoint_is_closed_when_a_proxy_on_this_machine_passes_a_caller_on(client):
    assert client.get("/instruments", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401


def test_endpoint_opens_when_staff_is_logged_in_and_for_nobody_else(client):
    for name, is_staff, status in (("visitor", False, 401), ("operator", True, 200)):
        client.force_login(User.objects.create_user(name, is_staff=is_staff))
        assert client.get("/instruments", **ELSEWHERE).status_code == status


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_page_asks_to_log_in_when_the_caller_is_elsewhere(client, path):
    response = client.get(path, **ELSEWHERE)
    assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={path}")
    assert client.get(path).status_code == 200


def test_health_answers_without_the_database_when_asked_by_anybody(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/health", **ELSEWHERE)
    assert response.json() == {"status": "ok", "version": VERSION}


def test_version_is_the_projects(client):
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_error_has_the_one_shape_when_there_is_no_such_address(client):
    response = client.get("/nothing/here")
    assert response.status_code == 404
    assert error(response) == {"code": "not_found", "message": "no such address: /nothing/here", "field": None}


def test_error_has_the_one_shape_when_the_method_is_wrong(client):
    response = client.delete("/bars")
    assert (response.status_code, response["Allow"]) == (405, "GET")
    assert error(response)["code"] == "method_not_allowed"


def test_error_has_the_one_shape_when_the_host_is_wrong(client):
    response = client.get("/bars", headers={"Host": "rebound.example"})
    assert response.status_code == 400
    assert error(response)["code"] == "bad_request"


def test_error_has_the_one_shape_and_tells_nothing_when_there_is_a_defect(client, monkeypatch, caplog):
    monkeypatch.setattr("collector.api.instruments_page", lambda **_: 1 / 0)
    response = client.get("/instruments")
    assert response.status_code == 500
    assert error(response) == {"code": "internal", "message": "unexpected error, it has been logged", "field": None}
    assert "ZeroDivisionError" in caplog.text


def test_error_says_try_again_when_the_database_is_away(client, monkeypatch):
    def lost(**_):
        raise OperationalError("server closed the connection unexpectedly at 10.1.2.3")

    monkeypatch.setattr("collector.api.instruments_page", lost)
    response = client.get("/instruments")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "10.1.2.3" not in error(response)["message"]


def test_error_is_the_callers_when_it_sends_more_than_is_read(client, caplog):
    many = client.get("/instruments?" + "&".join(["limit=1"] * 1001))
    assert (many.status_code, error(many)["code"]) == (400, "bad_request")
    long = client.post("/ops/backfill", b" " * 2_700_000, content_type="application/json")
    assert (long.status_code, error(long)["code"]) == (413, "too_large")
    assert "api_bug" not in [getattr(record, "action", "") for record in caplog.records]


BODY = {"symbol": ["AAPL"], "start": "2026-11-20", "end": "2026-11-20"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/providers?name=polygon"),
        ("GET", "/ops/config/status?version=7"),
        ("POST", "/ops/config/rollback/7?dry_run=true"),
        ("POST", "/ops/backfill?dry_run=true"),
        ("GET", "/ops/dlq/stats?tier=T0"),
        ("GET", "/ops/dlq/backfills/7?tries=1"),
        ("POST", "/ops/dlq/backfills/7/undo?dry_run=true"),
        ("GET", "/ops/dlq/bulk/7?state=running"),
    ],
)
def test_parameter_is_refused_where_none_are_taken(client, method, path):
    response = client.generic(method, path, json.dumps(BODY), content_type="application/json")
    assert (response.status_code, error(response)["code"]) == (422, "unknown_parameter")
    assert "known: none" in error(response)["message"]


@pytest.mark.parametrize(
    ("body", "content_type"), [("dry_run=true", "application/x-www-form-urlencoded"), ('{"tier": "T0"}', "application/json")]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ops/config/reload"),
        ("POST", "/ops/config/rollback/7"),
        ("POST", "/ops/dlq/backfills/requeue-all"),
        ("POST", "/ops/dlq/bulk?kind=discard"),
        ("DELETE", "/ops/dlq/backfills/7"),
    ],
)
def test_body_is_refused_where_parameters_stand_in_the_address(client, method, path, body, content_type):
    response = client.generic(method, path, body, content_type=content_type)
    assert (response.status_code, error(response)["code"]) == (422, "unknown_parameter")
    assert "not in a body" in error(response)["message"]
    assert client.post("/ops/dlq/backfills/requeue-all", "{}", content_type="application/json").status_code == 200


def test_second_value_is_refused_where_one_is_taken(client):
    make_series("AAPL")
    make_series("MSFT")
    for path, name in (
        ("/instruments?symbol=A&symbol=M", "symbol"),
        ("/bars?symbol=AAPL&start=2026-11-20T00:00:00Z&interval=1m&interval=5m", "interval"),
        ("/ops/dlq/backfills?tier=T0&tier=T1", "tier"),
    ):
        response = client.get(path)
        assert (response.status_code, error(response)["field"]) == (422, name)
    assert client.get("/bars?symbol=AAPL&symbol=MSFT&start=2026-11-20T00:00:00Z").status_code == 200
    assert client.post("/ops/dlq/backfills/requeue-all?exclude=a&exclude=b&dry_run=true").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", "/ops/backfill?start=2026-11-20&end=2026-11-20", "", "query: name symbols, a tier, or both"),
        ("POST", "/ops/backfill", '{"start": "2026-11-20", "end": "2026-11-20"}', "body: name symbols, a tier, or both"),
        ("POST", "/ops/backfill", "", "body: Field required"),
        ("POST", "/ops/backfill", "[]", "body: Input should be a valid dictionary"),
    ],
)
def test_error_names_no_field_when_no_single_one_is_at_fault(client, method, path, body, message):
    response = client.generic(method, path, body, content_type="application/json")
    assert (response.status_code, error(response)["field"]) == (422, None)
    assert error(response)["message"].startswith(message)


@pytest.mark.parametrize("after", ["", "WzUsN10"])  # nothing, and [5,7]
@pytest.mark.parametrize(
    "path",
    [
        "/bars?symbol=AAPL&start=2026-11-20T00:00:00Z",
        "/bars?recorded_since=2026-11-20T00:00:00Z",
        "/quotes?symbol=AAPL&start=2026-11-20T00:00:00Z",
        "/quotes?recorded_since=2026-11-20T00:00:00Z",
        "/instruments?limit=1",
        "/coverage/gaps?start=2026-11-20",
        "/incidents?state=all",
        "/calendar/overrides?limit=1",
        "/ops/dlq/backfills?limit=1",
    ],
)
def test_cursor_that_no_page_gave_is_refused_by_every_list(client, path, after):
    make_series("AAPL")
    response = client.get(f"{path}&after={after}")
    assert response.status_code == 422
    assert (error(response)["code"], error(response)["field"]) == ("bad_cursor", "after")


def test_admin_keeps_its_own_pages_when_something_is_missing(client):
    assert client.get("/admin/nothing/")["Content-Type"].startswith("text/html")


def test_documentation_loads_nothing_from_elsewhere(client):
    page = client.get("/docs").content.decode()
    assert re.findall(r"""(?:src|href)=["'](https?:)?//""", page) == []
    assert "/static/ninja/swagger-ui-bundle.js" in page


OPEN = {"/health": {"200"}, "/health/ready": {"200", "503"}}


def test_documentation_declares_the_errors_of_every_guarded_endpoint():
    schema = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            declared = set(operation["responses"])
            assert declared == OPEN[path] if path in OPEN else declared >= {"200", "401", "404", "422", "500", "503"}
            assert operation["summary"], path


class TestInstruments:
    """`GET /instruments`."""

    @pytest.fixture(autouse=True)
    def _rows(self):
        make_series("AAPL", tier="T0")
        make_series("AAPL", tier="T0", interval="1d")
        make_series("AAPL", mic="XLON", calendar="XLON", tier="T1")
        make_series("AMZN", tier="T1")
        make_series("BTC-USD", mic="XXXX", calendar="24/7", tier="T2", asset_class="crypto")

    def names(self, client, **parameters):
        response = client.get("/instruments", parameters)
        assert response.status_code == 200, response.content
        return [(one["symbol"], one["mic"]) for one in response.json()["instruments"]]

    def test_pages_add_up_when_followed(self, client):
        found, after = [], {}
        while True:
            page = client.get("/instruments", {"limit": 1, **after}).json()
            found += [(one["symbol"], one["mic"]) for one in page["instruments"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == [("AAPL", "XLON"), ("AAPL", "XNAS"), ("AMZN", "XNAS"), ("BTC-USD", "XXXX")]

    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ({"symbol": "AA"}, [("AAPL", "XLON"), ("AAPL", "XNAS")]),
            ({"symbol": "aa"}, []),
            ({"tier": "T0"}, [("AAPL", "XNAS")]),
            ({"tier": "T1", "mic": "XNAS"}, [("AMZN", "XNAS")]),
            ({"asset_class": "crypto"}, [("BTC-USD", "XXXX")]),
            ({"symbol": "%"}, []),
        ],
    )
    def test_filters_narrow_the_list_when_given(self, client, parameters, expected):
        assert self.names(client, **parameters) == expected

    def test_series_are_listed_with_their_instrument(self, client):
        (one,) = client.get("/instruments", {"tier": "T0"}).json()["instruments"]
        assert [(series["interval"], series["tier"]) for series in one["series"]] == [("1d", "T0"), ("1m", "T0")]
        assert one["series"][0]["collect_from"] == "2020-01-01T00:00:00Z"

    def test_cursor_of_another_endpoint_is_refused(self, client):
        assert error(client.get("/instruments", {"after": "WyJJQk0iLDFd"}))["field"] == "after"
