"""`manage.py explain_route`: what routing would do now, for people and for programs."""

import json
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from providers.models import Incumbent, PolicyVersion, Provider, ProviderState
from providers.outcomes import Outcome
from providers.routing import Use
from providers.services import policies
from tests.integration.collector.rows import make_override
from tests.integration.rest.provider_rows import BARS, make_active, report
from tests.integration.rest.rows import at, make_series, make_tier

pytestmark = pytest.mark.django_db
NOW = at("2024-10-08 15:06:40")


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def active():
    return make_active()


def explain(*words: str) -> str:
    out = StringIO()
    call_command("explain_route", *words, stdout=out)
    return out.getvalue()


def as_json(*words: str) -> dict:
    return json.loads(explain(*words, "--json"))


def test_order_is_told_with_the_version_and_where_the_policy_comes_from(active):
    text = explain(BARS, "--tier", "T0")
    assert "bars_1m for tier T0, live work, by policy version 1728400000, at 2024-10-08 15:06:40 UTC" in text
    assert "Policy of bars_1m for all tiers: polygon, alpaca   [routing policy row]" in text
    assert "1. polygon: normal" in text
    assert text.index("1. polygon") < text.index("2. alpaca")
    assert "Now: polygon is first: the best placed at H 0.90" in text


def test_nothing_is_changed_by_looking(active):
    explain(BARS, "--tier", "T0")
    assert not Incumbent.objects.exists()
    assert not ProviderState.objects.exists()


def test_one_who_is_out_is_not_asked_and_the_reason_is_told(active):
    report("polygon", Outcome.VENDOR_ERROR, 10)
    text = explain(BARS, "--tier", "T0")
    assert "1. alpaca: normal" in text
    assert "polygon: its breaker is open until 15:0" in text
    found = as_json(BARS, "--tier", "T0")
    assert found["steps"] == [{"provider": "alpaca", "use": "normal"}]
    (polygon, _) = found["providers"]
    assert (polygon["provider"], polygon["phase"], polygon["trips"], polygon["uses"]) == ("polygon", "open", 1, [])
    assert polygon["parts"]["availability_fast"] < 0.7


def test_one_in_maintenance_is_passed_over_with_when_it_ends_and_why(active):
    make_override("2024-10-08 15:00", "2024-10-08 16:00", kind="maintenance", provider=Provider.objects.get(name="polygon"))
    text = explain(BARS, "--tier", "T0")
    assert "1. alpaca: normal" in text
    assert "polygon: it is in maintenance until 2024-10-08 16:00:00 UTC: said so" in text


def test_half_open_one_is_told_to_be_probed(active):
    report("polygon", Outcome.VENDOR_ERROR, 10)
    ProviderState.objects.update(open_until=NOW)
    assert as_json(BARS, "--tier", "T0")["steps"][0] == {"provider": "polygon", "use": Use.PROBE}


def test_lane_makes_a_difference_when_all_are_out(active):
    for name in ("polygon", "alpaca"):
        report(name, Outcome.VENDOR_ERROR, 10)
    assert [step["use"] for step in as_json(BARS, "--tier", "T0")["steps"]] == ["gentle"]
    found = as_json(BARS, "--tier", "T0", "--lane", "history")
    assert found["steps"] == []
    assert found["retry_at"].startswith("2024-10-08T15:07:")
    assert "Nobody is asked" in explain(BARS, "--tier", "T0", "--lane", "history")


def test_first_place_is_told_as_it_is_kept(active):
    provider = Provider.objects.get(name="alpaca")
    Incumbent.objects.create(capability=BARS, tier="T0", provider=provider, since=NOW, why="because")
    assert "First place: alpaca since 2024-10-08 15:06:40 UTC (because)" in explain(BARS, "--tier", "T0")


def test_symbol_adds_the_limits_of_its_kind(active):
    make_series("EURUSD", mic="XXXX", calendar="FX", asset_class="fx")
    found = as_json(BARS, "--tier", "T0", "--symbol", "EURUSD")
    assert found["skipped"] == [
        {
            "provider": "alpaca",
            "reason": "the query is outside its limits: alpaca has no fx bars, it offers crypto, equity",
        }
    ]


def test_symbol_adds_what_its_series_is_made_of(active):
    make_series("AAPL", adjustment="split")
    assert "the series is made of split prices, its account has raw prices" in explain(BARS, "--tier", "T0", "--symbol", "AAPL")
    make_series("MSFT")
    assert "the series is made of" not in explain(BARS, "--tier", "T0", "--symbol", "MSFT")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bars_2m", "--tier", "T0"], "unknown capability 'bars_2m'; known: bars_1m, bars_5m"),
        ([BARS, "--tier", "T9"], "unknown tier 'T9'; known: T0"),
        ([BARS, "--tier", "T0", "--symbol", "AAPX"], "unknown symbol: 'AAPX'"),
    ],
)
def test_unknown_name_is_refused_with_the_known_ones(active, words, message):
    with pytest.raises(CommandError, match=message) as refused:
        explain(*words)
    assert refused.value.returncode == 1


def test_it_is_said_when_there_is_nothing_to_explain():
    make_tier("T0")
    assert "No policy version is active" in explain(BARS, "--tier", "T0")
    make_active()
    assert "No policy of version 1728400000 is about bars_1d for tier T0" in explain("bars_1d", "--tier", "T0")
    assert as_json("bars_1d", "--tier", "T0")["why"].startswith("No policy of version")


def test_draft_makes_no_difference(active):
    Provider.objects.update(is_enabled=False)
    assert "1. polygon: normal" in explain(BARS, "--tier", "T0")
    policies.reload(author="ada", through="command", now=timezone.now())
    assert PolicyVersion.objects.count() == 2
    assert "polygon: it is switched off" in explain(BARS, "--tier", "T0")
