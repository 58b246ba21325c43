"""Where the recorded data of vendors lies: beside the project, never inside it.

Tests that read it carry `@needs_recorded`; without the folder they are skipped, and every form it holds is also covered by
small bodies written in the unit tests.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from providers.adapter import HttpResponse

VARIABLE = "MARKETDATA_RECORDED_DATA"
_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"


def _find() -> Path | None:
    folder = Path(os.environ.get(VARIABLE) or _DEFAULT)
    return folder if folder.is_dir() else None


DATA: Path | None = _find()
"""The folder of recorded data, None when there is none."""


def needs_recorded(test):
    """Mark a test that reads recorded data and skip it where there is none."""
    reason = f"no recorded data: set {VARIABLE} to its folder"
    return pytest.mark.recorded(pytest.mark.skipif(DATA is None, reason=reason)(test))


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded HTTP exchange; `kind` is `bars`, `error`, `quotes`, …"""

    vendor: str
    name: str
    kind: str
    url: str
    response: HttpResponse


def recordings(vendor: str) -> list[Recording]:
    """All recorded HTTP answers of a vendor, by name; none where there is no data. WebSocket recordings are left out."""
    if DATA is None:
        return []
    return [found for path in sorted((DATA / "http_recordings" / vendor).glob("*.json")) if (found := _read(path)) is not None]


def _read(path: Path) -> Recording | None:
    document = json.loads(path.read_text())
    answer = document.get("response")
    if answer is None or answer["status"] == 101:
        return None
    body = json.dumps(answer["json"]) if "json" in answer else answer.get("text", "")
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    return Recording(
        vendor=document["vendor"],
        name=document["name"],
        kind=document["kind"],
        url=document["request"]["url"] or "",
        response=HttpResponse(status=answer["status"], headers=headers, body=body.encode()),
    )
