"""What is seen of bulk operations, what it costs to see it, and who may do what about them."""

from itertools import pairwise

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, transaction
from django.test import Client

from ops.models import BulkOperation
from tests.integration.rest.answers import ELSEWHERE, ok, refusal
from tests.integration.rest.bulk.operations import BULK, start
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import make_series

pytestmark = pytest.mark.django_db


class TestReading:
    """What an operator sees costs one question, however many jobs there are."""

    def test_list_and_progress_ask_one_question_and_count_nothing(self, client, tick, django_assert_num_queries):
        series = make_series()
        for n in range(3):
            make_dead(series, n)
            start(client)
        tick()
        with django_assert_num_queries(1) as asked:
            answer = ok(client.get(BULK, {"limit": 2}))
        assert "COUNT(" not in asked.captured_queries[0]["sql"].upper()
        with django_assert_num_queries(1) as asked:
            ok(client.get(f"{BULK}/{answer['operations'][0]['operation_id']}"))
        assert "COUNT(" not in asked.captured_queries[0]["sql"].upper()
        rest = ok(client.get(BULK, {"limit": 2, "after": answer["next"]}))
        numbers = [one["operation_id"] for one in answer["operations"] + rest["operations"]]
        assert (len(numbers), rest["next"], all(a > b for a, b in pairwise(numbers))) == (3, None, True)

    def test_preview_tells_what_would_be_and_changes_nothing(self, client):
        series, gone = make_series(), make_series("GONE", is_active=False)
        type(series.tier).objects.update(backfill_cap=2)
        for n in range(3):
            make_dead(series, n)
        make_dead(gone)
        plan = ok(client.get(f"{BULK}/preview", {"kind": "requeue", "tier": "T0"}))
        sample = plan.pop("sample")
        assert plan == {
            "kind": "requeue", "matched": 4, "eligible": 3, "at_cap": 1, "skipped": {"series_inactive": 1}, "calls": 0, "chunk": 20,
            "estimated_seconds": 0,
        }  # fmt: skip
        assert [one["symbol"] for one in sample] == ["AAPL", "GONE", "AAPL", "AAPL"]
        assert not BulkOperation.objects.exists()

    def test_what_makes_no_sense_is_refused(self, client):
        assert refusal(client.post(BULK, query_params={"kind": "requeue"})) == (409, "nothing_matched")
        assert refusal(client.post(BULK, query_params={"kind": "burn"})) == (422, "invalid_parameter")
        assert refusal(client.post(BULK, query_params={"kind": "requeue", "pin": "nobody"})) == (422, "unknown_provider")
        assert refusal(client.get(f"{BULK}/7")) == (404, "unknown_operation")
        assert refusal(client.post(f"{BULK}/7/pause")) == (404, "unknown_operation")
        assert not BulkOperation.objects.exists()

    def test_database_refuses_counts_that_do_not_add_up(self, client):
        make_dead(make_series())
        start(client)
        with pytest.raises(IntegrityError, match="bulk_operation_counts_each_job_once"), transaction.atomic():
            BulkOperation.objects.update(done=1)


class TestWhoMay:
    """As for many at once: bulk, and requeue or discard."""

    @pytest.mark.parametrize(
        ("method", "path", "needed"),
        [
            ("GET", BULK, ["view"]),
            ("GET", BULK + "/preview?kind=requeue", ["view"]),
            ("GET", BULK + "/{number}", ["view"]),
            ("POST", BULK + "?kind=requeue", ["requeue", "bulk"]),
            ("POST", BULK + "?kind=discard", ["discard", "bulk"]),
            ("POST", BULK + "/{number}/pause", ["requeue", "bulk"]),
            ("POST", BULK + "/{number}/cancel", ["requeue", "bulk"]),
        ],
    )
    def test_staff_needs_the_permission(self, client, method, path, needed):
        make_dead(make_series())
        path = path.format(number=start(client))
        user = User.objects.create_user("reader", is_staff=True)
        client.force_login(user)
        for permission in needed:
            assert refusal(client.generic(method, path, **ELSEWHERE)) == (403, "forbidden")
            user.user_permissions.add(Permission.objects.get(codename=f"{permission}_deadletter"))
        ok(client.generic(method, path, **ELSEWHERE))

    @pytest.mark.parametrize("path", ["?kind=requeue", "/{number}/pause", "/{number}/cancel"])
    def test_page_of_another_site_and_a_stranger_change_nothing(self, client, path):
        make_dead(make_series())
        path = BULK + path.format(number=start(client))
        browser = Client(enforce_csrf_checks=True)
        assert browser.post(path, **ELSEWHERE).status_code == 401
        browser.force_login(User.objects.create_superuser("root"))
        assert refusal(browser.post(path, headers={"Origin": "https://evil.example"})) == (403, "csrf_failed")
        assert BulkOperation.objects.get().state == "running"
