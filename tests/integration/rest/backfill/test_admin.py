"""The admin's page for a range of chosen series."""

from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.models import Backfill
from ops.models import AuditEntry
from tests.integration.rest.backfill.asked import WEEK, make_new, route

pytestmark = pytest.mark.django_db


def text(response) -> str:
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def test_admin_shows_the_cost_before_it_asks_for_a_range(client):
    route("polygon")
    series = make_new()
    client.force_login(User.objects.create_superuser("ada"))
    chosen = {"action": "backfill_range", "_selected_action": series.pk}
    page = client.post(reverse("admin:collector_series_changelist"), chosen)
    address = page.headers["Location"]
    assert "Ask for the range" not in text(client.get(address))
    assert "expected a date such as 2026-11-20" in text(client.get(f"{address}&start=soon&end=2026-11-13"))
    asked = f"{address}&{urlencode(WEEK)}"
    shown = text(client.get(asked))
    assert all(word in shown for word in ("1,950", "polygon", "Ask for the range"))
    assert "So far" not in shown
    assert not Backfill.objects.exists()
    done = text(client.post(asked, {"note": "a study"}, follow=True))
    assert "The range is wanted from now on: 5 new jobs" in done
    assert all(words in done for words in ("1,950 of them somebody sees to already", "So far", "5 jobs open"))
    assert "Ask for the range" not in done
    assert AuditEntry.objects.get().through == "admin"
    assert "no provider" not in done
    assert "expected at most 1,830 days at once, or interval 1d, got 9,813 days" in text(
        client.get(f"{address}&start=2000-01-01&end=2026-11-13")
    )


def test_admin_asks_for_no_part_of_what_was_chosen(client, monkeypatch):
    route("polygon")
    chosen = {"action": "backfill_range", "_selected_action": [make_new(name).pk for name in ("AAA", "BBB", "CCC")]}
    client.force_login(User.objects.create_superuser("ada"))
    monkeypatch.setattr("ops.backfills.MOST_SERIES", 1)
    page = client.post(reverse("admin:collector_series_changelist"), chosen)
    assert "expected at most 1 series at once" in text(client.get(f"{page.headers['Location']}&{urlencode(WEEK)}"))


def test_admin_hides_the_action_from_staff_that_may_not_ask(client):
    make_new()
    user = User.objects.create_user("bob", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_series", "change_series"]))
    client.force_login(user)
    assert "Backfill a range" not in text(client.get(reverse("admin:collector_series_changelist")))
    assert client.get(reverse("admin:collector_series_range"), {"ids": "1"}).status_code == 403
