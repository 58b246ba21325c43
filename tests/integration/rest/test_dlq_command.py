"""`manage.py dlq`: the same as `/ops/dlq`, for a terminal."""

import json
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from collector.models import Abandonment, Backfill, BackfillState
from ops.actors import command_user
from ops.models import AuditEntry
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import at, make_series

pytestmark = pytest.mark.django_db
NOW = at("2026-11-20 16:00")


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("dlq", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_list_tells_each_letter_that_fits_newest_first():
    series = make_series()
    old, new = make_dead(series, 0), make_dead(series, 1, reason="rejected")
    lines = run("list").splitlines()
    assert [line.split("  ")[0] for line in lines] == [str(new.pk), str(old.pk), "2 dead letters"]
    assert lines[1] == (
        f"{old.pk}  died 2026-11-20 15:00:00  T0 AAPL 1m  2026-06-01 14:30 to 2026-06-01 14:40, 10 slots  "
        "out_of_attempts (f00d) polygon: polygon answered HTTP 500"
    )
    assert run("list", "--limit", 1).splitlines()[-1] == "there are more"
    assert [one["job_id"] for one in json.loads(run("list", "--json", "--reason", "rejected"))] == [new.pk]
    assert [one["job_id"] for one in json.loads(run("list", "--json", "--newer-than", "2026-11-20T15:01:00Z"))] == [new.pk]


def test_show_tells_the_tries_and_fails_for_a_job_without_a_letter():
    job = make_dead(make_series())
    said = run("show", job.pk)
    assert "reason: out_of_attempts" in said
    assert said.count("polygon  bad_answer  HTTP 500") == 2
    assert json.loads(run("show", job.pk, "--json"))["died_at"] == "2026-11-20T15:00:00+00:00"
    with pytest.raises(CommandError, match="there is no job 99999"):
        run("show", 99999)


def test_requeue_takes_jobs_or_all_that_fit_and_says_what_became_of_them():
    series = make_series()
    first, second, third = (make_dead(series, n).pk for n in range(3))
    assert run("requeue", "--all", "--limit", 2, "--dry-run") == "3 matched: 2 would be requeued, 0 at cap, 1 over limit\n"
    assert run("requeue", second, "--why", "try again") == "1 matched: 1 requeued, 0 at cap\n"
    assert run("requeue", "--all", "--tier", "T0") == "2 matched: 2 requeued, 0 at cap\n"
    assert set(Backfill.objects.values_list("pk", "state")) == {(n, BackfillState.QUEUED) for n in (first, second, third)}
    entry = AuditEntry.objects.order_by("pk")[0]
    assert (entry.who, entry.through, entry.filter, entry.reason) == (
        command_user(), "command", {"job_ids": [second], "limit": 100}, "try again",
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("--all", "7"), ("7", "--tier", "T0")])
def test_requeue_is_refused_when_it_is_not_clear_which_jobs_are_meant(arguments):
    make_dead(make_series())
    with pytest.raises(CommandError, match="name jobs, or --all"):
        run("requeue", *arguments)
    assert not AuditEntry.objects.exists()


def test_discard_gives_up_what_is_dead_and_undo_brings_it_back():
    job = make_dead(make_series())
    assert run("discard", job.pk, "--abandon", "--why", "halted") == "1 discarded\n"
    assert Abandonment.objects.get().why == "halted"
    assert run("list", "--discarded").startswith(f"{job.pk}  ")
    with pytest.raises(CommandError, match="the others are not dead"):
        run("discard", job.pk)
    assert run("undo", job.pk) == f"job {job.pk} is dead again\n"
    with pytest.raises(CommandError, match=f"job {job.pk} is dead, expected discarded"):
        run("undo", job.pk)


def test_stats_tell_depth_age_and_causes():
    assert run("stats") == "no job is dead\n"
    make_dead(make_series())
    assert run("stats").splitlines() == [
        "T0 1m: 1 dead, the oldest for 1.0 h, 10 bar-minutes missing, 1 in and 0 out within the hour",
        "  1 of f00d out_of_attempts polygon: polygon answered HTTP 500",
    ]
    assert json.loads(run("stats", "--json"))["fingerprints"][0]["depth"] == 1
