"""Backfill jobs through real HTTP into real rows: filled by few calls, shrunk, parked, tried again, or dead with a reason."""

from datetime import datetime

import pytest

from collector.models import Backfill, BackfillState, DeadLetter
from collector.services.backfill import running
from collector.services.backfill.draining import at_once, drain
from marketdata_site.observability.clock import now
from providers.market.types import MINUTE_US
from providers.models import ProviderState
from providers.watch import MAX_CONCURRENT_CALLS
from tests.acceptance.collecting.world import names
from tests.builders import minutes, us
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.reading import coverage, held
from tests.integration.collector.rows import make_override, make_series

START, END = us("2025-10-08 14:00"), us("2025-10-08 14:10")
SLOTS = minutes(START, 10)
EIGHT = "2025-10-08 18"
ALL = [[START, END]]


@pytest.fixture
def work(world):
    """Work off what is due at a moment; returns what became of the oldest job."""

    def work_at(text="2025-10-08 16:00:00", *, all_is_due=True):
        world.set_clock(text)
        if all_is_due:
            Backfill.objects.update(due_at=now())
        drain(worker="me", loop=world.loop)
        return Backfill.objects.order_by("pk").first()

    return work_at


def waits_s(job):
    """From its last try until it is due again."""
    return (job.due_at - datetime.fromisoformat(job.tries[-1]["at"])).total_seconds()


def test_outage_of_many_symbols_is_filled_by_one_call(world, work):
    world.policy("alpaca")
    series = [make_series(name) for name in names("DN", 40)]
    jobs = [make_job(one) for one in series]
    work()
    assert all(coverage(one) == (ALL, []) for one in series)
    assert set(Backfill.objects.values_list("state", "attempts", "lease", "leased_until")) == {("done", 0, 1, None)}
    assert (len(world.control.calls()), len(jobs)) == (1, 40)


def test_span_that_is_covered_by_now_is_done_without_a_call(world, work):
    world.policy("polygon")
    series = make_series()
    world.set_clock("2025-10-08 16:00:00")
    world.collect("AAPL", start="2025-10-08 13:30", end="2025-10-08 14:30")
    world.control.forget_calls()
    make_job(series)
    make_job(make_series("OFF", is_active=False))
    work()
    assert set(Backfill.objects.values_list("state", flat=True)) == {"done"}
    assert world.asked() == []


def test_hole_in_a_dense_series_is_proven_by_the_bars_on_either_side_within_one_try(world, work):
    world.policy("polygon")
    series = make_series("AAPL")
    world.set_clock("2025-10-08 16:00:00")
    world.control.set_fault("withdrawn", vendor="polygon", start=START, end=END)
    world.collect("AAPL", start="2025-10-08 13:30", end="2025-10-08 13:59")
    world.collect("AAPL", start="2025-10-08 14:12", end="2025-10-08 14:30")
    make_job(series)
    job = work()
    assert (job.state, job.attempts) == (BackfillState.DONE, 0)
    assert coverage(series)[1] == ALL


def test_rejected_row_shrinks_the_job_to_its_slot_and_ends_as_rejected(world, work):
    world.policy("polygon")
    make_job(make_series())
    world.control.set_fault("bad_row", vendor="polygon")
    job = work()
    assert (job.state, job.attempts, job.slots) == (BackfillState.RETRY_WAIT, 1, 1)
    assert (job.start, job.end) == (Backfill.objects.get().start, Backfill.objects.get().end)
    assert int((job.end - job.start).total_seconds()) == 60
    assert 24 <= waits_s(job) <= 40
    for _ in range(7):
        job = work()
    assert (job.state, job.attempts) == (BackfillState.DEAD, 8)
    letter = job.dead_letter
    assert (letter.reason, letter.provider, letter.missing_minutes) == ("rejected", "polygon", 1)
    assert "high_below_low" in letter.message


