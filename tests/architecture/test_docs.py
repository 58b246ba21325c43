"""The documentation does not lie: links lead somewhere, variables and make targets exist, and every variable and adapter is described."""

import re
from pathlib import Path

import pytest

from providers.registry import adapter_names

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("**/*.md"))]
SOURCES = ("marketdata_site", "providers", "collector", "ops", "tests/servers.py", "tests/recorded.py", "manage.py")
OURS = re.compile(r"\b(?:MARKETDATA|DJANGO|VIZ|VIZTRACER)_[A-Z][A-Z_]*[A-Z]\b|\b(?:DATABASE_URL|REDIS_URL|CELERY_BROKER_URL)\b")
OTHERS = {"DJANGO_SETTINGS_MODULE"}
"""Not a setting: it says where the settings are."""


def _names_in_the_code() -> set[str]:
    found: set[str] = set()
    for source in SOURCES:
        path = PROJECT / source
        for file in [path] if path.suffix == ".py" else path.rglob("*.py"):
            found |= set(OURS.findall(file.read_text())) if file.exists() else set()
    return found - OTHERS


def _names_in_the_settings_page() -> set[str]:
    rows = [line.split("|")[1] for line in (PROJECT / "docs/settings.md").read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows for name in OURS.findall(row)}


def test_settings_page_names_exactly_the_variables_that_the_code_names() -> None:
    assert _names_in_the_settings_page() == _names_in_the_code()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_to_files_that_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_make_targets_that_pages_name_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z0-9-]+)", page.read_text()))
    assert named - targets == set()


def test_page_of_providers_has_a_row_for_each_adapter_and_for_nothing_else() -> None:
    table = (PROJECT / "docs/providers.md").read_text().partition("\n## ")[0]
    shipped = {name for name in adapter_names() if (PROJECT / "providers/adapters" / f"{name}.py").exists()}
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == shipped
