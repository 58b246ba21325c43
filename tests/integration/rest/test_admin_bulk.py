"""Bulk operations in the admin: started from the page that asks, seen as they go, stopped by buttons."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.models import Backfill
from ops.admin.dead_letter_pages import OPERATIONS, PAGE
from ops.bulk.advancing import advance_all
from ops.models import AuditEntry, BulkOperation
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import at, make_series
from tests.integration.rest.test_admin_dead_letters import act, text

pytestmark = pytest.mark.django_db
NOW = at("2026-11-20 16:00")


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def many() -> None:
    """One more than a page."""
    series = make_series()
    for n in range(PAGE + 1):
        make_dead(series, n)


def listed(client) -> str:
    return text(client.get(reverse(OPERATIONS)))


def press(client, word: str, number: int, **data: object) -> str:
    return text(client.post(reverse(f"admin:bulk_{word}", args=[number]), data, follow=True))


def test_more_than_a_page_is_requeued_in_the_background_after_the_page_that_tells_the_throttle(operator, many):
    page = text(operator.get(reverse("admin:dead_letters_requeue", query={"tier": "T0"})))
    assert f"Requeue {PAGE + 1} jobs in the background" in page
    assert 'name="limit"' not in page
    assert '20 <span class="md-faint">every 5 s</span>' in page
    assert "at least 10 s in all" in page
    assert page.count("out_of_attempts") == 10
    assert not BulkOperation.objects.exists()
    said = act(operator, "requeue", {"note": "back again"}, tier="T0")
    operation = BulkOperation.objects.get()
    assert f"Bulk operation {operation.pk} is started: {PAGE + 1} jobs." in said
    assert (operation.filter, operation.who, operation.through, operation.reason) == (
        {"tier": "T0"},
        "ada",
        "admin",
        "back again",
    )
    assert set(Backfill.objects.values_list("state", flat=True)) == {"dead"}


def test_page_that_was_shown_with_a_limit_keeps_it_though_more_died_meanwhile(operator, many):
    assert "2 of 51 wait for a worker" in act(operator, "requeue", {"limit": 2})
    assert not BulkOperation.objects.exists()


def test_all_that_a_filter_shows_are_discarded_in_the_background(operator):
    series = make_series()
    make_dead(series, 0)
    make_dead(series, 1, fingerprint="beef")
    assert "all=yes" in text(operator.get(reverse("admin:collector_deadletter_changelist"), {"fingerprint": "beef"}))
    assert "Discard 1 job" in text(
        operator.get(reverse("admin:dead_letters_discard", query={"fingerprint": "beef", "all": "yes"}))
    )
    act(operator, "discard", {"abandon": "on"}, fingerprint="beef", all="yes")
    operation = BulkOperation.objects.get()
    assert (operation.kind, operation.matched, operation.abandon) == ("discard", 1, True)


def test_list_shows_how_far_it_is_and_buttons_stop_it(operator, many):
    act(operator, "requeue", tier="T0")
    number = BulkOperation.objects.get().pk
    advance_all(now=NOW)
    response = operator.get(reverse(OPERATIONS))
    assert response.headers["Refresh"] == "5"
    assert "20 of 51 requeued</strong>" in text(response)
    assert "waits for the first 20 jobs" in text(response)
    assert f"Bulk operation {number} is paused." in press(operator, "pause", number)
    assert "paused by ada through admin" in listed(operator)
    assert "Nothing was done" in press(operator, "pause", number)
    assert f"Bulk operation {number} is running." in press(operator, "resume", number)
    page = text(operator.get(reverse("admin:ops_bulkoperation_change", args=[number])))
    assert "20 jobs every 5 s" in page
    assert f"/{number}/pause/" in page
    asks = reverse("admin:bulk_cancel", args=[number])
    assert "The 31 jobs that are left stay dead" in text(operator.get(asks))
    assert BulkOperation.objects.get().state == "running"
    assert "31 jobs are left" in press(operator, "cancel", number, note="enough")
    assert AuditEntry.objects.latest("pk").reason == "enough"
    Backfill.objects.update(state="done")
    advance_all(now=NOW + timedelta(seconds=5))
    response = operator.get(reverse(OPERATIONS))
    assert "Refresh" not in response.headers
    assert f"/{number}/pause/" not in text(response)


def test_get_changes_nothing_and_who_may_only_look_sees_no_button(operator, many):
    act(operator, "requeue", tier="T0")
    number = BulkOperation.objects.get().pk
    for word in ("pause", "resume"):
        assert operator.get(reverse(f"admin:bulk_{word}", args=[number])).status_code == 405
    visitor = User.objects.create_user("bob", is_staff=True)
    visitor.user_permissions.set(Permission.objects.filter(codename="view_deadletter"))
    operator.force_login(visitor)
    page = listed(operator)
    assert ("0 of 51 requeued" in page, f"/{number}/pause/" in page) == (True, False)
    assert f"/{number}/pause/" not in text(operator.get(reverse("admin:ops_bulkoperation_change", args=[number])))
    assert "has not the permission collector.requeue_deadletter" in press(operator, "pause", number)
    assert "has not the permission" in press(operator, "cancel", number)
    visitor.user_permissions.set(Permission.objects.filter(codename="view_auditentry"))
    assert operator.get(reverse(OPERATIONS)).status_code == 403
    assert BulkOperation.objects.get().state == "running"


def test_number_of_questions_does_not_grow_with_the_operations(operator, django_assert_max_num_queries):
    series = make_series()
    for n in range(15):
        make_dead(series, n)
        act(operator, "discard", {}, all="yes")
    with django_assert_max_num_queries(5) as asked:
        listed(operator)
    assert not any("COUNT(*)" in query["sql"] for query in asked.captured_queries)


def test_operation_that_does_not_exist_is_not_found(operator):
    assert operator.get(reverse("admin:bulk_cancel", args=[7])).status_code == 404
    assert "Nothing was done: there is no bulk operation 7" in press(operator, "pause", 7)
