"""What operators see of providers: state, score, samples, and who is asked."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from providers.models import (
    Incumbent,
    Provider,
)
from providers.outcomes import Outcome
from providers.selectors.samples import MOST_POINTS
from tests.integration.rest.admin_providers.pages import NOW, STATES, VERSIONS, page
from tests.integration.rest.provider_rows import BARS, make_samples, report
from tests.integration.rest.rows import make_series, make_tier

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]


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
