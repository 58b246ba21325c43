"""Dead jobs begin anew."""

import pytest

from collector.models import Abandonment, Backfill, BackfillState, DeadLetter
from collector.models.backfills import Lane
from ops.models import AuditEntry
from tests.integration.rest.answers import ok, refusal
from tests.integration.rest.dead_letters.letters import LIST, NOW, numbers
from tests.integration.rest.dead_rows import DIED, make_dead, make_job
from tests.integration.rest.rows import MINUTE, at, make_provider, make_series, make_tier

pytestmark = pytest.mark.django_db


class TestRequeue:
    """One job, or as many as there is room for."""

    def test_requeued_job_begins_anew_and_the_drain_is_rung(self, client, rung, django_capture_on_commit_callbacks):
        job = make_dead(make_series(), job={"lost_alone": 3, "is_solo": True})
        with django_capture_on_commit_callbacks(execute=True):
            answer = ok(client.post(f"{LIST}/requeue/{job.pk}", query_params={"note": "vendor is back"}))
        assert answer == {"job_id": job.pk, "state": "queued"}
        assert rung == ["collector.tasks.drain_backfills"]
        job.refresh_from_db()
        assert (job.state, job.due_at, job.attempts, job.lost_alone, job.times_requeued, job.finished_at) == (
            BackfillState.QUEUED, NOW, 0, 0, 1, None,
        )  # fmt: skip
        assert job.is_solo  # a job that killed its workers runs alone again
        assert not DeadLetter.objects.exists()
        said = "by a program on this machine through api: vendor is back, dead of out_of_attempts"
        assert [(one["code"], one["message"]) for one in job.tries][-1] == ("requeued", said)
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.at, entry.who, entry.through, entry.filter, entry.reason) == (
            "dead_letter_requeue", NOW, "a program on this machine", "api", {"job_id": job.pk}, "vendor is back",
        )  # fmt: skip
        assert entry.counts == {"matched": 1, "requeued": 1, "at_cap": 0, "skipped": {}, "kinds": {"T0 1m": 1}}

    def test_tries_stay_bounded_when_a_job_is_requeued_again_and_again(self, client):
        tries = [{"at": None, "provider": "polygon", "code": str(n), "message": "", "http_status": None} for n in range(25)]
        job = make_dead(make_series(), job={"tries": tries})
        ok(client.post(f"{LIST}/requeue/{job.pk}"))
        job.refresh_from_db()
        assert [one["code"] for one in job.tries] == [*map(str, range(6, 25)), "requeued"]

    def test_pin_and_exclusion_are_kept_until_they_are_said_anew(self, client):
        make_provider("tiingo")
        make_provider("polygon")
        job = make_dead(make_series())

        def requeued(**said) -> tuple[str, list[str]]:
            ok(client.post(f"{LIST}/requeue/{job.pk}", query_params=said))
            job.refresh_from_db()
            Backfill.objects.filter(pk=job.pk).update(state=BackfillState.DEAD)
            DeadLetter.objects.create(backfill=job, reason="r", fingerprint="f", missing_minutes=1, died_at=DIED)
            return job.pinned_provider, job.excluded_providers

        assert requeued(pin="tiingo", exclude=["polygon"]) == ("tiingo", ["polygon"])
        assert requeued() == ("tiingo", ["polygon"])
        assert requeued(pin="", exclude="") == ("", [])

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"pin": "nobody"}, "unknown_provider"),
            ({"exclude": "nobody"}, "unknown_provider"),
            ({"pin": "polygon", "exclude": "polygon"}, "bad_pin"),
        ],
    )
    def test_providers_that_make_no_sense_are_refused_and_the_job_stays_dead(self, client, said, code):
        make_provider("polygon")
        job = make_dead(make_series())
        assert refusal(client.post(f"{LIST}/requeue/{job.pk}", query_params=said)) == (422, code)
        assert numbers(client) == [job.pk]
        assert not AuditEntry.objects.exists()

    def test_job_that_can_not_be_requeued_says_why(self, client):
        series, gone = make_series(), make_series("GONE", is_active=False)
        discarded, inactive, abandoned = make_dead(series, 0), make_dead(gone), make_dead(series, 1)
        ok(client.delete(f"{LIST}/{discarded.pk}"))
        Abandonment.objects.create(
            series=series, start=abandoned.start, end=abandoned.end, who="me", why="w", created_at=NOW, expires_at=NOW + MINUTE
        )
        expected = {discarded: "not_dead", inactive: "series_inactive", abandoned: "abandoned"}
        for job, code in expected.items():
            assert refusal(client.post(f"{LIST}/requeue/{job.pk}")) == (409, code)
        assert refusal(client.post(f"{LIST}/requeue/99999")) == (404, "unknown_job")

    def test_job_waits_when_its_tier_is_at_its_cap(self, client):
        series = make_series()
        type(series.tier).objects.update(backfill_cap=1)
        make_job(series, at("2026-11-20 14:30"))
        job = make_dead(series)
        assert refusal(client.post(f"{LIST}/requeue/{job.pk}")) == (409, "at_cap")

    def test_those_that_died_first_are_requeued_first_when_the_limit_is_smaller(self, client):
        series = make_series()
        made = [make_dead(series, n).pk for n in range(5)]
        answer = ok(client.post(f"{LIST}/requeue-all", query_params={"limit": 2}))
        assert answer == {"matched": 5, "requeued": 2, "at_cap": 0, "skipped": {"over_limit": 3}}
        assert numbers(client) == made[:1:-1]

    def test_caps_hold_by_tier_and_every_matched_job_is_accounted_for(self, client):
        make_tier("T0"), make_tier("T1")
        first, second = make_series("AAPL", tier="T0"), make_series("MSFT", tier="T1")
        gone = make_series("GONE", tier="T1", is_active=False)
        type(first.tier).objects.filter(code="T0").update(backfill_cap=3)
        make_job(first, at("2026-11-20 14:30"), state=BackfillState.PARKED)
        for n in range(4):
            make_dead(first, n)
            make_dead(second, n)
        make_dead(first, 9, job={"lane": Lane.HISTORY})  # the other lane has room of its own
        make_dead(gone)
        answer = ok(client.post(f"{LIST}/requeue-all"))
        assert answer == {"matched": 10, "requeued": 7, "at_cap": 2, "skipped": {"series_inactive": 1}}
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.filter, entry.counts["kinds"]) == (
            "dead_letter_requeue_all", {"limit": 100}, {"T0 1m": 3, "T1 1m": 4},
        )  # fmt: skip
        assert ok(client.post(f"{LIST}/requeue-all"))["at_cap"] == 2

    def test_filter_and_limit_of_the_address_are_taken(self, client):
        make_dead(make_series("AAPL", tier="T0"))
        other = make_dead(make_series("MSFT", tier="T1"))
        answer = ok(client.post("/ops/dlq/backfills/requeue-all?tier=T0&limit=100"))
        assert answer == {"matched": 1, "requeued": 1, "at_cap": 0, "skipped": {}}
        assert numbers(client) == [other.pk]
        assert AuditEntry.objects.get().filter == {"tier": "T0", "limit": 100}

    def test_dry_run_tells_the_same_and_changes_nothing(self, client):
        series = make_series()
        made = [make_dead(series, n).pk for n in range(3)]
        answer = ok(client.post(f"{LIST}/requeue-all", query_params={"dry_run": "true", "limit": 2}))
        assert answer == {"matched": 3, "requeued": 2, "at_cap": 0, "skipped": {"over_limit": 1}}
        assert numbers(client) == made[::-1]
        assert not AuditEntry.objects.exists()
