"""Every alert is told its stories by promtool; then its numbers are changed, and its stories must notice."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring_files import alerts, all_rules, needs_promtool
from tests.unit.monitoring.case import Case, Kind, quiet
from tests.unit.monitoring.cases import collecting, feed, objectives, providers, service
from tests.unit.monitoring.promtool import failures, is_silent

CASES: dict[str, list[Case]] = {
    **objectives.CASES,
    **collecting.CASES,
    **providers.CASES,
    **feed.CASES,
    **service.CASES,
}
ALERTS = alerts()
RULES = all_rules()
SILENCE_IS_THE_FAULT = {"MarketDataServiceDown"}
NUMBER = re.compile(r"(?<=[<>=] )\d+(?:\.\d+)?(?![\w.])")
"""What something is compared with, or the factor of what it is compared with."""
BUDGET = "tier:slo_budget:ratio"


def _needed_by(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """The rule, after what it is reckoned from."""
    recorded = [one for one in RULES if "record" in one and re.search(rf"\b{re.escape(one['record'])}\b", rule["expr"])]
    needed = [two for one in recorded for two in _needed_by(one)]
    return [one for number, one in enumerate(needed) if one not in needed[:number]] + [rule]


def _changed(expr: str) -> Iterator[tuple[int, str]]:
    """Each number by itself, doubled and halved, and where it stands; of 0 neither is another, so one more and one less."""
    for found in NUMBER.finditer(expr):
        value = float(found[0])
        for other in (value * 2, value / 2) if value else (1.0, -1.0):
            yield found.start(), f"{expr[: found.start()]}{other:g}{expr[found.end() :]}"


def test_every_alert_has_a_quiet_and_a_firing_story_one_with_missing_samples_and_of_counters_one_that_begins_anew() -> None:
    assert set(CASES) == set(ALERTS)
    for name, rule in ALERTS.items():
        wanted = {Kind.QUIET, Kind.FIRES, Kind.MISSING}
        is_counted = re.search(r"\b(rate|increase)\(|tier:slo_slots", rule["expr"])
        assert {case.kind for case in CASES[name]} == wanted | ({Kind.RESET} if is_counted else set()), name


@needs_promtool
@pytest.mark.parametrize("name", ALERTS)
def test_alert_fires_when_its_stories_say_so_and_with_the_sentence_that_they_say(name: str, tmp_path: Path) -> None:
    assert failures(tmp_path, rules=_needed_by(ALERTS[name]), cases=CASES[name]) == {}


@needs_promtool
@pytest.mark.parametrize("name", sorted(set(ALERTS) - SILENCE_IS_THE_FAULT))
def test_alert_is_quiet_when_nothing_of_what_it_reads_is_there(name: str, tmp_path: Path) -> None:
    nothing = quiet("nothing is there", {"other": "1x60"}, at="25m")
    assert failures(tmp_path, rules=_needed_by(ALERTS[name]), cases=[nothing]) == {}


@needs_promtool
@pytest.mark.parametrize("name", ALERTS)
def test_stories_notice_when_a_number_of_their_alert_is_another_and_no_firing_one_fires_when_it_is_out_of_reach(
    name: str, tmp_path: Path
) -> None:
    rule = ALERTS[name]
    firing = {case.what for case in CASES[name] if case.kind is Kind.FIRES}
    silenced: dict[int, set[str]] = {}
    for place, expr in _changed(rule["expr"]):
        found = failures(tmp_path, rules=_needed_by({**rule, "expr": expr}), cases=CASES[name])
        assert found, f"nothing notices {expr}"
        silent = {what for what, words in found.items() if is_silent(words)}
        silenced[place] = silenced.get(place, set()) | (silent & firing)
    assert silenced
    assert all(silenced.values()), f"no number in its place ends the alert: {silenced} in {rule['expr']}"


@needs_promtool
@pytest.mark.parametrize("factor", ["0.5", "2"])
def test_stories_notice_when_budgets_are_others_in_every_tier(factor: str, tmp_path: Path) -> None:
    name = "SLOBurnRateFast"
    rules = [
        {**rule, "expr": f"{factor} * {rule['expr']}"} if rule.get("record") == BUDGET else rule
        for rule in _needed_by(ALERTS[name])
    ]
    wrong = " ".join(failures(tmp_path, rules=rules, cases=CASES[name]).values())
    assert [tier for tier in objectives.OBJECTIVES if f'tier="{tier}"' not in wrong] == []
