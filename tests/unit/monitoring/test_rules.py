"""The rule files: one is made of the other, promtool takes it, and it holds what was promised with the numbers that were promised."""

import re
import subprocess
import sys

import pytest
import yaml

from tests.monitoring_files import MONITORING, alerts, all_rules, needs_promtool, read_yaml, said_by
from tests.unit.monitoring.case import Kind
from tests.unit.monitoring.test_alerts import CASES

MAKE = MONITORING / "make_rules.py"
PROMISED = {
    "SLOGapViolationHighT0": "> 0.005",
    "BackfillOldestTooOldT0": "> 900",
    "WSPublishLatencyHigh": "> 250",
    "ProviderErrorSpike": "> 5",
    "NoWSClientsDuringRTH": "== 0",
    "BackfillQueueDepthHigh": "> 10000",
    "ProviderCircuitBreakerOpen": "== 2",
    "DBWriteLatencyHigh": "> 1000",
    "IngestionLagHigh": "> 300",
    "MarketDataServiceDown": "absent(",
    "HealthEndpointFailing": "probe_success",
}
BURNS = {"SLOBurnRateFast": ("14.4", "1h", "5m"), "SLOBurnRateMedium": ("6", "6h", "30m"), "SLOBurnRateSlow": ("3", "1d", "2h")}


def _made(*options: str) -> str:
    return subprocess.run([sys.executable, str(MAKE), *options], capture_output=True, text=True, check=True).stdout


def test_plain_file_holds_what_the_object_of_the_operator_holds_and_is_what_the_program_makes() -> None:
    whole = read_yaml("alerts-slo.yaml")
    assert (whole["apiVersion"], whole["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert read_yaml("rules.yml") == whole["spec"]
    assert (MONITORING / "rules.yml").read_text() == _made("--print")


def test_program_puts_addresses_of_ones_own_into_every_link() -> None:
    own = ("--docs", "https://wiki.test/market/", "--grafana", "https://graphs.test")
    for text in (_made("--print", *own), _made("--object", *own)):
        assert "example.com" not in text
        assert text.count("https://wiki.test/market/runbooks/") == len(alerts())
    assert yaml.safe_load(_made("--object", *own))["kind"] == "PrometheusRule"


@needs_promtool
def test_promtool_finds_no_fault_in_the_rules() -> None:
    status, output = said_by("promtool", "check", "rules", "--lint=all", "--lint-fatal", MONITORING / "rules.yml")
    assert status == 0, output
    assert f"{len(all_rules())} rules found" in output


def test_alerts_have_the_names_and_numbers_that_were_promised() -> None:
    rules = alerts()
    assert {name: text for name, text in PROMISED.items() if text not in rules[name]["expr"]} == {}
    assert rules["BackfillQueueDepthHigh"]["for"] == "15m"
    for name, (factor, long, short) in BURNS.items():
        limits = [f"tier:slo_slots_bad:ratio{window} > {factor} * tier:slo_budget:ratio" for window in (long, short)]
        floor = f"tier:slo_slots_expected:increase{long} >= 500"
        assert " ".join(rules[name]["expr"].split()) == " and ".join([*limits, floor])
        assert rules[name]["labels"]["severity"] == ("ticket" if name == "SLOBurnRateSlow" else "page")


def test_recorded_shares_are_of_the_windows_that_their_names_say() -> None:
    named = [rule for rule in all_rules() if rule.get("record", "").startswith("tier:slo_slots")]
    assert len(named) == 12
    for rule in named:
        window = re.search(r"(?:ratio|increase)(\w+)$", rule["record"])
        assert window
        assert set(re.findall(r"\[(\w+)\]|increase(\d\w+)", rule["expr"])) <= {(window[1], ""), ("", window[1])}, rule


@pytest.mark.parametrize("name", alerts())
def test_alert_has_a_severity_a_sentence_and_its_tier_where_it_is_about_one(name: str) -> None:
    rule = alerts()[name]
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "runbook_url", "dashboard_url"}
    firing = [one for case in CASES[name] if case.kind is Kind.FIRES for one in case.alerts]
    assert all("tier" in one.labels for one in firing) == (name.endswith("T0") or name in BURNS)
