"""`GET /providers` and the history of a provider's health."""

import json
import os
from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine

from marketdata_site.observability import clock
from providers.breaker import Phase
from providers.budget import Budget, to_json
from providers.market.types import to_us
from providers.models import Incumbent, Provider, ProviderBudget, ProviderState
from providers.outcomes import Outcome
from providers.selectors.samples import MOST_POINTS
from providers.services import overrides
from tests.integration.rest.provider_rows import BARS, PARTS, make_active, make_samples, report
from tests.integration.rest.rows import at

pytestmark = pytest.mark.django_db
NOW = at("2024-10-08 15:06:40")
HISTORY = "/providers/polygon/health-history"


@pytest.fixture(autouse=True)
def _policy():
    with time_machine.travel(NOW, tick=False):
        make_active()
        yield


def history(client, **query) -> list[dict]:
    response = client.get(HISTORY, query)
    assert response.status_code == 200, response.content
    return response.json()["history"]


class TestHistory:
    """Samples as they are, oldest first."""

    def test_answer_has_exactly_these_keys(self, client):
        make_samples("polygon", until=NOW, count=1)
        assert client.get(HISTORY).json() == {
            "provider": "polygon",
            "history": [{"timestamp": 1728400000.0, "score": 0.85}],
        }

    def test_history_is_empty_when_nothing_was_ever_asked(self, client):
        assert client.get(HISTORY).json() == {"provider": "polygon", "history": []}

    def test_last_60_samples_come_oldest_first(self, client):
        make_samples("polygon", until=NOW, count=61)
        make_samples("alpaca", until=NOW, count=1, score=0.1)
        points = history(client)
        assert [point["timestamp"] for point in points] == [1728400000.0 - 10 * back for back in reversed(range(60))]

    def test_point_is_the_worst_capability_of_its_tick_when_none_is_named(self, client):
        make_samples("polygon", until=NOW, count=3, score=0.8)
        make_samples("polygon", until=NOW - timedelta(seconds=10), count=1, capability="bars_1d", score=0.3)
        make_samples("polygon", until=NOW - timedelta(seconds=20), count=1, capability="bars_1d", score=0.9)
        assert [point["score"] for point in history(client)] == [0.8, 0.3, 0.8]

    def test_sixty_ticks_are_shown_when_several_capabilities_are_in_use(self, client):
        for capability in (BARS, "bars_1d", "quotes_l1"):
            make_samples("polygon", until=NOW, count=70, capability=capability)
        assert len(history(client)) == 60

    def test_named_capability_comes_alone_with_parts_and_phase(self, client):
        make_samples("polygon", until=NOW, count=1, score=0.3, phase="open")
        make_samples("polygon", until=NOW, count=1, capability="bars_1d", score=0.2)
        assert history(client, capability=BARS) == [{"timestamp": 1728400000.0, "score": 0.3, "parts": PARTS, "phase": "open"}]

    def test_hours_give_all_samples_of_that_span_and_none_older(self, client):
        make_samples("polygon", until=NOW, count=400)
        assert len(history(client, hours=1)) == 361

    def test_long_span_is_thinned_evenly_and_keeps_a_single_dip(self, client):
        make_samples("polygon", until=NOW, count=12 * 360)
        dip = make_samples("polygon", until=NOW - timedelta(hours=7, seconds=5), count=1, score=0.01)[0]
        points = history(client, hours=12, capability=BARS)
        assert MOST_POINTS * 0.7 < len(points) <= MOST_POINTS
        assert min(points, key=lambda p: p["score"])["timestamp"] == dip.at.timestamp()
        steps = {b["timestamp"] - a["timestamp"] for a, b in pairwise(points)}
        assert max(steps) <= 2 * 30

    def test_provider_that_left_the_policy_keeps_its_history(self, client):
        Provider.objects.create(name="gone", adapter="polygon")
        make_samples("gone", until=NOW, count=1)
        assert len(client.get("/providers/gone/health-history").json()["history"]) == 1

    @pytest.mark.parametrize("name", ["bogus", "a.b", "a%00b", "x" * 300])
    def test_unknown_provider_is_not_found(self, client, name):
        response = client.get(f"/providers/{name}/health-history")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_provider")
        assert response.json()["error"]["field"] == "name"

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"capability": "bars_2m"}, "capability"),
            ({"hours": "0"}, "hours"),
            ({"hours": "721"}, "hours"),
            ({"hour": "1"}, "hour"),
        ],
    )
    def test_wrong_parameter_is_refused_by_name(self, client, query, field):
        response = client.get(HISTORY, query)
        assert (response.status_code, response.json()["error"]["field"]) == (422, field)


