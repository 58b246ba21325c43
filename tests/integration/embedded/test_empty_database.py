"""A command on a database that nobody has set up yet says so, in a line."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from marketdata_site.environment import PROJECT
from tests.web_server import database_url

pytestmark = [pytest.mark.any_postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def empty():
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE nobody_was_here")
    yield database_url().replace(connection.settings_dict["NAME"], "nobody_was_here")
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE nobody_was_here")


def test_command_on_an_empty_database_names_what_brings_it_up_to_date(empty):
    command = [sys.executable, "manage.py", "dlq", "stats"]
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, "DATABASE_URL": empty}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "does not exist" in done.stderr
    assert "`manage.py migrate` or `make run`" in done.stderr
