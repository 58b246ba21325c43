"""Dashboards: every expression can be read and names only what the service exports, and so do the rules."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring_files import MONITORING, alerts, all_rules, needs_promtool, said_by
from tests.unit.monitoring.expressions import exported, exported_labels, labels_of, metrics_of

FILES = sorted((MONITORING / "dashboards").glob("*.json"))
BOARDS: list[dict[str, Any]] = [json.loads(path.read_text()) for path in FILES]
PANELS = [(board["title"], panel) for board in BOARDS for panel in board["panels"]]
EXPRESSIONS = {
    f"{board}, {panel['title']}, {target['refId']}": target["expr"] for board, panel in PANELS for target in panel["targets"]
}
RECORDED = {rule["record"] for rule in all_rules() if "record" in rule}
UNITS = {"none", "s", "ms", "d", "percentunit", "ops", "reqps"}


def test_there_are_four_dashboards_and_each_is_known_by_the_name_of_its_file() -> None:
    assert [path.stem for path in FILES] == ["backfill", "feed", "overview", "providers"]
    assert [board["uid"] for board in BOARDS] == [f"market-data-{path.stem}" for path in FILES]


@needs_promtool
def test_promtool_reads_every_expression(tmp_path: Path) -> None:
    filled = [expr.replace("$__rate_interval", "5m") for expr in EXPRESSIONS.values()]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(filled)]
    (tmp_path / "panels.json").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    status, output = said_by("promtool", "check", "rules", tmp_path / "panels.json")
    assert status == 0, output
    assert f"{len(EXPRESSIONS)} rules found" in output


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_panel_names_only_metrics_and_labels_that_are_there(place: str) -> None:
    expr = EXPRESSIONS[place]
    assert metrics_of(expr)
    assert metrics_of(expr) - RECORDED - exported() == set()
    assert labels_of(expr) - exported_labels() == set()


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_rule_names_only_metrics_and_labels_that_are_there(rule: dict[str, Any]) -> None:
    assert metrics_of(rule["expr"])
    assert metrics_of(rule["expr"]) - RECORDED - exported() == set()
    assert labels_of(rule["expr"]) - exported_labels() == set()


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=[f"{board}, {panel['title']}" for board, panel in PANELS])
def test_panel_says_what_it_shows_in_which_unit_and_names_its_lines_by_labels_that_are_left(
    board: str, panel: dict[str, Any]
) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        kept = {label for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in group.split(", ")}
        assert named <= kept | ({"tier"} if "tier:slo" in target["expr"] else set())


@pytest.mark.parametrize("board", BOARDS, ids=[board["uid"] for board in BOARDS])
def test_panels_of_a_dashboard_lie_side_by_side_and_take_the_chosen_source(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert {one["datasource"]["uid"] for one in (panel, *panel["targets"])} == {"${datasource}"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_alerts_lead_to_dashboards_that_are_there() -> None:
    uids = {rule["annotations"]["dashboard_url"].rpartition("/d/")[2] for rule in alerts().values()}
    assert uids == {board["uid"] for board in BOARDS}
