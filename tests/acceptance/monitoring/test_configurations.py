"""The shipped configurations are without a fault, and Debian's programs start with them as they are."""

from pathlib import Path

import yaml

from tests.acceptance.monitoring.programs import (
    PATIENCE_S,
    alertmanager,
    answers,
    asked,
    blackbox,
    needs_prometheus,
    prometheus,
)
from tests.monitoring_files import MONITORING, all_rules, read_yaml, said_by
from tests.waiting import wait_until

JOBS = {"market-data", "market-data-workers", "market-data-health"}


@needs_prometheus
def test_programs_find_no_fault_in_the_shipped_files() -> None:
    status, output = said_by("promtool", "check", "config", MONITORING / "prometheus.yml")
    assert (status, "WARNING" in output) == (0, False), output
    assert said_by("amtool", "check-config", MONITORING / "alertmanager.yml")[0] == 0
    assert said_by("prometheus-blackbox-exporter", f"--config.file={MONITORING}/blackbox.yml", "--config.check")[0] == 0


@needs_prometheus
def test_programs_start_with_the_shipped_files_as_they_are(tmp_path: Path) -> None:
    with (
        alertmanager(tmp_path) as pager,
        blackbox(tmp_path) as prober,
        prometheus(tmp_path, MONITORING / "prometheus.yml") as address,
    ):
        assert answers(prober, "/metrics")
        assert asked(pager, "/api/v2/status")["config"]["original"]
        loaded = asked(address, "/api/v1/rules")["data"]["groups"]
        assert sum(len(group["rules"]) for group in loaded) == len(all_rules())
        wait_until(
            lambda: len(asked(address, "/api/v1/targets")["data"]["activeTargets"]) == 2,
            seconds=PATIENCE_S,
            what="the targets of the shipped file",
        )
    assert "level=error" not in (tmp_path / "prometheus.log").read_text()


def test_operator_and_file_scrape_the_same_jobs_at_the_same_pace() -> None:
    config = read_yaml("prometheus.yml")
    monitor, probe = yaml.safe_load_all((MONITORING / "servicemonitor-market-data.yaml").read_text())
    assert (monitor["kind"], probe["kind"]) == ("ServiceMonitor", "Probe")
    ends = monitor["spec"]["endpoints"]
    of_monitor = {one["replacement"] for end in ends for one in end["relabelings"] if one["targetLabel"] == "job"}
    assert of_monitor | {probe["spec"]["jobName"]} == JOBS == {job["job_name"] for job in config["scrape_configs"]}
    pace = config["global"]["scrape_interval"]
    assert {end["interval"] for end in ends} | {probe["spec"]["interval"]} == {pace}
    assert {end["path"] for end in ends} == {"/metrics"}
    assert probe["spec"]["module"] in read_yaml("blackbox.yml")["modules"]
