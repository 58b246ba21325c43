"""Abandoned spans, in the admin: who gave them up and why; a deleted row is a gap again."""

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.models import Abandonment
from collector.selectors.gaps import find_gaps
from collector.selectors.scopes import Scope
from ops.models import AuditEntry
from providers.market.types import to_us
from providers.services import policies
from tests.integration.rest.rows import MINUTE, at, make_series
from tests.integration.rest.test_admin_dead_letters import text

pytestmark = pytest.mark.django_db
NOW = at("2026-11-20 22:00")
OPEN = at("2026-11-20 14:30")
LIST = "admin:collector_abandonment_changelist"


@pytest.fixture
def span():
    """Ten minutes of AAPL, all of its life, that bob gave up."""
    with time_machine.travel(NOW, tick=False):
        series = make_series(collect_from=OPEN, collect_until=OPEN + 10 * MINUTE)
        yield Abandonment.objects.create(
            series=series, start=OPEN, end=OPEN + 10 * MINUTE, who="bob", why="halted all day", created_at=NOW
        )


def slots_missing() -> int:
    """As a scan finds them."""
    found = find_gaps(scope=Scope(), snapshot=policies.current(), now=to_us(NOW), unattended=True)
    return sum(gap.slots for gap in found)


def delete(client, span):
    return client.post(reverse("admin:collector_abandonment_delete", args=[span.pk]), {"post": "yes"})


def test_list_says_what_was_given_up_by_whom_and_why(operator, span):
    page = text(operator.get(reverse(LIST)))
    assert all(word in page for word in ("AAPL", "2026-11-20 14:30", "2026-11-20 14:40", "bob", "halted all day"))


def test_deleted_row_is_a_gap_again_and_is_on_record(operator, span):
    assert slots_missing() == 0
    assert delete(operator, span).status_code == 302
    assert slots_missing() == 10
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.action, entry.filter["symbol"], entry.filter["start"]) == (
        "ada", "abandonment_lift", "AAPL", "2026-11-20T14:30:00+00:00",
    )  # fmt: skip


def test_who_may_only_look_lifts_nothing(client, span):
    user = User.objects.create_user("eve", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_abandonment"))
    client.force_login(user)
    assert "halted all day" in text(client.get(reverse(LIST)))
    assert delete(client, span).status_code == 403
    assert Abandonment.objects.exists()
