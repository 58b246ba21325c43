"""Each permission opens its own door; other sites' pages none."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from collector.models import Backfill, BackfillState
from ops.models import AuditEntry
from tests.integration.rest.answers import ELSEWHERE, ok, refusal
from tests.integration.rest.dead_letters.letters import LIST
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import make_series

pytestmark = pytest.mark.django_db


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
