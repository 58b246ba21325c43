"""What operators see about providers in the admin, what they may do about it, and what is asked before it is done."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from providers.models import (
    Incumbent,
    PolicyVersion,
    ProcessVersion,
    Provider,
    ProviderState,
    ReloadAttempt,
    RoutingPolicy,
)
from providers.outcomes import Outcome
from providers.selectors.samples import MOST_POINTS
from providers.services import policies
from tests.integration.rest.provider_rows import BARS, make_active, make_samples, report
from tests.integration.rest.rows import at, make_series, make_tier

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]
NOW = at("2024-10-08 15:06:40")
FIRST = "1728400000"
STATES = "admin:providers_providerstate_changelist"
VERSIONS = "admin:providers_policyversion_changelist"


@pytest.fixture(autouse=True)
def _policy():
    with time_machine.travel(NOW, tick=False):
        make_active()
        yield


@pytest.fixture
def visitor(client):
    """Staff that may look at everything here, and act on nothing."""
    user = User.objects.create_user("bob", is_staff=True)
    names = ["view_provider", "view_routingpolicy", "view_providerstate", "view_policyversion", "view_reloadattempt"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names, content_type__app_label="providers"))
    client.force_login(user)
    return client


def page(client, name: str, *args: object, **query: str) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def state(provider: str = "polygon") -> ProviderState:
    return ProviderState.objects.get(provider__name=provider, capability=BARS)


def act(client, word: str, **form: str):
    return client.post(reverse(f"admin:providers_{word}", args=["polygon", BARS]), form)


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


class TestHealth:
    """Lists and the history."""

    def test_list_tells_state_score_and_first_places(self, operator):
        report("polygon", Outcome.VENDOR_ERROR, 10)
        Incumbent.objects.create(capability=BARS, tier="T0", provider=Provider.objects.get(name="polygon"), since=NOW)
        response = operator.get(reverse(STATES))
        (row,) = response.context["cl"].result_list
        assert (row.health.phase, row.health.first_for) == ("open", ("T0",))
        assert "then a probe" in response.content.decode()
        assert [one["provider"] for one in response.context["never_asked"]] == ["alpaca"]

    def test_provider_list_shows_state_of_each_capability(self, operator):
        report("polygon", Outcome.VENDOR_ERROR, 10)
        shown = page(operator, "admin:providers_provider_changelist")
        assert ">open</span>" in shown
        assert "not yet" in shown  # alpaca

    @pytest.mark.parametrize(
        "query",
        [{}, {"provider": "polygon"}, {"provider": "bogus"}, {"provider": "polygon", "span": "2y"}, {"capability": "x"}],
    )
    def test_history_opens_without_samples_and_with_nonsense(self, operator, query):
        page(operator, "admin:providers_health_history", **query)

    def test_history_shows_samples_with_their_parts(self, operator):
        make_samples("polygon", until=NOW, count=40, score=0.77, phase="half_open")
        response = operator.get(reverse("admin:providers_health_history"), {"provider": "polygon", "capability": BARS})
        chart, rows = response.context["chart"], response.context["rows"]
        assert (len(chart["points"]), len(rows)) == (40, 30)
        assert chart["points"][-1] == {
            "time": 1728400000, "phase": "half_open", "h": 0.77, "availability": 0.9, "completeness": 1.0,
            "freshness": 1.0, "speed": 1.0, "quota": 1.0,
        }  # fmt: skip
        assert rows[0]["at"] == NOW
        assert "half-open" in response.content.decode()

    @pytest.mark.parametrize("span", ["1h", "6h", "24h", "7d"])
    def test_chart_has_a_place_for_every_point_and_never_too_many(self, operator, span):
        make_samples("polygon", until=NOW, count=300, seconds=600)
        chart = operator.get(reverse("admin:providers_health_history"), {"provider": "polygon", "span": span}).context["chart"]
        places = range(chart["from"], chart["to"] + 1, chart["step"])
        assert len(places) <= MOST_POINTS + 1
        assert {point["time"] for point in chart["points"]} <= set(places)

    @pytest.mark.parametrize(
        ("name", "query"),
        [
            (STATES, {}),
            ("admin:providers_health_history", {"provider": "polygon"}),
            ("admin:providers_provider_changelist", {}),
            ("admin:index", {}),
            ("admin:providers_reloadattempt_changelist", {}),
            (VERSIONS, {}),
        ],
    )
    def test_no_page_counts_samples_and_none_asks_once_a_row(self, operator, name, query):
        make_samples("polygon", until=NOW, count=5)
        for provider in ("polygon", "alpaca"):
            for capability in (BARS, "bars_1d", "quotes_l1"):
                report(provider, Outcome.OK, 1, capability=capability)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page(operator, name, **query)
        statements = [query["sql"] for query in captured.captured_queries]
        assert [sql for sql in statements if "COUNT(" in sql.upper() and "healthsample" in sql] == []
        assert len(statements) < 40

    @pytest.mark.parametrize(
        "name",
        [
            STATES,
            VERSIONS,
            "admin:providers_health_history",
            "admin:providers_routing",
            "admin:providers_reloadattempt_changelist",
        ],
    )
    def test_pages_are_closed_to_staff_without_permission(self, client, name):
        client.force_login(User.objects.create_user("eve", is_staff=True))
        assert client.get(reverse(name)).status_code == 403


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


class TestRouting:
    """The page of `explain_route`."""

    def test_page_tells_who_is_asked_and_why_not_the_others(self, operator):
        report("polygon", Outcome.VENDOR_ERROR, 10)
        response = operator.get(reverse("admin:providers_routing"), {"capability": BARS, "tier": "T0", "lane": "history"})
        assert [step[:2] for step in response.context["steps"]] == [("alpaca", "normal")]
        assert "its breaker is open until" in response.content.decode()

    def test_page_adds_the_limits_of_a_symbol(self, operator):
        make_series("EURUSD", mic="XXXX", calendar="FX", asset_class="fx")
        assert "alpaca has no fx bars" in page(operator, "admin:providers_routing", symbol="EURUSD")
        assert "unknown symbol" in page(operator, "admin:providers_routing", symbol="AAPX")

    def test_page_opens_with_nonsense_and_says_when_nothing_is_about_it(self, operator):
        make_tier("T1")
        page(operator, "admin:providers_routing", tier="T9", lane="x")
        assert "No policy of version" in page(operator, "admin:providers_routing", capability="bars_1d")


def test_dashboard_tells_state_and_what_blocks(operator):
    report("polygon", Outcome.VENDOR_ERROR, 10)
    rows = {row.name: row for row in operator.get(reverse("admin:index")).context["providers"]}
    assert ">open</span>" in rows["polygon"].state
    assert rows["polygon"].blocked == ""
