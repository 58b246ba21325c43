"""Operators force a breaker, with a reason and for a time."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from providers.models import (
    ProviderState,
)
from providers.outcomes import Outcome
from tests.integration.rest.admin_providers.pages import NOW, STATES, act, page, state
from tests.integration.rest.provider_rows import BARS, report
from tests.integration.rest.rows import at

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]


class TestOverrides:
    """A word above the breaker."""

    form = {"until": "2024-10-08T15:30", "reason": "bad prices"}

    @pytest.mark.parametrize(("word", "kind"), [("force_open", "open"), ("force_closed", "closed")])
    def test_breaker_is_forced_for_a_time_with_who_and_why_in_the_log(self, operator, word, kind):
        assert act(operator, word, **self.form).status_code == 302
        row = state()
        assert (row.forced, row.forced_until, row.forced_by, row.forced_reason) == (
            kind,
            at("2024-10-08 15:30"),
            "ada",
            "bad prices",
        )
        entry = LogEntry.objects.get()
        assert (entry.user.username, entry.object_repr) == ("ada", "polygon at bars_1m")
        assert entry.get_change_message() == f"forced {kind} until 2024-10-08 15:30 UTC: bad prices"
        shown = page(operator, STATES)
        assert f"forced {kind}" in shown
        assert "until 2024-10-08 15:30 UTC by ada: bad prices" in shown

    def test_page_only_asks_and_offers_half_an_hour(self, operator):
        shown = page(operator, "admin:providers_force_open", "polygon", BARS)
        assert "Nobody asks it, not even gently" in shown
        assert 'value="2024-10-08T15:36"' in shown
        assert not ProviderState.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [({"reason": " "}, "reason"), ({"until": "2024-10-08T15:06"}, "until"), ({"until": "soon"}, "until")],
    )
    def test_nothing_is_forced_without_a_reason_or_for_a_time_that_is_over(self, operator, wrong, field):
        response = act(operator, "force_open", **{**self.form, **wrong})
        assert (response.status_code, list(response.context["form"].errors)) == (200, [field])
        assert not ProviderState.objects.exists()
        assert not LogEntry.objects.exists()

    def test_breaker_decides_again_when_it_is_told_to(self, operator):
        act(operator, "force_open", **self.form)
        assert act(operator, "unforce", reason="prices are right again").status_code == 302
        assert state().forced == ""
        assert LogEntry.objects.latest("pk").get_change_message() == "no longer forced: prices are right again"

    def test_isolated_provider_is_readmitted(self, operator):
        report("polygon", Outcome.OK, 1)
        ProviderState.objects.update(isolated_at=NOW, isolated_reason="bad key")
        assert "bad key" in page(operator, STATES)
        assert act(operator, "readmit").status_code == 302
        assert state().isolated_at is None
        assert LogEntry.objects.get().get_change_message() == "readmitted"

    @pytest.mark.parametrize("word", ["unforce", "readmit"])
    def test_it_is_said_and_not_logged_when_there_is_nothing_to_do(self, operator, word):
        report("polygon", Outcome.OK, 1)
        response = operator.post(reverse(f"admin:providers_{word}", args=["polygon", BARS]), follow=True)
        assert "nothing to do" in response.content.decode()
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("word", ["force_open", "force_closed", "unforce", "readmit"])
    def test_who_may_only_look_is_refused_and_sees_no_link(self, visitor, word):
        report("polygon", Outcome.OK, 1)
        assert act(visitor, word, **self.form).status_code == 403
        assert visitor.get(reverse(f"admin:providers_{word}", args=["polygon", BARS])).status_code == 403
        assert state().forced == ""
        assert "force_open" not in page(visitor, STATES)

    def test_the_one_permission_is_enough_to_act(self, visitor):
        user = User.objects.get(username="bob")
        user.user_permissions.add(Permission.objects.get(codename="override_breaker"))
        assert act(visitor, "force_open", **self.form).status_code == 302
        assert state().forced_by == "bob"

    @pytest.mark.parametrize("about", [("bogus", BARS), ("polygon", "bars_2m")])
    def test_unknown_provider_or_capability_is_not_found(self, operator, about):
        assert operator.get(reverse("admin:providers_force_open", args=about)).status_code == 404
