"""How fast recorded bars pass through the whole data path: first job enqueued to last commit, with either vendor.

Needs the recorded data folder (`MARKETDATA_RECORDED_DATA`, default ../shared/data); without it a synthetic folder would measure the
simulator, so there is no number. python -m benchmarks replay
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.rows import row

PROJECT = Path(__file__).resolve().parent.parent


def run() -> list[dict[str, Any]]:
    """One replay a vendor, in a process and servers of its own."""
    folder = Path(os.environ.get("MARKETDATA_RECORDED_DATA") or PROJECT.parent / "shared" / "data")
    if not (folder / "series.csv").exists():
        print("replay: no recorded data, no number", file=sys.stderr)
        return []
    return [
        row(
            f"replay_dataset, {vendor}, first job to last commit",
            ours=_bars_per_second(folder, vendor),
            target=">= 15,000",
            unit="bars/s",
        )
        for vendor in ("polygon", "alpaca")
    ]


def _bars_per_second(folder: Path, vendor: str) -> float:
    command = [sys.executable, "manage.py", "replay_dataset", str(folder), "--vendors", vendor]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    total = re.search(r"^\d+ series, all .*?([\d,]+)$", done.stdout, re.MULTILINE)
    if total is None:
        raise RuntimeError(f"no total line in:\n{done.stdout}")
    return float(total[1].replace(",", ""))
