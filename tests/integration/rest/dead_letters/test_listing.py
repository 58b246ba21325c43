"""The list of dead letters, one of them, and how many there are."""

from datetime import timedelta

import pytest

from tests.integration.rest.answers import ok, refusal
from tests.integration.rest.dead_letters.letters import LIST, NOW, numbers
from tests.integration.rest.dead_rows import DIED, make_dead, make_job
from tests.integration.rest.rows import MINUTE, at, make_series

pytestmark = pytest.mark.django_db


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
