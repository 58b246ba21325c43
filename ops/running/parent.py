"""Processes that must not outlive the one that started them."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def dies_with_parent(*, by: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `by` to the new process when its parent is gone, even when that was killed.

    Loaded before the fork, since a forked child of a process with threads must not import or allocate much.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        if prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:  # it died between the fork and the call
            os.kill(os.getpid(), by)

    return ask_kernel
