"""`GET /incidents` as a client sees it, and the admin's pages of it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.gauges import open_incidents
from tests.integration.rest.dead_rows import make_job
from tests.integration.rest.rows import MINUTE, at, make_incident, make_series

pytestmark = pytest.mark.django_db
FOUND = at("2026-11-20 14:46")


def get(client, status=200, **parameters):
    response = client.get("/incidents", parameters)
    assert response.status_code == status, response.content
    return response.json() if status == 200 else response.json()["error"]


def make_some(count):
    """Numbers from 1 on, a new one each hour; every other one has ended."""
    for number in range(count):
        start = FOUND + number * timedelta(hours=1)
        ended = start + MINUTE if number % 2 else None
        make_incident(pk=number + 1, start=start, end=start + MINUTE, found_at=FOUND + number // 2 * MINUTE, ended_at=ended)


def test_open_ones_are_listed_unless_others_are_asked_for(client):
    make_some(5)
    listed = {
        state: [one["incident_id"] for one in get(client, state=state)["incidents"]] for state in ("open", "ended", "all")
    }
    assert listed == {"open": [5, 3, 1], "ended": [4, 2], "all": [5, 4, 3, 2, 1]}
    assert get(client) == get(client, state="open")
    ((gauge,),) = [family.samples for family in open_incidents()]
    assert (gauge.name, gauge.value) == ("incidents_open", 3)


def test_pages_hold_every_incident_once_newest_first(client):
    make_some(5)
    for limit in (1, 2, 5):
        found, page = [], get(client, state="all", limit=limit)
        while page["next"]:
            found += page["incidents"]
            page = get(client, state="all", limit=limit, after=page["next"])
        assert [one["incident_id"] for one in [*found, *page["incidents"]]] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({"state": "old"}, "state"), ({"limit": "0"}, "limit"), ({"after": "x"}, "after"), ({"stat": "open"}, "stat")],
)
def test_list_is_refused_with_the_field_when_a_parameter_is_wrong(client, parameters, field):
    assert get(client, 422, **parameters)["field"] == field


def test_admin_lists_incidents_and_shows_who_is_left_of_one(client):
    visitor = User.objects.create_user("visitor", is_staff=True)
    client.force_login(visitor)
    address = reverse("admin:collector_incident_changelist")
    assert client.get(address).status_code == 403
    visitor.user_permissions.add(Permission.objects.get(codename="view_incident"))
    make_incident()
    make_incident(pk=8, interval="1h", ended_at=FOUND, part_of_id=7)
    job = make_job(make_series("LEFT"), at("2026-11-20 14:40"), state="parked")
    make_job(make_series("BESIDE"), at("2026-11-20 14:45"), state="parked")
    make_job(make_series("FILLED"), at("2026-11-20 14:40"), state="done")
    page = client.get(address).content.decode()
    assert "part of 7" in page
    assert "2026-11-20 14:35 to 14:45" in page
    assert "part of 7" not in client.get(address, {"state": "open"}).content.decode()
    detail = client.get(reverse("admin:collector_incident_change", args=[7])).content.decode()
    assert [word for word in ("LEFT", str(job.pk), "circuit_open", "8000", "last=2026-11-20") if word not in detail] == []
    assert "BESIDE" not in detail
    assert "FILLED" not in detail
    assert client.get("/admin/").context["incidents"] == 1