HOPELESS = [
    ({"kind": "forbidden_entitlement"}, "not_entitled", 403),
    ({"kind": "server_error", "status": 404}, "bad_request", 404),
    ({"kind": "html"}, "malformed_answer", 200),
]


@pytest.mark.parametrize(("fault", "reason", "status"), HOPELESS)
def test_answer_that_can_not_change_is_dead_at_once_with_its_reason(world, work, fault, reason, status):
    world.policy("polygon", "alpaca")
    make_job(make_series())
    world.control.set_fault(vendor="*", **fault)
    job = work()
    assert (job.state, job.attempts) == (BackfillState.DEAD, 1)
    assert (job.dead_letter.reason, job.dead_letter.provider) == (reason, "alpaca")
    assert job.dead_letter.http_status in {status, None}
    assert [(one["provider"], one["code"]) for one in job.tries] == [("polygon", reason), ("alpaca", reason)]


def test_question_that_a_vendor_refuses_costs_only_the_job_that_it_means(world, work):
    world.policy("alpaca")
    jobs = [make_job(make_series("BAD")), make_job(make_series("GOOD"))]
    world.control.set_fault("server_error", vendor="alpaca", symbols=["BAD"], status=404)
    work()
    assert set(Backfill.objects.values_list("state", "attempts", "is_solo")) == {("retry_wait", 0, True)}
    work("2025-10-08 16:01:00")
    bad, good = (Backfill.objects.get(pk=job.pk) for job in jobs)
    assert (bad.state, bad.attempts, bad.dead_letter.reason) == (BackfillState.DEAD, 1, "bad_request")
    assert (good.state, good.attempts) == (BackfillState.DONE, 0)


def test_vendor_that_is_down_kills_no_job_and_all_is_filled_when_it_is_back(world, work):
    world.policy("polygon")
    series = [make_series(name) for name in names("DN", 8)]
    for one in series:
        make_job(one)
    number = world.control.set_fault("server_error", vendor="polygon")
    for minute in range(0, 40, 2):
        work(f"2025-10-08 16:{minute:02d}:00")
    assert set(Backfill.objects.values_list("state", flat=True)) == {"parked"}
    assert max(Backfill.objects.values_list("attempts", flat=True)) <= 2
    assert all(len(tries) <= 4 for tries in Backfill.objects.values_list("tries", flat=True))
    world.control.clear_faults(number)
    for minute in (50, 51, 52):
        work(f"2025-10-08 16:{minute}:00")
    assert set(Backfill.objects.values_list("state", flat=True)) == {"done"}
    assert all(coverage(one) == (ALL, []) for one in series)


def test_throttled_job_waits_without_an_attempt_until_the_vendor_takes_requests_again(world, work):
    world.policy("polygon")
    make_job(make_series())
    number = world.control.set_fault("throttle", vendor="polygon", retry_after=30)
    job = work()
    assert (job.state, job.attempts, job.tries[-1]["code"]) == (BackfillState.PARKED, 0, "throttled")
    assert 25 <= waits_s(job) <= 40
    world.control.clear_faults(number)
    assert work("2025-10-08 16:02:00", all_is_due=False).state == BackfillState.DONE


def test_job_waits_until_maintenance_of_the_only_provider_ends_and_nobody_thinks_it_ill(world, work):
    (polygon,) = world.policy("polygon")
    make_job(make_series())
    rows = [
        make_override("2025-10-08 15:00", end, kind="maintenance", provider=polygon) for end in (f"{EIGHT}:00", f"{EIGHT}:10")
    ]
    for clock in ("16:00:00", "17:00:00"):
        job = work(f"2025-10-08 {clock}")
        assert (job.state, job.attempts, job.tries[-1]["code"], len(job.tries)) == (BackfillState.PARKED, 0, "maintenance", 1)
        assert "in maintenance until 2025-10-08 18:10:00 UTC: said so" in job.tries[-1]["message"]
    assert work("2025-10-08 17:58:00").due_at >= rows[1].end
    assert (world.asked(), ProviderState.objects.count()) == ([], 0)
    assert work("2025-10-08 18:13:00", all_is_due=False).state == BackfillState.DONE


