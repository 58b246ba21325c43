"""Drafts of the policy, and its versions: what is asked before one is active."""

from datetime import timedelta

import pytest
from django.urls import reverse

from providers.models import (
    PolicyVersion,
    ProcessVersion,
    Provider,
    ReloadAttempt,
    RoutingPolicy,
)
from providers.services import policies
from tests.integration.rest.admin_providers.pages import FIRST, NOW, VERSIONS, page
from tests.integration.rest.provider_rows import BARS

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]


class TestDraft:
    """Rows that do nothing before a reload."""

    @pytest.mark.parametrize("model", ["provider", "routingpolicy"])
    def test_banner_appears_while_the_draft_differs(self, operator, model):
        row = {"provider": Provider, "routingpolicy": RoutingPolicy}[model].objects.first()
        addresses = [reverse(f"admin:providers_{model}_changelist"), reverse(f"admin:providers_{model}_change", args=[row.pk])]
        for address in addresses:
            assert "draft that differs" not in operator.get(address).content.decode()
        Provider.objects.filter(name="polygon").update(rate_per_minute=7)
        for address in addresses:
            shown = operator.get(address).content.decode()
            assert f"draft that differs from what runs: version {FIRST}" in shown
            assert reverse("admin:providers_policyversion_reload") in shown

    def test_rows_that_differ_are_marked(self, operator):
        Provider.objects.filter(name="polygon").update(rate_per_minute=7)
        rows = operator.get(reverse("admin:providers_provider_changelist")).context["cl"].result_list
        assert {row.name: row.is_draft for row in rows} == {"polygon": True, "alpaca": False}

    def test_policy_says_which_variable_stands_in_its_place(self, operator, monkeypatch):
        monkeypatch.setenv("POLICY_BARS_1M", "alpaca")
        shown = page(operator, "admin:providers_routingpolicy_changelist")
        assert "POLICY_BARS_1M (environment)" in shown
        assert ">draft</span>" in shown

    def test_visitor_is_offered_no_reload(self, visitor):
        Provider.objects.filter(name="polygon").update(rate_per_minute=7)
        shown = page(visitor, "admin:providers_provider_changelist")
        assert reverse("admin:providers_policyversion_validate") in shown
        assert reverse("admin:providers_policyversion_reload") not in shown


class TestVersions:
    """Validate, reload, roll back."""

    def reload_form(self, operator) -> dict[str, str]:
        return {"seen": operator.get(reverse("admin:providers_policyversion_reload")).context["seen"]}

    def test_validating_shows_every_fault_and_changes_nothing(self, operator, monkeypatch):
        monkeypatch.setenv("POLICY_BARS_1M", "bogus,alpaca,alpaca")
        shown = page(operator, "admin:providers_policyversion_validate")
        assert "unknown provider &#x27;bogus&#x27; in POLICY_BARS_1M" in shown
        assert "provider &#x27;alpaca&#x27; stands twice in POLICY_BARS_1M" in shown
        assert (PolicyVersion.objects.count(), ReloadAttempt.objects.count()) == (1, 1)

    def test_reload_shows_the_difference_with_sources_and_then_does_it(self, operator, monkeypatch):
        monkeypatch.setenv("POLICY_BARS_1M", "alpaca")
        shown = page(operator, "admin:providers_policyversion_reload")
        assert "polygon, alpaca" in shown
        assert "POLICY_BARS_1M (environment)" in shown
        assert PolicyVersion.objects.count() == 1
        operator.post(reverse("admin:providers_policyversion_reload"), self.reload_form(operator))
        assert policies.current().order(BARS, "T0") == ("alpaca",)
        made = PolicyVersion.objects.first()
        assert (made.author, made.through) == ("ada", "admin")

    def test_reload_is_shown_again_when_the_draft_changed_meanwhile(self, operator):
        form = self.reload_form(operator)
        Provider.objects.filter(name="polygon").update(rate_per_minute=7)
        response = operator.post(reverse("admin:providers_policyversion_reload"), form, follow=True)
        assert "has changed since you looked" in response.content.decode()
        assert PolicyVersion.objects.count() == 1

    def test_refused_reload_says_why_there_and_on_the_dashboard(self, operator, monkeypatch):
        monkeypatch.setenv("POLICY_BARS_1M", "bogus")
        response = operator.post(reverse("admin:providers_policyversion_reload"), self.reload_form(operator), follow=True)
        assert "Refused, and nothing has changed" in response.content.decode()
        assert policies.current().number == int(FIRST)
        assert "The last reload was refused" in page(operator, "admin:index")
        assert "The last reload was refused" in page(operator, VERSIONS)

    def test_rollback_shows_the_difference_and_then_does_it(self, operator):
        Provider.objects.filter(name="polygon").update(rate_per_minute=7)
        operator.post(reverse("admin:providers_policyversion_reload"), self.reload_form(operator))
        second = policies.current().number
        address = reverse("admin:providers_policyversion_rollback", args=[FIRST])
        assert address in page(operator, "admin:providers_policyversion_change", FIRST)
        assert "/rollback/" not in page(operator, "admin:providers_policyversion_change", second)
        shown = operator.get(address).content.decode()
        assert "provider polygon: rate_per_minute" in shown
        assert policies.current().number == second
        operator.post(address)
        assert policies.current().number == int(FIRST)
        assert "draft changes 1 value" in page(operator, VERSIONS)

    def test_version_tells_what_it_says_and_what_it_changed(self, operator):
        shown = page(operator, "admin:providers_policyversion_change", FIRST)
        assert "polygon → alpaca" in shown
        assert "demote 0.70 (default), promote 0.85 (default)" in shown
        assert "provider polygon: adapter" in shown

    @pytest.mark.parametrize("number", ["1", "x", "9" * 30])
    def test_unknown_version_is_not_found(self, operator, number):
        assert operator.get(reverse("admin:providers_policyversion_rollback", args=[number])).status_code == 404

    def test_laggards_are_marked(self, operator):
        ProcessVersion.objects.create(process="host:worker:1", host="host", role="worker", version=1, seen_at=NOW)
        gone = NOW - timedelta(minutes=6)
        ProcessVersion.objects.create(process="host:worker:2", host="host", role="worker", version=1, seen_at=gone)
        shown = page(operator, VERSIONS)
        assert ">lagging</span>" in shown
        assert ">gone</span>" in shown
        assert f"Not yet at version {FIRST}: host:worker:1<" in page(operator, "admin:index")

    def test_visitor_may_validate_but_neither_reload_nor_roll_back(self, visitor):
        page(visitor, "admin:providers_policyversion_validate")
        for name, args in (("reload", []), ("rollback", [FIRST])):
            address = reverse(f"admin:providers_policyversion_{name}", args=args)
            assert visitor.get(address).status_code == 403
            assert visitor.post(address).status_code == 403
            assert address not in page(visitor, VERSIONS)
        assert PolicyVersion.objects.count() == 1

    def test_nobody_adds_changes_or_deletes_by_hand(self, operator):
        assert operator.get(reverse("admin:providers_policyversion_add")).status_code == 403
        assert operator.post(reverse("admin:providers_policyversion_delete", args=[FIRST]), {"post": "yes"}).status_code == 403
        assert operator.get(reverse("admin:providers_providerstate_add")).status_code == 403
