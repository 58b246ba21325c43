"""Runbooks: one for each alert, with all its parts; every command in them can be given as it stands."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from tests.monitoring_files import MONITORING, PROJECT, alerts, read_yaml

BOOKS = {path.stem: path.read_text() for path in sorted((PROJECT / "docs/runbooks").glob("*.md"))}
PAGE = (PROJECT / "docs/monitoring.md").read_text()
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
PYTHON = ".venv/bin/python manage.py "


def commands_of(book: str) -> list[str]:
    """Lines of the code blocks."""
    return [
        line for block in re.findall(r"^```\n(.*?)^```$", book, flags=re.MULTILINE | re.DOTALL) for line in block.splitlines()
    ]


LINES = sorted({line for book in BOOKS.values() for line in commands_of(book)})
MANAGE = [line for line in LINES if line.startswith(PYTHON)]


def test_every_alert_has_a_runbook_and_leads_there() -> None:
    assert {name: rule["annotations"]["runbook_url"] for name, rule in alerts().items()} == {
        name: f"https://market-data.example.com/docs/runbooks/{name}.md" for name in BOOKS
    }


def test_page_lists_every_alert_with_its_severity_and_runbook() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \|.*\| (\w+) \|$", PAGE, flags=re.MULTILINE)
    assert rows == [(name, name, rule["labels"]["severity"]) for name, rule in alerts().items()]


@pytest.mark.parametrize("name", BOOKS)
def test_runbook_has_its_parts_each_with_something_in_it(name: str) -> None:
    heading, *parts = re.split(r"^#+ (.+)$", BOOKS[name], flags=re.MULTILINE)[1:][::2], BOOKS[name]
    assert heading == [name, *PARTS]
    bodies = re.split(r"^## .+$", parts[0], flags=re.MULTILINE)[1:]
    assert all(len(body.split()) > 10 for body in bodies)
    assert commands_of(BOOKS[name])


@pytest.mark.parametrize("line", MANAGE)
def test_commands_in_runbooks_exist_and_take_what_they_are_given(line: str) -> None:
    name, *words = shlex.split(line.removeprefix(PYTHON))
    known = get_commands()
    app = known[name]
    command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
    command.create_parser("manage.py", name).parse_args(words)


@pytest.mark.parametrize("name", sorted({name for book in BOOKS.values() for name in re.findall(r"manage\.py (\w+)", book)}))
def test_commands_that_runbooks_mention_exist(name: str) -> None:
    assert name in get_commands()


def test_actions_and_variables_that_runbooks_mention_are_in_the_code() -> None:
    code = "\n".join(
        path.read_text() for room in ("providers", "collector", "ops", "marketdata_site") for path in _python(room)
    )
    text = "\n".join(BOOKS.values())
    actions = set(re.findall(r"action=(\w+)", text)) | set(re.findall(r"`(feed_\w+)`", text))
    assert actions
    assert [action for action in actions if f'"action": "{action}"' not in code] == []
    assert [name for name in re.findall(r"`((?:MARKETDATA|DJANGO)_\w+)`", text) if name not in code] == []


def test_ports_that_runbooks_ask_are_those_of_the_shipped_configuration() -> None:
    targets = str(read_yaml("prometheus.yml")) + (MONITORING / "workers/machines.yml").read_text()
    asked = {urlsplit(f"//{found}").port for line in LINES for found in re.findall(r"localhost:\d+", line)}
    assert asked - {9090} == {port for port in asked if f":{port}" in targets}  # 9090 is Prometheus itself


def _python(room: str) -> list[Path]:
    return sorted((PROJECT / room).rglob("*.py"))
