"""`manage.py care`: what it says, that a dry run changes nothing, and that beat does the same."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from collector.models import Bar
from collector.partitions import BARS, QUOTES
from collector.services.partitions_ahead import AHEAD, missing_ahead
from ops.models import AuditEntry
from ops.tasks import look_after_tables
from providers.market.types import MINUTE_US, to_us
from tests.builders import moment, us
from tests.integration.care.rows import MAKE, coin, hold, make_months, partitions

pytestmark = pytest.mark.usefixtures("database")

NOW = moment("2026-03-14 12:00")
OLD = us("2026-01-15 12:00")


@pytest.fixture(autouse=True)
def _time(settings: Any) -> Any:
    settings.BAR_KEEP_DAYS = 40
    with time_machine.travel(NOW, tick=False):
        yield


def care(*arguments: str) -> str:
    out = StringIO()
    call_command("care", *arguments, stdout=out)
    return out.getvalue()


def everything() -> dict[str, list[Any]]:
    """All rows of all tables, as text."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted({model._meta.db_table for model in apps.get_models()}):
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            found[table] = cursor.fetchall()
    return found


def fill() -> None:
    """Bars of a month that is past its age and of one that is not, and a row of each kind that is past its age."""
    hold(coin(), OLD, to_us(NOW) - 10 * MINUTE_US)
    for name, make in MAKE.items():
        make(NOW - timedelta(days=30 if name == "audit" else 400))


def test_dry_run_changes_nothing_and_says_what_would_go() -> None:
    fill()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {QUOTES.partition_name(QUOTES.period_of(NOW))}")
    before, tables = everything(), partitions()
    text = care("--dry-run")
    told = json.loads(care("--dry-run", "--json"))
    assert (everything(), partitions()) == (before, tables)
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert "40 days (MARKETDATA_BAR_KEEP_DAYS)" in lines["bars"]
    assert "collector_bar_202601" in lines["bars"]
    assert "for ever" in lines["daily-bars"]
    assert lines["marks"].endswith("1 rows")
    assert "of them missing: collector_quote_20260314" in text or "collector_quote_20260314" in text
    kinds = {kind["kind"]: kind for kind in told["kinds"]}
    assert kinds["bars"]["kept_from"] == "2026-02-01T00:00:00+00:00"
    assert kinds["bars"]["due_partitions"][-1]["table"] == "collector_bar_202601"
    assert [kinds[name]["due_rows"] for name in ("marks", "backfills", "audit", "revisions")] == [1, 1, 0, 0]
    assert "collector_quote_20260314" in told["partitions_missing"]
    assert told["partitions_ahead"] == sum(len(one.periods(NOW)) for one in AHEAD) == 9
    assert "dropped" not in told


def test_command_and_beat_leave_the_same() -> None:
    fill()
    assert "dropped collector_bar_202601" in care()
    by_command = {table: len(rows) for table, rows in everything().items()}
    fill_again = [model for model in (Bar,) if model.objects.exists()]
    assert fill_again
    make_months(OLD)
    for name, make in MAKE.items():
        if name not in {"audit", "revisions"}:
            make(NOW - timedelta(days=400))
    look_after_tables()
    left = {table: len(rows) for table, rows in everything().items()}
    assert left | {"ops_bulkoperation": 0} == by_command | {"ops_bulkoperation": 0}
    assert "collector_bar_202601" not in partitions()


def test_command_tells_of_what_it_did_and_who_had_it_done() -> None:
    fill()
    told = json.loads(care("--json"))
    done = {one["kind"]: one for one in told["dropped"]}
    assert done["bars"]["partitions"][-1] == "collector_bar_202601"
    assert (done["marks"]["rows"], done["marks"]["is_whole"], done["marks"]["fault"]) == (1, True, None)
    entry = AuditEntry.objects.get(action="care")
    assert (entry.through, entry.counts["rows"]["marks"]) == ("command", 1)
    assert "collector_bar_202601" in entry.counts["partitions"]  # others may be of other tests
    care()
    assert AuditEntry.objects.filter(action="care").count() == 1  # nothing was left to drop


def test_one_kind_alone_is_looked_after_when_it_is_named() -> None:
    fill()
    care("--table", "marks")
    assert json.loads(care("--dry-run", "--json", "--table", "marks"))["kinds"][0]["due_rows"] == 0
    assert json.loads(care("--dry-run", "--json", "--table", "backfills"))["kinds"][0]["due_rows"] == 1
    assert Bar.objects.count() == 2


def test_partitions_ahead_are_told_while_they_are_missing_and_made() -> None:
    wanted = [BARS.partition_name(period) for period in AHEAD[0].periods(NOW)]
    assert wanted == ["collector_bar_202602", "collector_bar_202603", "collector_bar_202604", "collector_bar_202605"]
    care()
    assert missing_ahead(now=NOW) == []
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE collector_bar_202605")
    assert missing_ahead(now=NOW) == ["collector_bar_202605"]
    assert "made collector_bar_202605" in care()
    assert set(wanted) <= partitions()


def test_sizes_are_estimates_that_count_no_table(django_assert_max_num_queries: Any) -> None:
    fill()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE collector_bar")
    with django_assert_max_num_queries(60) as asked:
        told = json.loads(care("--dry-run", "--json"))
    kinds = {kind["kind"]: kind for kind in told["kinds"]}
    assert kinds["bars"]["tables"][0]["rows_estimated"] == 2
    assert kinds["bars"]["tables"][0]["bytes"] > 0
    counts = [query["sql"] for query in asked.captured_queries if "count(*)" in query["sql"].lower()]
    assert counts
    assert all("LIMIT" in sql for sql in counts)
