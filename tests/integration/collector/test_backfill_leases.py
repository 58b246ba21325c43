"""Claims, leases and what a lost worker leaves: rows alone, no provider is asked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread

import pytest
from django.db import connection, transaction

from collector.models import Backfill, BackfillState, DeadLetter
from collector.models.backfills import Lane
from collector.services.backfill.claiming import Batch, claim, lease_time, renew
from collector.services.backfill.reaping import reap
from collector.services.backfill.settling import Ending, Failure, settle
from tests.builders import moment
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.rows import make_series

pytestmark = pytest.mark.django_db

NOW = moment("2025-10-08 16:00")
LATE = NOW + timedelta(hours=1)
TIERS = ("T0", "T1", "T2")


def take(*, tiers: Sequence[str] = TIERS, lane: Lane = Lane.RECENT, now: datetime = NOW, **rest: int) -> Batch | None:
    return claim(lane=lane, tiers=tiers, now=now, worker="me", **rest)


def ids(batch: Batch | None) -> list[int]:
    return [] if batch is None else sorted(job.pk for job in batch.jobs)


def ending(job: Backfill, state: BackfillState = BackfillState.DONE, **rest: object) -> Ending:
    same = Ending(job, state, job.start, job.end, job.slots, job.attempts, job.due_at, job.tries)
    return replace(same, **rest)


def test_jobs_that_one_question_serves_are_claimed_together() -> None:
    one, two = make_job(make_series("AAA")), make_job(make_series("BBB"))
    others = [
        make_job(make_series("CCC"), end="2025-10-08 14:11"),
        make_job(make_series("DDD", mic="XLON", calendar="XLON")),
        make_job(make_series("EEE", interval="5m")),
        make_job(make_series("FFF"), pinned_provider="polygon"),
        make_job(make_series("GGG"), excluded_providers=["polygon"]),
        make_job(make_series("HHH", tier="T1")),
        make_job(make_series("III"), is_solo=True),
        make_job(make_series("JJJ"), lane=Lane.HISTORY),
    ]

    assert ids(take()) == [one.pk, two.pk]
    alone = [ids(take()) for _ in others[:-1]]
    assert sorted(alone) == [[job.pk] for job in others[:-1]]
    assert take() is None
    assert ids(take(lane=Lane.HISTORY)) == [others[-1].pk]


def test_job_whose_worker_was_lost_takes_nobody_with_it() -> None:
    solo = make_job(make_series("AAA"), is_solo=True, due_at=moment("2025-10-08 11:00"))
    other = make_job(make_series("BBB"))

    assert [ids(take()), ids(take())] == [[solo.pk], [other.pk]]


def test_job_due_longest_goes_first_and_the_first_tier_before_the_next() -> None:
    later = make_job(make_series("AAA"), due_at=moment("2025-10-08 13:00"))
    sooner = make_job(make_series("BBB"), end="2025-10-08 14:09", state=BackfillState.PARKED)
    next_tier = make_job(make_series("CCC", tier="T1"), due_at=moment("2025-10-08 11:00"))

    assert [ids(take()) for _ in range(3)] == [[sooner.pk], [later.pk], [next_tier.pk]]


def test_job_is_claimed_neither_before_it_is_due_nor_when_it_does_not_wait() -> None:
    make_job(make_series("AAA"), due_at=NOW + timedelta(seconds=1))
    for name, state in (("BBB", BackfillState.DONE), ("CCC", BackfillState.DEAD), ("DDD", BackfillState.DISCARDED)):
        make_job(make_series(name), state=state)

    assert take() is None


def test_claim_takes_no_more_than_its_limit() -> None:
    jobs = [make_job(make_series(name)) for name in ("AAA", "BBB", "CCC")]

    assert [len(ids(take(limit=lambda _: 2))), len(ids(take(limit=lambda _: 2)))] == [2, 1]
    assert {job.lease for job in Backfill.objects.filter(pk__in=[job.pk for job in jobs])} == {1}


@pytest.mark.django_db(transaction=True)
def test_rows_that_another_worker_is_claiming_are_passed_over() -> None:
    one, two = make_job(make_series("AAA")), make_job(make_series("BBB"), end="2025-10-08 14:09")
    found: list[list[int]] = []

    def claim_elsewhere() -> None:
        found.append(ids(take()))
        connection.close()

    with transaction.atomic():
        mine = ids(take())
        thread = Thread(target=claim_elsewhere)
        thread.start()
        thread.join(60)

    assert sorted([mine, *found]) == [[one.pk], [two.pk]]


def test_worker_that_wakes_up_after_its_lease_changes_nothing() -> None:
    job = make_job(make_series())
    stale = take()
    assert stale is not None
    reap(now=LATE)
    assert settle([ending(stale.jobs[0])], now=LATE) == 0
    fresh = take(now=LATE)
    assert fresh is not None

    assert settle([ending(stale.jobs[0], BackfillState.DEAD, failure=Failure("rejected", "late"))], now=LATE) == 0
    assert renew(stale, now=LATE + timedelta(hours=1)) == 0
    job.refresh_from_db()
    assert (job.state, job.lease, job.leased_until) == (BackfillState.RUNNING, 2, LATE + lease_time())
    assert not DeadLetter.objects.exists()
    assert settle([ending(fresh.jobs[0])], now=LATE) == 1


def test_renewed_lease_is_left_alone_by_the_reaper() -> None:
    make_job(make_series())
    batch = take()
    assert batch is not None
    later = NOW + lease_time() + timedelta(seconds=1)

    assert renew(batch, now=NOW + timedelta(seconds=30)) == 1
    assert reap(now=later) == 0
    assert reap(now=later + timedelta(seconds=30)) == 1


def test_job_of_a_lost_worker_runs_alone_and_dies_when_eight_were_lost_with_it() -> None:
    job, other = make_job(make_series("AAA")), make_job(make_series("BBB"))
    assert len(ids(take())) == 2
    reap(now=LATE)
    Backfill.objects.filter(pk=other.pk).delete()
    for lost in range(8):
        job.refresh_from_db()
        assert (job.state, job.is_solo, job.lost_alone) == (BackfillState.QUEUED, True, lost)
        at = LATE + lost * timedelta(hours=2)
        assert ids(take(now=at)) == [job.pk]
        reap(now=at + timedelta(hours=2))

    job.refresh_from_db()
    assert (job.state, job.finished_at is None, job.attempts) == (BackfillState.DEAD, False, 0)
    assert (job.dead_letter.reason, job.dead_letter.missing_minutes) == ("worker_lost", 10)
    assert {one["code"] for one in job.tries} == {"worker_lost"}


def test_letter_of_a_dead_job_says_what_is_missing_for_which_reason() -> None:
    make_job(make_series(interval="5m"), slots=2, tries=[{"code": "old", "provider": None}] * 20)
    batch = take()
    assert batch is not None
    failure = Failure("not_entitled", "polygon: 403 for AAPL", "polygon", 403, traceback="x" * 9_000 + "end")
    tries = [*batch.jobs[0].tries, {"code": "not_entitled", "provider": "polygon"}]

    settle([ending(batch.jobs[0], BackfillState.DEAD, failure=failure, tries=tries)], now=LATE)

    job, letter = Backfill.objects.get(), DeadLetter.objects.get()
    assert (len(job.tries), job.tries[-1]["code"]) == (20, "not_entitled")
    assert (job.state, job.leased_until, job.worker, job.finished_at) == (BackfillState.DEAD, None, "", LATE)
    assert (letter.reason, letter.provider, letter.http_status, letter.missing_minutes) == ("not_entitled", "polygon", 403, 10)
    assert (len(letter.traceback), letter.traceback[-3:], letter.died_at) == (8_000, "end", LATE)


def test_state_dead_is_not_written_when_its_letter_can_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    make_job(make_series())
    batch = take()
    assert batch is not None
    bad = Failure("rejected", "x", http_status=10**6)  # more than the column takes

    with pytest.raises(Exception, match="out of range"), transaction.atomic():
        settle([ending(batch.jobs[0], BackfillState.DEAD, failure=bad)], now=LATE)

    assert Backfill.objects.get().state == BackfillState.RUNNING