class TestProviders:
    """How each stands now."""

    def one(self, client, name: str = "polygon") -> dict:
        return next(p for p in client.get("/providers").json()["providers"] if p["name"] == name)

    def test_providers_of_the_active_version_come_with_what_they_are_used_for(self, client):
        Provider.objects.create(name="drafted", adapter="polygon")
        answer = client.get("/providers").json()
        assert answer["policy_version"] == "1728400000"
        assert [(p["name"], p["adapter"], p["is_enabled"]) for p in answer["providers"]] == [
            ("alpaca", "alpaca", True),
            ("polygon", "polygon", True),
        ]
        (capability,) = self.one(client)["capabilities"]
        assert (capability["capability"], capability["score"], capability["phase"]) == (BARS, 0.9, "closed")
        assert (capability["used_at"], capability["forced"], capability["isolated"]) == (None, None, None)
        assert capability["parts"]["availability_slow"] == 0.9

    def test_breaker_is_half_open_when_its_time_is_over_though_nobody_looked(self, client):
        report("polygon", Outcome.VENDOR_ERROR, 10)
        (capability,) = self.one(client)["capabilities"]
        assert (capability["phase"], capability["score"] < 0.7) == ("open", True)
        assert capability["open_until"] is not None
        ProviderState.objects.update(open_until=NOW)
        assert self.one(client)["capabilities"][0]["phase"] == "half_open"

    def test_forced_state_counts_while_it_holds_and_says_who_and_why(self, client):
        provider = Provider.objects.get(name="polygon")
        until = NOW + timedelta(minutes=5)
        word = {"kind": Phase.OPEN, "until": until, "reason": "bad prices", "by": "ada", "now": NOW}
        overrides.force(provider_id=provider.pk, capability=BARS, **word)
        (capability,) = self.one(client)["capabilities"]
        assert (capability["phase"], capability["open_until"]) == ("open", None)
        assert capability["forced"] == {"until": "2024-10-08T15:11:40Z", "reason": "bad prices", "by": "ada"}
        with time_machine.travel(until, tick=False):
            (capability,) = self.one(client)["capabilities"]
        assert (capability["phase"], capability["forced"]) == ("closed", None)

    def test_isolation_and_first_places_are_named(self, client):
        provider = Provider.objects.get(name="polygon")
        ProviderState.objects.create(provider=provider, capability=BARS, isolated_at=NOW, isolated_reason="bad key")
        for tier in ("T1", "T0"):
            Incumbent.objects.create(capability=BARS, tier=tier, provider=provider, since=NOW)
        (capability,) = self.one(client)["capabilities"]
        assert capability["isolated"] == {"at": "2024-10-08T15:06:40Z", "reason": "bad key"}
        assert capability["first_for"] == ["T0", "T1"]
        assert self.one(client, "alpaca")["capabilities"][0]["first_for"] == []

    def test_budget_says_what_each_kind_of_work_could_get_and_why_not(self, client):
        assert self.one(client)["budget"]["live"]["requests"] == 300
        assert self.one(client)["budget"]["history"]["requests"] == 150
        blocked = to_us(NOW + timedelta(minutes=2))
        memory = to_json(Budget(last=clock.now_us(), blocked_until=blocked, blocked_reason="the vendor said so", strikes=1))
        ProviderBudget.objects.create(provider=Provider.objects.get(name="polygon"), memory=memory)
        live = self.one(client)["budget"]["live"]
        assert live == {
            "requests": 0,
            "retry_at": "2024-10-08T15:08:40Z",
            "blocked_until": "2024-10-08T15:08:40Z",
            "reason": "the vendor said so",
        }

    def test_no_secret_and_no_variable_is_told(self, client, monkeypatch):
        monkeypatch.setitem(os.environ, "POLYGON_API_KEY", "s3cr3t-value")
        text = json.dumps(client.get("/providers").json())
        assert "s3cr3t" not in text
        assert "API_KEY" not in text

    def test_stranger_is_refused(self, client):
        assert client.get("/providers", REMOTE_ADDR="203.0.113.9").status_code == 401
        assert client.get(HISTORY, REMOTE_ADDR="203.0.113.9").status_code == 401

    def test_question_costs_the_same_whatever_there_is(self, client, django_assert_max_num_queries):
        for name in ("a", "b", "c"):
            Provider.objects.create(name=name, adapter="polygon", credentials={"api_key": "KEY"})
        with django_assert_max_num_queries(5):
            client.get("/providers")
