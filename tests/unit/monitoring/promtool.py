"""Cases as a file for `promtool test rules`."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.monitoring_files import said_by
from tests.unit.monitoring.case import Case

FAILURE = re.compile(r"^    name: (.+),$", flags=re.MULTILINE)


def failures(folder: Path, *, rules: Sequence[dict[str, Any]], cases: Sequence[Case]) -> dict[str, str]:
    """What promtool objects to when it tells these cases to the last of `rules`, an alert: its words by the case's name."""
    assert len({case.step for case in cases}) == 1
    # JSON is YAML, and quick to write.
    (folder / "rules.json").write_text(json.dumps({"groups": [{"name": "all", "rules": list(rules)}]}))
    told = {"rule_files": ["rules.json"], "tests": [_told(case, rules[-1]) for case in cases]}
    (folder / "cases.json").write_text(json.dumps({**told, "evaluation_interval": cases[0].step}))
    status, output = said_by("promtool", "test", "rules", folder / "cases.json")
    _, *parts = FAILURE.split(output)
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    assert (status != 0) == bool(found), output
    assert found.keys() <= {case.what for case in cases}, output
    return found


def is_silent(words: str) -> bool:
    """Whether nothing was sent where something should have been."""
    return words.rstrip().endswith("got:[]")


def _told(case: Case, rule: dict[str, Any]) -> dict[str, Any]:
    links = {name: text for name, text in rule["annotations"].items() if name != "summary"}
    expected = [
        {"exp_labels": {**rule["labels"], **one.labels}, "exp_annotations": {**links, "summary": one.summary}}
        for one in case.alerts
    ]
    return {
        "name": case.what,
        "interval": case.step,
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": rule["alert"], "exp_alerts": expected}],
    }
