"""Dead jobs are given up, and taken back."""

from datetime import timedelta

import pytest

from collector.models import Abandonment, Backfill
from ops.models import AuditEntry
from tests.integration.rest.answers import ok, refusal
from tests.integration.rest.dead_letters.letters import LIST, NOW
from tests.integration.rest.dead_rows import DIED, make_dead, make_job
from tests.integration.rest.rows import MINUTE, make_series

pytestmark = pytest.mark.django_db


class TestDiscard:
    """Given up, for good or for the moment."""

    def test_discarded_job_says_who_and_why_and_can_be_undone(self, client):
        job = make_dead(make_series())
        answer = ok(client.delete(f"{LIST}/{job.pk}", query_params={"reason": "halted that day"}))
        assert (answer["state"], answer["discarded_by"], answer["discard_reason"], answer["discarded_at"]) == (
            "discarded", "a program on this machine", "halted that day", "2026-11-20T15:30:00Z",
        )  # fmt: skip
        assert not Abandonment.objects.exists()
        back = ok(client.post(f"{LIST}/{job.pk}/undo"))
        assert (back["state"], back["discarded_at"], back["discard_reason"]) == ("dead", None, None)
        assert Backfill.objects.get().finished_at == DIED
        assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["dead_letter_discard", "dead_letter_undo"]

    def test_abandoning_writes_the_span_and_undoing_takes_it_back(self, client):
        job = make_dead(make_series())
        mine = Abandonment.objects.create(
            series=job.series, start=job.start, end=job.end, who="a program on this machine", why="w", created_at=NOW - MINUTE
        )
        ok(client.delete(f"{LIST}/{job.pk}", query_params={"abandon": "true", "reason": "never traded"}))
        row = Abandonment.objects.exclude(pk=mine.pk).get()
        assert (row.series, row.start, row.end, row.why, row.expires_at) == (
            job.series,
            job.start,
            job.end,
            "never traded",
            None,
        )
        row.start += MINUTE  # as a range declared bad leaves it
        row.save()
        ok(client.post(f"{LIST}/{job.pk}/undo"))
        assert Abandonment.objects.get() == mine

    def test_job_that_is_not_dead_is_not_discarded(self, client):
        job = make_dead(make_series())
        ok(client.delete(f"{LIST}/{job.pk}"))
        assert refusal(client.delete(f"{LIST}/{job.pk}")) == (409, "not_dead")
        assert AuditEntry.objects.count() == 1

    def test_undo_is_refused_when_the_gap_was_found_again(self, client):
        series = make_series()
        job = make_dead(series)
        ok(client.delete(f"{LIST}/{job.pk}"))
        make_job(series, job.start + MINUTE)
        assert refusal(client.post(f"{LIST}/{job.pk}/undo")) == (409, "found_again")

    def test_undo_is_refused_after_the_days_that_a_job_is_kept_for_and_for_what_was_not_discarded(
        self, client, clock, settings
    ):
        series = make_series()
        job, dead = make_dead(series), make_dead(series, 1)
        assert refusal(client.post(f"{LIST}/{dead.pk}/undo")) == (409, "not_discarded")
        ok(client.delete(f"{LIST}/{job.pk}"))
        clock.move_to(NOW + timedelta(days=7))
        assert refusal(client.post(f"{LIST}/{job.pk}/undo")) == (409, "too_late")
        settings.BACKFILL_KEEP_DAYS = 30
        assert ok(client.post(f"{LIST}/{job.pk}/undo"))["state"] == "dead"

    def test_reason_that_no_text_column_takes_is_refused(self, client):
        job = make_dead(make_series())
        assert refusal(client.delete(f"{LIST}/{job.pk}", query_params={"reason": "a\0b"})) == (422, "invalid_parameter")
