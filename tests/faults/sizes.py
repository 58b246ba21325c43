"""How large a proof is: short where every change is tested, long in `make faults`. The test is the same, its numbers differ."""

import os
import random
from typing import TypeVar

VARIABLE = "MARKETDATA_FAULTS"
IS_LONG = os.environ.get(VARIABLE) == "long"
Size = TypeVar("Size")


def sized(*, short: Size, long: Size) -> Size:
    """The one that this run is for."""
    return long if IS_LONG else short


def seed() -> str:
    """Another one each time, unless MARKETDATA_FAULTS_SEED says which. Print it where chance decides what a test does."""
    return os.environ.get(f"{VARIABLE}_SEED") or str(random.SystemRandom().randrange(10**9))
