"""Imports run one way, pure rooms stay pure; and the reader that says so sees every way to import."""

from pathlib import Path

import pytest

from tests.architecture.imports import imports_of, violations

PROJECT = Path(__file__).resolve().parents[2]


def test_imports_run_one_way_and_pure_rooms_stay_pure() -> None:
    found = imports_of(PROJECT)
    assert len(found) > 50  # the reader read something
    assert violations(found) == []


def _house(root: Path, module: str, source: str) -> Path:
    path = root.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return root


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("providers.http", "import collector.store"),
        ("providers.http", "from collector import store"),
        ("collector.tasks", "def late():\n    from ops.models import ApiKey"),
        ("ops.api", "if True:\n    import marketdata_site.settings as settings"),
        ("ops.api", "from marketdata_site import settings"),
        ("providers.simulator.serve", "from ...collector import store"),
        ("marketdata_site.observability.trace", "from providers.errors import ProviderError"),
        ("marketdata_site.observability.trace", "from marketdata_site.settings import DEBUG"),
        ("collector.core.checks", "from django.conf import settings"),
        ("collector.core.checks", "import time"),
        ("collector.core.checks", "from collector.models import Bar"),
        ("collector.core.checks", "from .. import store"),
        ("providers.market.calendar", "from marketdata_site.observability import clock"),
        ("providers.market.calendar", "from marketdata_site.observability.clock import now"),
        ("providers.errors", "def f():\n    import asyncio"),
        ("providers.adapters.polygon", "import aiohttp"),
        ("providers.adapters.polygon", "from providers.models import Provider"),
        ("collector.feed.protocol", "import http.client"),
    ],
)
def test_imports_reader_objects_when_a_rule_is_broken(tmp_path: Path, module: str, source: str) -> None:
    for stained in ("collector.models", "collector.store", "providers.models"):
        _house(tmp_path, stained, "from django.db import models")
    _house(tmp_path, "marketdata_site.observability.clock", "import time")
    broken = violations(imports_of(_house(tmp_path, module, source)))
    assert len(broken) == 1
    assert broken[0].startswith(module)


def test_imports_reader_names_the_whole_way_when_a_pure_room_reaches_django_through_others(tmp_path: Path) -> None:
    _house(tmp_path, "providers.errors", "from providers import helper")
    _house(tmp_path, "providers.helper", "from .deeper import thing")
    _house(tmp_path, "providers.deeper", "def f():\n    from django.db import models")
    assert violations(imports_of(tmp_path)) == [
        "providers.errors is a pure room, yet imports providers.helper, which imports providers.deeper, "
        "which imports django.db.models"
    ]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("marketdata_site.api", "from ops import api\nimport collector.api\nfrom providers.models import Provider"),
        ("ops.slo", "from marketdata_site.observability import clock\nfrom marketdata_site.observability.clock import now"),
        ("ops.slo", "from collector.models import Bar\nimport time"),
        ("collector.core.checks", "from providers.market.types import Bar\nfrom . import spans\nimport numpy as np"),
        ("providers.adapters.polygon", "from providers.errors import Throttled\nfrom providers.registry import register"),
        ("providers.market.grid", "import urllib.parse\nfrom datetime import UTC"),
    ],
)
def test_imports_reader_is_silent_when_the_rules_hold(tmp_path: Path, module: str, source: str) -> None:
    assert violations(imports_of(_house(tmp_path, module, source))) == []
