"""Every address of the service, by every kind of caller: the table of scopes is what happens."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client

from marketdata_site.api import api
from ops.access.scopes import SAFE, Scope, scope_of
from tests.keys import BAD_STATES, bearer, elsewhere, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]
ADMIN_ONLY = {"/ops/config/reload", "/ops/config/rollback/{number}"}
PAGES = {"/", "/docs"}
"""For people: whoever may not see them is asked to log in."""
OTHERS = ["/metrics", "/openapi.json", *PAGES]


def expected(path: str) -> Scope | None:
    if path in {"/health", "/health/ready"}:
        return None
    if path in ADMIN_ONLY:
        return Scope.ADMIN
    return Scope.OPS if path.startswith("/ops/") else Scope.READ


def addresses() -> list[tuple[str, str]]:
    paths = api.get_openapi_schema()["paths"]
    return [*((method.upper(), path) for path in paths for method in paths[path]), *(("GET", path) for path in OTHERS)]


def asked(client: Client, method: str, path: str, headers: dict[str, str]) -> tuple[int, str | None]:
    """Status and code."""
    address = re.sub(r"\{\w+\}", "1", path)
    response = client.generic(method, address, headers=headers, content_type="application/json", **elsewhere())
    if response.status_code == 401:
        assert response["WWW-Authenticate"] == "Bearer"
    is_error = response.status_code in (401, 403) and response["Content-Type"] == "application/json"
    return response.status_code, response.json()["error"]["code"] if is_error else None


def headers_of(text: str) -> Iterator[dict[str, str]]:
    yield bearer(text)
    yield {"X-API-Key": text}


def test_only_what_is_under_ops_changes_anything():
    assert [at for at in addresses() if at[0] not in SAFE and not at[1].startswith("/ops/")] == []
    assert len(addresses()) > 30


@pytest.mark.parametrize(("method", "path"), addresses())
def test_endpoint_lets_in_exactly_whom_its_scope_says(client, method, path):
    scope = expected(path)
    assert scope_of(method=method, path=path) == scope
    if scope is None:
        assert asked(client, method, path, {})[0] in (200, 503)
        return
    refused = {
        "anonymous": asked(client, method, path, {}),
        **{state: asked(client, method, path, bearer(make_key("admin", state=state))) for state in BAD_STATES},
        **{one: asked(client, method, path, bearer(make_key(one))) for one in Scope if not one.includes(scope)},
    }
    if path in PAGES:
        assert set(refused.values()) == {(302, None)}
    else:
        assert refused.pop("anonymous") == (401, "unauthorized")
        assert {state: refused.pop(state) for state in BAD_STATES} == {state: (401, f"{state}_key") for state in BAD_STATES}
        assert set(refused.values()) <= {(403, "wrong_scope")}
    for one in Scope:
        for headers in headers_of(make_key(one)) if one.includes(scope) else ():
            assert asked(client, method, path, headers)[0] not in (302, 401, 403, 429, 500)


def test_what_is_not_in_the_table_is_closed_rather_than_open():
    assert scope_of(method="POST", path="/bars") is Scope.ADMIN
    assert scope_of(method="DELETE", path="/ops/configuration") is Scope.OPS
    assert scope_of(method="POST", path="/ops/config") is Scope.ADMIN
    assert scope_of(method="GET", path="/opsx") is Scope.READ
    assert scope_of(method="PUT", path="/health") is Scope.ADMIN
    assert scope_of(method="POST", path="/health/ready") is Scope.ADMIN


def test_document_declares_the_ways_in_and_the_scope_of_each_endpoint():
    schema = api.get_openapi_schema()
    schemes = schema["components"]["securitySchemes"]
    assert {name: one["type"] for name, one in schemes.items()} == {"bearer": "http", "apiKey": "apiKey", "session": "apiKey"}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            scope = expected(path)
            wanted = None if scope is None else [{name: [scope.value]} for name in schemes]
            assert operation.get("security") == wanted, path
            assert scope is None or {"401", "403", "429"} <= {str(status) for status in operation["responses"]}
