"""`manage.py dlq`: the same as `/ops/dlq`, for a terminal."""

import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from collector.models import Abandonment, Backfill, BackfillState
from ops.actors import command_user
from ops.bulk.advancing import advance_all
from ops.models import AuditEntry, BulkOperation
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
    with pytest.raises(CommandError, match="the others are not dead, or can't be requeued now"):
        run("requeue", second, third)
    assert Backfill.objects.get(pk=third).state == BackfillState.QUEUED
    assert run("requeue", "--all", "--tier", "T0") == "1 matched: 1 requeued, 0 at cap\n"
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


SPAN = ("--from", "2026-11-20T14:30:00Z", "--to", "2026-11-20T15:00:00Z")


@pytest.mark.parametrize(
    "arguments",
    [
        ("dlq", "discard", "1", "--why"),
        ("dlq", "requeue", "1", "--why"),
        ("dlq", "bulk", "requeue", "--all", "--why"),
        ("dlq", "bulk", "pause", "1", "--why"),
        ("backfill", "AAPL", *SPAN, "--why"),
        ("invalidate_range", "AAPL", *SPAN, "--reason"),
        ("coverage", "revoke", "--provider", "polygon", *SPAN, "--why"),
        ("create_api_key", "desk", "--scope", "read", "--reason"),
    ],
)
def test_reason_that_is_longer_than_is_kept_is_refused_by_its_length(arguments):
    with pytest.raises(CommandError, match="expected 300 characters at most, got 301"):
        call_command(*arguments, "x" * 301, stdout=StringIO())


def test_stats_tell_depth_age_and_causes():
    assert run("stats") == "no job is dead\n"
    make_dead(make_series())
    assert run("stats").splitlines() == [
        "T0 1m: 1 dead, the oldest for 1.0 h, 10 bar-minutes missing, 1 in and 0 out within the hour",
        "  1 of f00d out_of_attempts polygon: polygon answered HTTP 500",
    ]
    assert json.loads(run("stats", "--json"))["fingerprints"][0]["depth"] == 1


class TestBulk:
    """`dlq bulk`: workers do it, the terminal looks on."""

    def test_progress_is_told_until_the_end(self, monkeypatch):
        series = make_series()
        for n in range(30):
            make_dead(series, n)
        moments = iter(NOW + n * timedelta(seconds=5) for n in range(9))

        def work(_: float) -> None:
            """What workers do between two looks."""
            advance_all(now=next(moments))
            Backfill.objects.filter(state=BackfillState.QUEUED).update(state=BackfillState.DONE)

        monkeypatch.setattr("ops.management.dlq_bulk.time.sleep", work)
        said = run("bulk", "requeue", "--tier", "T0", "--why", "vendor is back").splitlines()
        number = BulkOperation.objects.get().pk
        assert said == [
            "30 matched: 30 eligible; 20 jobs every 5 s, at least 5 s in all",
            f"bulk operation {number} is started",
            f"{number}  requeue running: 0 of 30 requeued, 30 left",
            f"{number}  requeue running: 20 of 30 requeued (0 filled, 0 dead again, 20 open), 10 left; waits for the first 20 jobs "
            "to show whether it is worth going on",
            f"{number}  requeue done: 30 of 30 requeued (20 filled, 0 dead again, 10 open)",
        ]
        assert AuditEntry.objects.order_by("pk")[0].who == command_user()
        assert json.loads(run("bulk", "show", number, "--json"))["reason"] == "vendor is back"
        assert run("bulk", "list").splitlines() == said[-1:]

    def test_interrupted_terminal_leaves_it_running_and_says_so(self, monkeypatch):
        make_dead(make_series())

        def interrupt(_: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("ops.management.dlq_bulk.time.sleep", interrupt)
        said = run("bulk", "discard", "--all")
        number = BulkOperation.objects.get().pk
        assert said.splitlines()[-1] == (
            f"bulk operation {number} goes on in the background. `manage.py dlq bulk watch {number}` looks on again, "
            f"`manage.py dlq bulk cancel {number}` ends it"
        )
        assert run("bulk", "pause", number, "--why", "wait") == (
            f"{number}  discard paused: 0 of 1 discarded, 1 left; paused by {command_user()} through command: wait\n"
        )
        with pytest.raises(CommandError, match=f"bulk operation {number} is paused"):
            run("bulk", "watch", number)
        run("bulk", "resume", number)
        advance_all(now=NOW)
        assert run("bulk", "watch", number) == f"{number}  discard done: 1 of 1 discarded\n"
        with pytest.raises(CommandError, match="is done, expected running or paused"):
            run("bulk", "cancel", number)

    def test_it_says_when_no_worker_runs(self):
        make_dead(make_series())
        run("bulk", "discard", "--all", "--background")
        with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
            assert "no worker has looked at it since 2026-11-20 16:00:00 UTC" in run("bulk", "list")

    @pytest.mark.parametrize("arguments", [(), ("--all", "--tier", "T0")])
    def test_all_must_be_said_where_no_filter_is(self, arguments):
        make_dead(make_series())
        with pytest.raises(CommandError, match="give filters, or --all"):
            run("bulk", "discard", *arguments)

    def test_dry_run_changes_nothing(self):
        make_dead(make_series())
        assert run("bulk", "discard", "--all", "--dry-run") == "1 matched: 1 eligible; 1,000 jobs every 5 s\n"
        assert not BulkOperation.objects.exists()
