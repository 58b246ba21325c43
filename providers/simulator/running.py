"""The simulator as a process of its own: what `python -m providers.simulator` and `manage.py simulate_vendors` do."""

import asyncio
import ctypes
import logging
import os
import signal
import sys

from providers.market.dataset import DatasetError
from providers.simulator.options import SimulatorOptions
from providers.simulator.server import CannotStart, run

_PR_SET_PDEATHSIG = 1


def serve(options: SimulatorOptions, *, parent: int) -> int:
    """Serve until a signal; returns the exit status. `parent` is the process id of who started this one.

    Standard output gets one line, with the URL; the log goes to standard error.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    if options.has_to_die_with_parent and not _die_with(parent):
        return 0
    try:
        asyncio.run(run(options, announce=lambda url: print(f"simulated vendors at {url}", flush=True)))
    except (CannotStart, DatasetError) as error:
        print(f"simulate_vendors: {error}", file=sys.stderr)
        return 1
    return 0


def _die_with(parent: int) -> bool:
    """Ask the kernel for SIGTERM when the parent ends. Returns False when it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent
