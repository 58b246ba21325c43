"""`manage.py doctor` as an operator runs it: beside a service that is well, and beside each thing that may be wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from celery import current_app

from collector.replay.processes import Worker
from ops.health.beats import write_tick
from ops.running.programs import BACKFILL_QUEUES, LIVE_QUEUES, MAINTENANCE_QUEUES
from providers.services import policies
from tests.integration.collector.rows import make_policy, make_provider, make_series
from tests.integration.health.parts import make_well
from tests.waiting import wait_until
from tests.web_server import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_postgres]
PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120
KEY = "hunter2-hunter2"
Findings = Mapping[str, Mapping[str, Any]]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Of a doctor in a home of its own."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    ours = {"DATABASE_URL": database_url(), "MARKETDATA_HOME": str(home), "MARKETDATA_ROLE": "command"}
    return {**os.environ, **ours, "PROMETHEUS_MULTIPROC_DIR": str(home / "metrics"), "DOCTORS_KEY": KEY}


def doctor(variables: Mapping[str, str]) -> tuple[int, Findings]:
    """Exit status and findings by name; they agree, and hold no secret."""
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=PROJECT, env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert KEY not in done.stdout + done.stderr
    answer = json.loads(done.stdout)
    findings = {one["name"]: one for one in answer["findings"]}
    assert ["ok", "warning", "error"].index(answer["status"]) == done.returncode, done.stderr
    for one in findings.values():
        assert (one["severity"] == "ok") <= (one["advice"] == "")
    return done.returncode, findings


def _bad(findings: Findings) -> dict[str, str]:
    return {name: one["severity"] for name, one in findings.items() if one["severity"] != "ok"}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """One that reads every queue."""
    queues = ",".join([LIVE_QUEUES, BACKFILL_QUEUES, MAINTENANCE_QUEUES])
    worker = Worker(
        log=tmp_path / "worker.log", environment={"DATABASE_URL": database_url()}, processes=1, queues=queues, name="doctors"
    )
    current_app.control.purge()
    worker.ensure_running()
    wait_until(worker.is_up, seconds=PATIENCE_S, what="the worker's answer")
    yield worker
    worker.stop()


def _make_installation() -> None:
    make_well()
    make_provider("polygon", credentials={"api_key": "DOCTORS_KEY"})
    make_policy("polygon")
    make_series("AAPL")
    assert policies.current().number is not None


def test_installation_that_is_well_has_nothing_to_mend_and_what_breaks_is_told_with_its_cure(
    worker: Worker, variables: dict[str, str]
) -> None:
    _make_installation()
    status, findings = doctor(variables)
    assert (status, _bad(findings)) == (0, {})

    write_tick("tests:1")
    status, findings = doctor({**variables, "DOCTORS_KEY": ""})
    assert (status, _bad(findings)) == (2, {"credentials": "error"})
    assert findings["credentials"]["found"] == "polygon lacks DOCTORS_KEY"

    worker.stop()
    write_tick("tests:1")
    status, findings = doctor(variables)
    assert (status, _bad(findings)) == (2, {"queues": "error"})
    assert {"plan", "live.t0", "backfill", "maintenance", "verify"} <= set(
        findings["queues"]["found"].removeprefix("no worker reads ").split(", ")
    )


def test_doctor_works_without_any_server_names_the_causes_and_starts_nothing(variables: dict[str, str]) -> None:
    nowhere = {"DATABASE_URL": f"postgresql://someone:{KEY}@127.0.0.1:1/x", "REDIS_URL": f"redis://:{KEY}@127.0.0.1:1/0"}
    status, findings = doctor({**variables, **nowhere, "CELERY_BROKER_URL": f"redis://:{KEY}@127.0.0.1:1/1"})
    assert status == 2
    causes = [name for name, one in findings.items() if one["severity"] == "error" and one["advice"]]
    assert causes == ["postgres", "broker", "stream"]
    assert "DATABASE_URL" in findings["postgres"]["advice"]
    assert {name for name, one in findings.items() if one["severity"] == "ok"} >= {"disk", "home", "env_file", "metrics_folder"}
    assert findings["credentials"]["found"] == "not looked at, because postgres failed"


def test_doctor_starts_no_server_of_a_home_that_has_none(variables: dict[str, str]) -> None:
    named = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"}
    status, findings = doctor({name: value for name, value in variables.items() if name not in named})
    assert (status, findings["postgres"]["severity"]) == (2, "error")
    assert not {"pg", "sock", "servers-are-in"} & set(os.listdir(variables["MARKETDATA_HOME"]))


def test_doctor_makes_no_home_and_no_key_where_there_is_none_and_says_so(variables: dict[str, str], tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    without_key = {name: value for name, value in variables.items() if name != "DJANGO_SECRET_KEY"}
    _, findings = doctor({**without_key, "MARKETDATA_HOME": str(home)})
    assert (findings["home"]["severity"], findings["home"]["found"]) == ("warning", "there is no home yet")
    assert not home.parent.exists()


def test_what_is_set_carelessly_is_told_with_the_variable_that_mends_it(variables: dict[str, str]) -> None:
    _make_installation()
    home = Path(variables["MARKETDATA_HOME"])
    (home / "admin-login").write_text("password: x")
    (home / "admin-login").chmod(0o644)
    (home / "no-folder").write_text("")
    careless = {
        "DJANGO_SECRET_KEY": "django-insecure-of-a-tutorial-that-everybody-knows",
        "DJANGO_DEBUG": "true",
        "DJANGO_ALLOWED_HOSTS": "*",
        "MARKETDATA_CLOCK_OFFSET": "60",
        "MARKETDATA_ENV_FILE": str(home / "none.env"),
        "PROMETHEUS_MULTIPROC_DIR": str(home / "no-folder" / "metrics"),
    }
    status, findings = doctor({**variables, **careless})
    mine = {name: severity for name, severity in _bad(findings).items() if name != "queues"}
    assert (status, mine) == (
        2,
        {
            "policy": "warning",  # a reload reads the env file
            "metrics_folder": "error",
            "env_file": "error",
            "home": "warning",
            "secret_key": "error",
            "debug": "error",
            "hosts": "warning",
            "clock_offset": "warning",
        },
    )
    for name, word in (("secret_key", "DJANGO_SECRET_KEY"), ("debug", "DJANGO_DEBUG"), ("home", "chmod 600")):
        assert word in findings[name]["advice"]
    assert "django-insecure" not in json.dumps(findings["secret_key"])


def test_lines_for_people_say_the_same(variables: dict[str, str]) -> None:
    nowhere = {"DATABASE_URL": f"postgresql://someone:{KEY}@127.0.0.1:1/x"}
    command = [sys.executable, "manage.py", "doctor"]
    done = subprocess.run(command, cwd=PROJECT, env={**variables, **nowhere}, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines), done.stderr) == (2, 21, "")
    assert lines[0].startswith("error    postgres        no answer (OperationalError) (")
    assert ". To mend: see that Postgres runs" in lines[0]
    assert all(line.split()[0] in {"ok", "warning", "error"} for line in lines[:-1])
    assert lines[-1].startswith("20 checks: ")
    assert KEY not in done.stdout
