"""The files under deploy/monitoring, and Debian's programs that read them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[1]
MONITORING = PROJECT / "deploy/monitoring"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, of Debian's prometheus")


def read_yaml(name: str) -> Any:
    """A file's one document."""
    return yaml.safe_load((MONITORING / name).read_text())


def all_rules() -> list[dict[str, Any]]:
    """Rules of every group, in the file's order."""
    return [rule for group in read_yaml("rules.yml")["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts among them, by name."""
    return {rule["alert"]: rule for rule in all_rules() if "alert" in rule}


def said_by(*command: str | Path) -> tuple[int, str]:
    """Exit status and all output of a program that ends by itself."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr
