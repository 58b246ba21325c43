"""Ranges declared bad, in the admin: counted first, then done, on record; a deleted row lifts its pin."""

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.models import Bar, RangeInvalidation
from ops.admin.ranges import LIST
from ops.models import AuditEntry
from tests.integration.rest.rows import at, make_bar, make_coverage, make_series, minutes
from tests.integration.rest.test_admin_dead_letters import text

pytestmark = pytest.mark.django_db
NOW = at("2026-11-20 22:00")
PAGE = "admin:ops_invalidate_range"
ASKED = {
    "symbol": "AAPL",
    "interval": "1m",
    "start": "2026-11-20T14:31",
    "end": "2026-11-20T14:33",
    "provider": "polygon",
    "reason": "bad prints",
}


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def bars():
    series = make_series(collect_from=at("2026-11-20 14:30"), collect_until=at("2026-11-20 14:35"))
    slots = minutes(at("2026-11-20 14:30"), 5)
    for start in slots:
        make_bar(series, start)
    make_coverage(series, slots[0].date(), held=[(slots[0], at("2026-11-20 14:35"))])
    return series


def taken_back() -> int:
    return Bar.objects.filter(withdrawn_by="operator").count()


def test_range_is_counted_before_it_is_declared_bad_and_then_listed_with_its_pin(operator, bars):
    page = text(operator.get(reverse(PAGE, query={"symbol": "AAPL", "start": "2026-11-20T14:31"})))
    assert 'value="AAPL"' in page
    assert "Declare it bad" not in page
    counted = text(operator.post(reverse(PAGE), {**ASKED, "count": ""}))
    assert ("Declare it bad" in counted, taken_back(), RangeInvalidation.objects.count()) == (True, 0, 0)
    said = text(operator.post(reverse(PAGE), {**ASKED, "declare": ""}, follow=True))
    assert "2 bars taken back; 2 slots are asked for anew by 1 jobs." in said
    assert ("only polygon" in said, "bad prints" in said, taken_back()) == (True, True, 2)
    shown = text(operator.get(reverse("admin:collector_bars", query={"symbol": "AAPL", "bar": "2026-11-20T14:31:00Z"})))
    assert shown.count("taken back</span>") == 3  # two rows of the table and the head of its history
    assert "an operator declared it bad" in shown


def test_deleted_row_lifts_its_pin_and_is_on_record(operator, bars):
    operator.post(reverse(PAGE), {**ASKED, "declare": ""})
    bad = RangeInvalidation.objects.get()
    operator.post(reverse("admin:collector_rangeinvalidation_delete", args=[bad.pk]), {"post": "yes"})
    assert not RangeInvalidation.objects.exists()
    assert [one.action for one in AuditEntry.objects.order_by("id")] == ["range_invalidate", "range_lift"]
    assert taken_back() == 2


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("symbol", "AAPX", "unknown symbol"), ("end", "2026-11-20T14:31", "after start"), ("reason", "", "required")],
)
def test_what_is_wrong_is_said_at_its_field(operator, bars, field, value, says):
    page = text(operator.post(reverse(PAGE), {**ASKED, field: value, "declare": ""}))
    assert says in page
    assert (taken_back(), RangeInvalidation.objects.count()) == (0, 0)


def test_who_may_only_look_finds_no_button(client, bars):
    user = User.objects.create_user("eve", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_rangeinvalidation"))
    client.force_login(user)
    assert "Declare a range bad" not in text(client.get(reverse(LIST)))
    assert client.get(reverse(PAGE)).status_code == 403
