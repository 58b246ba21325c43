"""`/ops/dlq/bulk` and its ticks: each dead job that matched at the start counts once, in chunks, until all are done or somebody stops it."""

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection, connections, transaction

from collector.models import Abandonment, Backfill, BackfillState, DeadLetter
from collector.models.backfills import Lane
from ops.bulk.advancing import advance_all
from ops.models import AuditEntry, BulkItem
from providers.models import Provider
from tests.integration.providers.policy_rows import make_rows
from tests.integration.rest.answers import ok, refusal
from tests.integration.rest.bulk.operations import BULK, NOW, TICK, fill, kill, shown, start
from tests.integration.rest.dead_rows import DIED, make_dead, make_job
from tests.integration.rest.provider_rows import make_active
from tests.integration.rest.rows import at, make_series, make_tier

pytestmark = pytest.mark.django_db


class TestRequeue:
    """The first twenty show whether it is worth going on; then as fast as the throttle lets."""

    def test_first_jobs_are_waited_for_then_the_rest_follows_and_each_is_requeued_once(self, client, tick):
        series = make_series()
        made = [make_dead(series, n) for n in range(50)]
        number = start(client, note="vendor is back")
        tick(2)
        assert shown(client, number, "state", "done", "left", "open") == ("running", 20, 30, 20)
        assert "waits for the first 20 jobs" in shown(client, number, "why")[0]
        assert {job.pk for job in made[:20]} == set(Backfill.objects.filter(state="queued").values_list("pk", flat=True))
        late = make_dead(series, 60)
        fill(Backfill.objects, 11)
        kill(Backfill.objects, 9)
        tick()
        assert shown(client, number, "done", "filled", "dead_again", "why") == (40, 11, 9, None)
        tick()
        assert shown(client, number, "state", "done", "left", "open") == ("done", 50, 0, 30)
        fill(Backfill.objects, 30)
        tick()
        assert shown(client, number, "filled", "dead_again", "open") == (41, 9, 0)
        assert set(Backfill.objects.exclude(pk=late.pk).values_list("times_requeued", flat=True)) == {1}
        late.refresh_from_db()
        assert (late.state, late.times_requeued) == ("dead", 0)
        said = f"by a program on this machine through api, bulk operation {number}: vendor is back, dead of out_of_attempts"
        made[0].refresh_from_db()
        assert made[0].tries[-1]["message"] == said
        assert [(e.action, e.reason, e.counts["done"]) for e in AuditEntry.objects.order_by("pk")] == [
            ("bulk_start", "vendor is back", 0), ("bulk_done", "vendor is back", 50),
        ]  # fmt: skip

    def test_it_pauses_itself_when_half_of_the_first_are_dead_again_and_an_operator_may_let_it_go_on(self, client, tick):
        series = make_series()
        for n in range(45):
            make_dead(series, n)
        number = start(client)
        tick()
        fill(Backfill.objects, 10)
        kill(Backfill.objects, 9)
        tick()
        assert shown(client, number, "state", "done") == ("running", 20)  # nine of twenty: the last one decides
        kill(Backfill.objects, 1, fingerprint="cafe", reason="unknown_symbol", message="no such symbol")
        tick(2)
        state, why, done = shown(client, number, "state", "why", "done")
        assert (state, done) == ("paused", 20)
        assert why == (
            "10 of the first 20 requeued jobs are dead again: 9 of beef (rejected, polygon): still bad; "
            "1 of cafe (unknown_symbol, polygon): no such symbol"
        )
        ok(client.post(f"{BULK}/{number}/resume", query_params={"note": "seen"}))
        tick(3)
        assert shown(client, number, "state", "done", "dead_again") == ("done", 45, 10)
        assert sorted(set(Backfill.objects.values_list("times_requeued", flat=True))) == [1]
        actions = [(e.action, e.counts["done"]) for e in AuditEntry.objects.order_by("pk")]
        assert actions == [("bulk_start", 0), ("bulk_pause_itself", 20), ("bulk_resume", 20), ("bulk_done", 45)]

    def test_what_does_not_fit_under_a_cap_trickles_in_and_holds_up_no_other_tier(self, client, tick):
        full, free = make_series("AAPL", tier="T0"), make_series("MSFT", tier="T1")
        type(full.tier).objects.filter(code="T0").update(backfill_cap=3)
        waiting = make_job(full, at("2026-11-20 14:30"), state=BackfillState.PARKED)
        for n in range(25):
            make_dead(full, n)
        for n in range(25, 31):
            make_dead(free, n)
        others = Backfill.objects.exclude(pk=waiting.pk)
        number = start(client)
        tick()
        assert shown(client, number, "done", "left", "at_cap", "state") == (8, 23, 23, "running")
        assert others.filter(state="queued", tier="T1").count() == 6  # though all of T0 died before them
        tick()
        assert shown(client, number, "done", "why") == (8, "waits for room under the caps of the tiers")
        fill(others.filter(tier="T0"), 1)
        tick()
        assert shown(client, number, "done", "left", "at_cap", "filled") == (9, 22, 22, 1)
        type(full.tier).objects.filter(code="T0").update(backfill_cap=8)
        tick()
        assert shown(client, number, "done", "left", "at_cap") == (14, 17, 17)
        fill(others, 13)
        type(full.tier).objects.filter(code="T0").update(backfill_cap=100)
        tick()
        assert shown(client, number, "state", "done", "filled") == ("done", 31, 14)

    def test_jobs_that_can_not_be_requeued_are_skipped_by_cause(self, client, tick):
        series, gone = make_series(), make_series("GONE", is_active=False)
        jobs = [make_dead(series, n, job={"lane": Lane.HISTORY} if n == 4 else {}) for n in range(5)]
        make_dead(gone)
        Abandonment.objects.create(series=series, start=jobs[0].start, end=jobs[0].end, who="me", why="w", created_at=NOW)
        number = start(client)
        ok(client.post(f"/ops/dlq/backfills/requeue/{jobs[1].pk}"))
        kill(Backfill.objects.filter(pk=jobs[1].pk), 1)  # dead again: of another death than the operation is about
        ok(client.delete(f"/ops/dlq/backfills/{jobs[2].pk}"))
        tick()
        skipped = {"gone": 2, "series_inactive": 1, "abandoned": 1}
        assert shown(client, number, "state", "done", "skipped") == ("done", 2, skipped)
        assert set(Backfill.objects.filter(state="queued").values_list("pk", flat=True)) == {jobs[3].pk, jobs[4].pk}

    def test_pin_is_kept_by_the_jobs_and_a_provider_that_is_gone_pauses_it(self, client, tick):
        make_rows()
        series = make_series()
        for n in range(30):
            make_dead(series, n)
        number = start(client, pin="alpaca", exclude=["polygon"])
        tick()
        asked = set(Backfill.objects.filter(state="queued").values_list("pinned_provider", "excluded_providers__0"))
        assert asked == {("alpaca", "polygon")}
        fill(Backfill.objects, 20)
        Provider.objects.filter(name="alpaca").delete()
        tick()
        assert shown(client, number, "state", "why", "done") == ("paused", "unknown provider 'alpaca'", 20)

    def test_throttle_is_a_quarter_of_the_limit_of_whom_is_asked_first_by_the_calls_that_the_jobs_take(self, client, tick):
        make_active()  # 300 calls a minute each: six in five seconds
        series = [make_series(f"S{n}") for n in range(60)]
        for one in series:
            make_dead(one, died_at=DIED)  # one span: one question for a vendor of many symbols a call
        plan = ok(client.get(f"{BULK}/preview", {"kind": "requeue"}))
        assert (plan["calls"], plan["chunk"], plan["estimated_seconds"], len(plan["sample"])) == (60, 20, 10, 10)
        plan = ok(client.get(f"{BULK}/preview", {"kind": "requeue", "exclude": ["polygon"]}))
        assert (plan["calls"], plan["chunk"], plan["estimated_seconds"]) == (1, 375, 5)
        other = start(client, exclude=["polygon"])
        assert ok(client.get(f"{BULK}/preview", {"kind": "requeue", "pin": "alpaca"}))["chunk"] == 187  # two share the share
        ok(client.post(f"{BULK}/{other}/cancel"))
        number = start(client, pin="alpaca")
        tick()
        assert shown(client, number, "done", "chunk") == (20, 375)
        fill(Backfill.objects, 20)
        tick()
        assert shown(client, number, "state", "done", "chunk") == ("done", 60, 375)


