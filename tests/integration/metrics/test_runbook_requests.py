"""What runbooks tell to ask of the service and of Postgres is answered; of the service, from the machine itself without a key."""

import re

import pytest
from django.db import connection
from django.test import Client

from tests.architecture.test_runbooks import LINES
from tests.integration.collector.rows import make_policy, make_provider, make_series

pytestmark = pytest.mark.django_db
OTHERWISE = {"/health/ready", "/ws/feed"}
"""Not for this test: one is not ready where no beat rings, the other is no request."""


def _asked() -> set[str]:
    words = {word.strip("'") for line in LINES if line.startswith("curl") for word in line.split()}
    paths = {"/" + word.partition("/")[2] for word in words if word.startswith("localhost:8000")}
    return paths - OTHERWISE


STATEMENTS = sorted({found for line in LINES for found in re.findall(r'^psql "\$DATABASE_URL" -c "(.*)"$', line)})


@pytest.mark.parametrize("path", sorted(_asked()))
def test_request_in_a_runbook_is_answered(path: str, client: Client) -> None:
    make_series("AAPL")
    make_provider("polygon")
    make_policy("polygon")
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statement_in_a_runbook_can_be_given(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.description


def test_no_statement_is_left_out() -> None:
    assert len(STATEMENTS) == sum(line.startswith("psql") for line in LINES)
