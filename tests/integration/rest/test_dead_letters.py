"""`/ops/dlq`: what operators see of dead jobs, what they may do about them, and what stays on record."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client

from collector.models import Abandonment, Backfill, BackfillState, DeadLetter
from collector.models.backfills import Lane
from ops.models import AuditEntry
from tests.integration.rest.dead_rows import DIED, make_dead, make_job
from tests.integration.rest.rows import MINUTE, at, make_provider, make_series, make_tier

pytestmark = pytest.mark.django_db
NOW = at("2026-11-20 15:30")
LIST = "/ops/dlq/backfills"
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def rung(monkeypatch) -> list[str]:
    """The names of tasks that were rung for."""
    calls: list[str] = []
    monkeypatch.setattr("celery.current_app.send_task", lambda name, **_: calls.append(name))
    return calls


def ok(response) -> dict:
    assert response.status_code == 200, response.content
    return response.json()


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def numbers(client, **filters) -> list[int]:
    return [one["job_id"] for one in ok(client.get(LIST, filters))["backfills"]]


class TestListing:
    """Newest first, by keyset, through one filter."""

    def test_letter_is_told_with_its_job(self, client):
        job = make_dead(make_series(), 3)
        answer = ok(client.get(LIST))
        assert answer["next"] is None
        assert answer["backfills"] == [
            {
                "job_id": job.pk, "state": "dead", "symbol": "AAPL", "mic": "XNAS", "interval": "1m", "hours": "regular",
                "adjustment": "raw", "tier": "T0", "lane": "recent", "start": "2026-06-04T14:30:00Z",
                "end": "2026-06-04T14:40:00Z", "slots": 10, "missing_minutes": 10, "reason": "out_of_attempts",
                "fingerprint": "f00d", "provider": "polygon", "http_status": 500, "message": "polygon answered HTTP 500",
                "attempts": 8, "times_requeued": 0, "found_at": "2026-06-04T14:40:00Z", "died_at": "2026-11-20T15:03:00Z",
            }
        ]  # fmt: skip

    def test_pages_hold_every_letter_once_when_many_died_at_the_same_moment(self, client):
        series = make_series()
        made = [make_dead(series, n, died_at=DIED if n < 5 else None).pk for n in range(7)]
        found, after, pages = [], {}, 0
        while after is not None:
            page = ok(client.get(LIST, {"limit": 2, **after}))
            found += [one["job_id"] for one in page["backfills"]]
            after, pages = page["next"] and {"after": page["next"]}, pages + 1
        assert (found, pages) == (made[::-1], 4)

    def test_list_holds_100_and_asks_one_question_when_there_are_more(self, client, django_assert_num_queries):
        series = make_series()
        for n in range(101):
            make_dead(series, n)
        with django_assert_num_queries(1):
            answer = ok(client.get(LIST))
        assert (len(answer["backfills"]), answer["next"] is None) == (100, False)

    @pytest.mark.parametrize(
        "wanted",
        [
            {"tier": "T1"},
            {"interval": "1d"},
            {"symbol": "MSFT"},
            {"provider": "tiingo"},
            {"reason": "rejected"},
            {"fingerprint": "beef"},
            {"older_than": "2026-11-20T15:00:00Z"},
        ],
    )
    def test_filter_leaves_what_fits(self, client, wanted):
        other = make_dead(make_series(), 0, died_at=DIED)
        fitting = make_dead(
            make_series("MSFT", tier="T1", interval="1d"), 1, died_at=DIED - MINUTE, provider="tiingo", reason="rejected",
            fingerprint="beef",
        )  # fmt: skip
        assert numbers(client, **wanted) == [fitting.pk]
        assert numbers(client, newer_than="2026-11-20T15:00:00Z") == [other.pk]

    def test_jobs_that_are_not_dead_are_not_listed(self, client):
        series = make_series()
        make_job(series, at("2026-11-20 14:30"))
        discarded = make_dead(series, 1)
        ok(client.delete(f"{LIST}/{discarded.pk}"))
        assert numbers(client) == []
        assert numbers(client, state="discarded") == [discarded.pk]

    @pytest.mark.parametrize("after", ["bm9uc2Vuc2U", "WzEsMl0", "WyIyMDI2LTExLTIwVDE1OjAwOjAwKzAwOjAwIiwtMV0"])
    def test_forged_cursor_is_refused(self, client, after):
        assert refusal(client.get(LIST, {"after": after})) == (422, "bad_cursor")

    def test_misspelt_filter_is_refused(self, client):
        assert refusal(client.get(LIST, {"teir": "T0"})) == (422, "unknown_parameter")

    def test_one_letter_is_told_with_its_tries(self, client):
        job = make_dead(make_series(), traceback="Traceback …")
        answer = ok(client.get(f"{LIST}/{job.pk}"))
        assert [(one["code"], one["http_status"]) for one in answer["tries"]] == [("bad_answer", 500)] * 2
        assert (answer["traceback"], answer["discarded_at"], answer["pinned_provider"]) == ("Traceback …", None, None)

    def test_unknown_job_and_one_without_a_letter_are_not_found(self, client):
        job = make_job(make_series(), at("2026-11-20 14:30"))
        assert refusal(client.get(f"{LIST}/{job.pk + 1}")) == (404, "unknown_job")
        response = client.get(f"{LIST}/{job.pk}")
        assert (refusal(response), response.json()["error"]["message"]) == (
            (404, "no_dead_letter"), f"job {job.pk} is queued: it has no dead letter",
        )  # fmt: skip


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


class TestStats:
    """By tier and interval, and by cause."""

    def test_depth_age_minutes_and_causes_are_told(self, client, django_assert_num_queries):
        first, second = make_series("AAPL", tier="T0"), make_series("MSFT", tier="T1", interval="1d")
        make_dead(first, 0, died_at=NOW - timedelta(hours=2))
        make_dead(first, 1, died_at=NOW - MINUTE, fingerprint="beef", message="the newest")
        make_dead(second, 2, died_at=NOW - 2 * MINUTE, fingerprint="beef", provider="")
        requeued, discarded = make_dead(first, 3), make_dead(second, 4)
        ok(client.post(f"{LIST}/requeue/{requeued.pk}"))
        ok(client.delete(f"{LIST}/{discarded.pk}"))
        with django_assert_num_queries(4):
            answer = ok(client.get("/ops/dlq/stats"))
        assert answer["depth"] == 3
        assert answer["kinds"] == [
            {
                "tier": "T0", "interval": "1m", "depth": 2, "oldest_age_seconds": 7200.0, "missing_minutes": 20,
                "in_last_hour": 1, "out_last_hour": 1,
            },
            {
                "tier": "T1", "interval": "1d", "depth": 1, "oldest_age_seconds": 120.0, "missing_minutes": 10,
                "in_last_hour": 1, "out_last_hour": 1,
            },
        ]  # fmt: skip
        assert [(one["fingerprint"], one["depth"], one["message"]) for one in answer["fingerprints"]] == [
            ("beef", 2, "the newest"), ("f00d", 1, "polygon answered HTTP 500"),
        ]  # fmt: skip


class TestWhoMay:
    """Each permission opens its own door; other sites' pages none."""

    @pytest.fixture
    def staff(self, client):
        user = User.objects.create_user("reader", is_staff=True)
        client.force_login(user)
        return user

    @pytest.mark.parametrize(
        ("method", "path", "needed"),
        [
            ("GET", LIST, ["view"]),
            ("GET", LIST + "/{job}", ["view"]),
            ("GET", "/ops/dlq/stats", ["view"]),
            ("POST", LIST + "/requeue/{job}", ["requeue"]),
            ("POST", LIST + "/requeue-all", ["requeue", "bulk"]),
            ("DELETE", LIST + "/{job}", ["discard"]),
        ],
    )
    def test_staff_needs_the_permission(self, client, staff, method, path, needed):
        job = make_dead(make_series())
        path = path.format(job=job.pk)
        for permission in needed:
            assert refusal(client.generic(method, path, **ELSEWHERE)) == (403, "forbidden")
            staff.user_permissions.add(Permission.objects.get(codename=f"{permission}_deadletter"))
        ok(client.generic(method, path, **ELSEWHERE))
        assert method == "GET" or AuditEntry.objects.get().who == "reader"

    def test_undo_needs_the_permission(self, client, staff):
        job = make_dead(make_series())
        ok(client.delete(f"{LIST}/{job.pk}"))
        assert refusal(client.post(f"{LIST}/{job.pk}/undo", **ELSEWHERE)) == (403, "forbidden")

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/requeue/{job}"), ("POST", "/requeue-all"), ("DELETE", "/{job}"), ("POST", "/{job}/undo")],
    )
    def test_page_of_another_site_and_a_stranger_change_nothing(self, method, path):
        job = make_dead(make_series())
        browser, path = Client(enforce_csrf_checks=True), LIST + path.format(job=job.pk)
        assert browser.generic(method, path, **ELSEWHERE).status_code == 401
        browser.force_login(User.objects.create_superuser("root"))
        assert refusal(browser.generic(method, path, headers={"Origin": "https://evil.example"})) == (403, "csrf_failed")
        assert refusal(browser.generic(method, path, **ELSEWHERE)) == (403, "csrf_failed")
        assert Backfill.objects.get().state == BackfillState.DEAD
