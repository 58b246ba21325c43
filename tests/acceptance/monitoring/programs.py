"""Debian's Prometheus, Alertmanager and blackbox exporter on loopback, each with a configuration that is given."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring_files import MONITORING, read_yaml
from tests.waiting import wait_until

PROGRAMS = ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter")
needs_prometheus = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)),
    reason="needs Debian's prometheus, prometheus-alertmanager, prometheus-blackbox-exporter",
)
PATIENCE_S = 60
LISTENS = re.compile(r'msg="Listening on" address=(\S+)')


@contextmanager
def program(name: str, *options: str, folder: Path, config: Path) -> Iterator[str]:
    """Its address while it runs, on a port that it chose; its log is a file of that name in the folder."""
    log = folder / f"{name}.log"
    command = [name, f"--config.file={config}", "--web.listen-address=127.0.0.1:0", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        wait_until(lambda: LISTENS.search(log.read_text()) or process.poll() is not None, seconds=PATIENCE_S, what=name)
        found = LISTENS.search(log.read_text())
        assert found, log.read_text()
        yield found[1]
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


@contextmanager
def prometheus(folder: Path, config: Path) -> Iterator[str]:
    """Prometheus, once it is ready. What it said before it found Alertmanager it says again after seconds, not after a minute."""
    options = (f"--storage.tsdb.path={folder / 'samples'}", "--rules.alert.resend-delay=5s")
    with program("prometheus", *options, folder=folder, config=config) as address:
        wait_until(lambda: answers(address, "/-/ready"), seconds=PATIENCE_S, what="Prometheus to be ready")
        yield address


@contextmanager
def alertmanager(folder: Path, config: Path = MONITORING / "alertmanager.yml") -> Iterator[str]:
    """Alertmanager by itself, without a cluster, once it is ready."""
    options = (f"--storage.path={folder / 'notices'}", "--cluster.listen-address=")
    with program("prometheus-alertmanager", *options, folder=folder, config=config) as address:
        wait_until(lambda: answers(address, "/-/ready"), seconds=PATIENCE_S, what="Alertmanager to be ready")
        yield address


@contextmanager
def blackbox(folder: Path) -> Iterator[str]:
    """The blackbox exporter with the shipped configuration."""
    with program("prometheus-blackbox-exporter", folder=folder, config=MONITORING / "blackbox.yml") as address:
        yield address


def answers(address: str, path: str) -> bool:
    """Whether a GET gets 200."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def asked(address: str, path: str, **parameters: str) -> Any:
    """The JSON that a GET answers."""
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"http://{address}{path}?{query}", timeout=PATIENCE_S) as answer:
        return json.load(answer)


def shipped_in_a_hurry(folder: Path, *, web: str, blackbox: str = "127.0.0.1:1", alertmanager: str = "127.0.0.1:1") -> Path:
    """The shipped configuration and rules with seconds for minutes, and these addresses for those of the shipped one."""
    config = read_yaml("prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(folder / "rules.yml")]
    text = yaml.safe_dump(config)
    for shipped, ours in (("127.0.0.1:8000", web), ("127.0.0.1:9115", blackbox), ("127.0.0.1:9093", alertmanager)):
        assert shipped in text
        text = text.replace(shipped, ours)
    (folder / "prometheus.yml").write_text(text)
    (folder / "rules.yml").write_text(hurried((MONITORING / "rules.yml").read_text()))
    return folder / "prometheus.yml"


def hurried(rules: str) -> str:
    """Rules with `for` of a second and windows of six."""
    return re.sub(r"\[\d+\w\]", "[6s]", re.sub(r"\bfor: \w+", "for: 1s", rules))