class TestStopping:
    """Pause, resume and cancel take hold between chunks."""

    def test_paused_operation_rests_until_it_is_resumed(self, client, tick):
        series = make_series()
        for n in range(30):
            make_dead(series, n)
        number = start(client)
        ok(client.post(f"{BULK}/{number}/pause", query_params={"note": "lunch"}))
        tick(2)
        assert shown(client, number, "state", "done", "why") == (
            "paused", 0, "paused by a program on this machine through api: lunch",
        )  # fmt: skip
        assert refusal(client.post(f"{BULK}/{number}/pause")) == (409, "not_running")
        ok(client.post(f"{BULK}/{number}/resume"))
        assert refusal(client.post(f"{BULK}/{number}/resume")) == (409, "not_paused")
        tick()
        assert shown(client, number, "state", "done") == ("running", 20)

    def test_cancelled_operation_leaves_the_rest_dead_and_goes_on_counting_what_it_did(self, client, tick):
        series = make_series()
        for n in range(30):
            make_dead(series, n)
        number = start(client)
        tick()
        ok(client.post(f"{BULK}/{number}/cancel"))
        fill(Backfill.objects, 20)
        tick(3)
        assert shown(client, number, "state", "done", "left", "filled", "at_cap") == ("cancelled", 20, 10, 20, 0)
        assert Backfill.objects.filter(state="dead").count() == 10
        for word in ("pause", "resume", "cancel"):
            assert refusal(client.post(f"{BULK}/{number}/{word}"))[0] == 409
        assert [e.action for e in AuditEntry.objects.order_by("pk")] == ["bulk_start", "bulk_cancel"]

    def test_doorbell_that_rings_too_often_acts_on_one_chunk(self, client):
        series = make_series()
        for n in range(1_010):
            make_dead(series, n)
        number = start(client, "discard")
        for seconds in (0, 1, 3):
            advance_all(now=NOW + timedelta(seconds=seconds))
        assert shown(client, number, "done") == (1_000,)
        advance_all(now=NOW + TICK)
        assert shown(client, number, "done", "state") == (1_010, "done")


