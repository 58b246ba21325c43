"""How checks are run: side by side, each as long as it may, none hiding another."""

import threading

import pytest
from django.db import connection

from ops.health.checking import Check, Group, run
from ops.health.finding import Finding, Severity, error, fine
from ops.health.ready import Readinesses
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_postgres]
PATIENCE_S = 60


def _said(groups: list[Group]) -> dict[str, tuple[str, str]]:
    return {one.name: (one.finding.severity.value, one.finding.found) for one in run(groups)}


def _sleep_in_the_database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT pg_sleep(600) -- of a check")
    return fine("slept")


def _sleepers() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%% of a check' AND state = 'active'"
        )
        return int(cursor.fetchone()[0])


def test_check_that_hangs_in_the_database_is_told_as_late_and_leaves_neither_thread_nor_statement_behind() -> None:
    checks = (Check("first", lambda: fine("well")), Check("hangs", _sleep_in_the_database), Check("last", lambda: fine("well")))
    assert _said([Group(checks, is_about_the_database=True, limit_s=2)]) == {
        "first": ("ok", "well"),
        "hangs": ("error", "no answer within 2 s"),
        "last": ("error", "not looked at, because there was no time left"),
    }
    wait_until(lambda: not _sleepers(), seconds=PATIENCE_S, what="the end of its statement")
    wait_until(
        lambda: "check-first" not in {thread.name for thread in threading.enumerate()},
        seconds=PATIENCE_S,
        what="the end of its thread",
    )


def test_first_check_that_fails_spares_the_others_and_one_group_says_nothing_about_another() -> None:
    dead = (Check("server", lambda: error("gone", advice="start it")), Check("rows", lambda: fine("never seen")))
    well = (Check("other", lambda: fine("well")),)
    assert _said([Group(dead), Group(well)]) == {
        "server": ("error", "gone"),
        "rows": ("error", "not looked at, because server failed"),
        "other": ("ok", "well"),
    }


def test_check_that_raises_is_an_error_that_tells_the_operator_more_than_others() -> None:
    def broken() -> Finding:
        raise ValueError("at redis://u:hunter2-hunter2@10.0.0.5")

    (result,) = run([Group((Check("part", broken, "mend it"),))])
    assert result.finding.found == "it can't be looked at (ValueError)"
    assert result.finding.advice == "mend it"
    assert result.finding.detail == "at redis://REDACTED@10.0.0.5"


def test_those_who_ask_at_the_same_time_and_a_moment_later_share_one_look() -> None:
    began, release = threading.Semaphore(0), threading.Event()
    looks: list[int] = []

    def slow() -> Finding:
        looks.append(1)
        began.release()
        release.wait(PATIENCE_S)
        return fine("well")

    shared = Readinesses(parts=lambda: [Group((Check("part", slow),), limit_s=PATIENCE_S)], kept_s=PATIENCE_S)
    answers: list[bool] = []
    askers = [threading.Thread(target=lambda: answers.append(shared.look().is_ready)) for _ in range(5)]
    for asker in askers:
        asker.start()
    assert began.acquire(timeout=PATIENCE_S)
    release.set()
    for asker in askers:
        asker.join(PATIENCE_S)
    shared.look()
    assert (answers, len(looks)) == ([True] * 5, 1)


def test_look_that_breaks_is_raised_and_does_not_stand_in_the_way_of_the_next_one() -> None:
    is_broken = iter([True, False])

    def parts() -> list[Group]:
        if next(is_broken):
            raise RuntimeError("a defect")
        return [Group((Check("part", lambda: fine("well")),))]

    shared = Readinesses(parts=parts)
    with pytest.raises(RuntimeError):
        shared.look()
    assert shared.look().is_ready


def test_severities_are_the_exit_status() -> None:
    assert [severity.rank for severity in (Severity.OK, Severity.WARNING, Severity.ERROR)] == [0, 1, 2]