def test_provider_in_maintenance_is_passed_over_and_its_answer_waited_for_where_the_others_lack_it(world, work):
    polygon, _ = world.policy("polygon", "alpaca")
    make_job(make_series("AAA"))
    make_override("2025-10-08 15:00", f"{EIGHT}:00", kind="maintenance", provider=polygon)
    assert (work().state, world.asked()) == (BackfillState.DONE, ["alpaca"])
    make_job(make_series("BBB"), attempts=7)
    world.control.set_fault("forbidden_entitlement", vendor="alpaca")
    work()
    job = Backfill.objects.get(series__instrument__symbol="BBB")
    assert (job.state, job.attempts, world.asked()) == (BackfillState.PARKED, 7, ["alpaca"])


def test_without_anybody_to_ask_the_job_waits_and_says_so(world, work):
    world.policy("polygon", is_enabled=False)
    make_job(make_series())
    job = work()
    assert (job.state, job.attempts) == (BackfillState.PARKED, 0)
    assert job.tries[-1]["message"] == "polygon: it is switched off"


def test_pinned_provider_alone_is_asked_and_an_excluded_one_is_not(world, work):
    world.policy("polygon", "alpaca")
    make_job(make_series("AAA"), pinned_provider="alpaca")
    work()
    assert world.asked() == ["alpaca"]
    make_job(make_series("BBB"), excluded_providers=["polygon"])
    work()
    assert world.asked() == ["alpaca"]
    assert set(Backfill.objects.values_list("state", flat=True)) == {"done"}


def test_batch_of_history_is_as_large_as_those_who_may_be_asked_deliver_at_once(world):
    world.policy("polygon", "alpaca")
    series = make_series("AAA")
    assert at_once(make_job(series, lane="history")) == MAX_CONCURRENT_CALLS, "polygon names one symbol a call"
    assert (
        at_once(make_job(series, start="2025-10-07 14:00", lane="history", excluded_providers=["polygon"]))
        > MAX_CONCURRENT_CALLS
    )


def test_error_of_our_own_sends_the_jobs_of_a_batch_to_run_alone_and_kills_a_lone_one_in_the_end(world, work, monkeypatch):
    world.policy("alpaca")
    bad, good = make_series("BAD"), make_series("GOOD")
    jobs = [make_job(bad), make_job(good)]
    ask = running.ask

    def break_at_bad(asked, **rest):
        if any(job.series_id == bad.pk for job in asked):
            raise ZeroDivisionError("nobody thought of \x00 at postgresql://market:hunter2@db/app")
        return ask(asked, **rest)

    monkeypatch.setattr(running, "ask", break_at_bad)
    work()
    assert set(Backfill.objects.values_list("state", "attempts", "is_solo")) == {("retry_wait", 0, True)}
    for _ in range(8):
        work()
    dead, done = (Backfill.objects.get(pk=job.pk) for job in jobs)
    assert (done.state, done.attempts) == (BackfillState.DONE, 0)
    assert (dead.state, dead.dead_letter.reason) == (BackfillState.DEAD, "internal_error")
    assert dead.dead_letter.message == "ZeroDivisionError: nobody thought of \\x00 at postgresql://REDACTED@db/app"
    assert "break_at_bad" in dead.dead_letter.traceback
    assert "hunter2@db" not in f"{dead.dead_letter.traceback} {dead.tries} {done.tries}"


def test_recent_jobs_go_before_history(world, work, monkeypatch):
    world.policy("polygon")
    old, new = make_series("OLD"), make_series("NEW")
    make_job(old, lane="history", due_at=now())
    make_job(new)
    work()
    calls = [call["symbols"] for call in world.control.calls()]
    assert calls == [["NEW"], ["OLD"]]
    assert {len(held(one)) for one in (old, new)} == {len(SLOTS)}
    assert MINUTE_US * len(SLOTS) == END - START
    assert not DeadLetter.objects.exists()
