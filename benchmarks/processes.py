"""What processes take."""

import os
import re
from pathlib import Path


def resident_kb(pid: int) -> int:
    """The process's memory (VmRSS), what it shares with others included."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def cpu_s(pid: int) -> float:
    """What it has worked so far; unlike time it does not grow with what others do on the machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Of its main thread, which is the one that forks in a worker."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