class TestDiscard:
    """Of many at once."""

    def test_jobs_are_given_up_with_their_spans_and_can_be_undone(self, client, tick):
        series = make_series()
        first, second = make_dead(series, 0), make_dead(series, 1)
        make_dead(make_series("MSFT"), 2, reason="rejected")
        number = start(client, "discard", reason="out_of_attempts", abandon="true", note="halted")
        tick()
        assert shown(client, number, "state", "done", "filled", "open") == ("done", 2, None, None)
        assert set(DeadLetter.objects.filter(discard_reason="halted").values_list("pk", flat=True)) == {first.pk, second.pk}
        assert Abandonment.objects.count() == 2
        ok(client.post(f"/ops/dlq/backfills/{first.pk}/undo"))
        assert Abandonment.objects.count() == 1
        kinds = ok(client.get("/ops/dlq/stats"))["kinds"]
        assert [(kind["tier"], kind["out_last_hour"]) for kind in kinds] == [("T0", 2)]


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_act_on_one_chunk_and_count_each_job_once(client):
    """The second one finds the row locked while the first one is in the middle of its chunk, and passes by."""
    make_tier("T0")
    series = make_series()
    for n in range(30):
        make_dead(series, n)
    number = start(client, "discard")
    looked_at: list[int] = []

    def second() -> None:
        try:
            looked_at.append(advance_all(now=NOW))
        finally:
            connections.close_all()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM ops_bulkoperation FOR UPDATE")
        thread = Thread(target=second)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    assert (looked_at, BulkItem.objects.filter(state="waiting").count()) == ([0], 30)
    threads = [Thread(target=second) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert shown(client, number, "state", "done") == ("done", 30)
    assert dict(BulkItem.objects.values_list("state", "operation_id")) == {"discarded": number}
