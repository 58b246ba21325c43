"""API keys in the admin: shown once, revoked at once, and nobody gives away more than he may."""

import re

import pytest
from django.contrib.auth.models import Permission, User

from marketdata_site.observability import clock
from ops.access.checking import KeyCheck, KeyRefused
from ops.models import ApiKey, AuditEntry
from tests.keys import make_key, new_peer, row_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]
LIST, MAKE = "/admin/ops/apikey/", "/admin/ops/apikey/make/"
FORM = {"name": "grafana", "scope": "ops", "days": "90"}


@pytest.fixture
def clerk(client):
    user = User.objects.create_user("clerk", is_staff=True)
    client.force_login(user)

    def grant(*names: str) -> None:
        user.user_permissions.add(*Permission.objects.filter(codename__in=[f"{name}_apikey" for name in names]))

    return grant


def test_key_is_shown_once_on_a_page_that_nothing_keeps(operator):
    response = operator.post(MAKE, FORM)
    assert "no-store" in response["Cache-Control"]
    text = re.search(r"md_[0-9a-f]{8}_[\w-]{43}", response.content.decode())[0]
    key = KeyCheck().check(text, peer="", now=clock.now())
    assert (key.name, key.scope) == ("grafana", "ops")
    assert AuditEntry.objects.get(action="api_key_create").who == "ada"
    for path in (LIST, MAKE, f"/admin/ops/apikey/{key.id}/change/", "/admin/ops/auditentry/"):
        assert text[12:] not in operator.get(path).content.decode()
        assert row_of(text).digest not in operator.get(path).content.decode()


def test_revoking_asks_first_and_counts_at_once(operator):
    text = make_key(name="grafana")
    page = f"/admin/ops/apikey/{row_of(text).pk}/revoke/"
    assert page in operator.get(LIST).content.decode()
    assert "grafana" in operator.get(page).content.decode()
    assert row_of(text).revoked_at is None
    response = operator.post(page, {"reason": "left on a train"}, follow=True)
    assert "opens nothing any more" in response.content.decode()
    with pytest.raises(KeyRefused):
        KeyCheck().check(text, peer=new_peer(), now=clock.now())
    assert AuditEntry.objects.get(action="api_key_revoke").reason == "left on a train"
    assert operator.get(page).status_code == 404


def test_staff_makes_no_key_that_may_more_than_it_is_trusted_with(client, clerk):
    assert client.get(MAKE).status_code == 403
    clerk("add", "view")
    assert "ops:" not in client.get(MAKE).content.decode()
    client.post(MAKE, FORM)
    assert not ApiKey.objects.exists()
    client.post(MAKE, {**FORM, "scope": "read"})
    assert ApiKey.objects.get().scope == "read"
    clerk("empower")
    client.post(MAKE, FORM)
    assert set(ApiKey.objects.values_list("scope", flat=True)) == {"read", "ops"}


def test_staff_revokes_only_with_the_permission(client, clerk):
    clerk("view")
    page = f"/admin/ops/apikey/{row_of(make_key()).pk}/revoke/"
    assert page not in client.get(LIST).content.decode()
    assert client.post(page).status_code == 403
    assert ApiKey.objects.get().revoked_at is None
    clerk("revoke")
    assert client.post(page).status_code == 302
    assert ApiKey.objects.get().revoked_at is not None


def test_list_filters_by_state(operator):
    for state in ("active", "expired", "revoked"):
        make_key(state=state, name=f"{state}-one")
    for state in ("active", "expired", "revoked"):
        page = operator.get(LIST, {"state": state}).content.decode()
        assert re.findall(r"(?:active|expired|revoked)-one", page) == [f"{state}-one"]
