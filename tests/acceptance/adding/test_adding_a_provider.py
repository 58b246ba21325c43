"""docs/adding-a-provider.md does not lie: its one file, dropped into a folder, works in the admin, the contract suite and a policy."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from collector.models import Bar
from marketdata_site.observability.clock import OFFSET_VARIABLE
from providers.registry import FOLDER_VARIABLE
from tests.acceptance.adding.lighthouse_server import KEY, lighthouse
from tests.builders import us
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "docs" / "adding-a-provider.md"
SECONDS = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's file."""
    code = re.search(r"`(\w+\.py)`:\n\n```python\n(.*?)```\n", PAGE.read_text(), flags=re.DOTALL)
    assert code is not None
    (tmp_path / code[1]).write_text(code[2])
    return tmp_path


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A fresh process that knows the folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, FOLDER_VARIABLE: str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_contract_suite_takes_in_a_dropped_file_and_is_green(folder: Path) -> None:
    suite = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_every_adapter.py", "-k", "lighthouse")
    done = run(*suite, folder=folder, MARKETDATA_TEST_SERVERS="off")
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 100


def test_dropped_file_is_offered_in_the_admin_put_into_a_policy_and_asked(folder: Path, database: None) -> None:  # noqa: F811
    settings = connection.settings_dict
    shifted = repr(us("2025-10-08 14:40") / 1e6 - time.time())
    with lighthouse() as vendor:
        done = run(
            "-m",
            "tests.acceptance.adding.operator",
            vendor.url,
            folder=folder,
            DATABASE_URL=re.sub(r"/[^/?]*(\?|$)", rf"/{settings['NAME']}\1", os.environ["DATABASE_URL"], count=1),
            LIGHTHOUSE_KEY=KEY,
            **{OFFSET_VARIABLE: shifted},
        )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["choices"].count("lighthouse") == 1
    assert {"polygon", "yahoo"} < set(seen["choices"])
    assert (seen["is_active"], seen["error"]) == (True, None)
    bars = {bar.start.minute: bar for bar in Bar.objects.order_by("start")}
    assert list(bars) == [30, 31, 32, 33, 34]
    assert [bar.open for bar in bars.values()] == [31.25, 32.25, 33.25, 34.25, 35.25]  # a stamp is the end of its bar
    assert [bar.volume for bar in bars.values()] == [3_100, 3_200, None, 3_400, 3_500]
    assert len(vendor.asked) == 3  # six rows, two a page
    assert all("symbol=BRK_B" in path and KEY not in path for path in vendor.asked)


def test_file_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "dim.py").write_text("import nothing_of_that_name\n")
    done = run("-c", "from providers.registry import adapter_names; adapter_names()", folder=tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / 'dim.py'} can't be imported: No module named 'nothing_of_that_name'" in done.stderr


def test_file_with_the_name_of_a_shipped_adapter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "polygon.py").write_text("")
    done = run("-c", "from providers.registry import adapter_names; adapter_names()", folder=tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / 'polygon.py'}: an adapter module of that name is there already" in done.stderr


def test_folder_that_is_not_there_is_named_with_its_variable(tmp_path: Path) -> None:
    done = run("-c", "from providers.registry import adapter_names; adapter_names()", folder=tmp_path / "gone")
    assert done.returncode == 1
    assert f"MARKETDATA_ADAPTERS_DIR names no folder: {tmp_path / 'gone'}" in done.stderr
