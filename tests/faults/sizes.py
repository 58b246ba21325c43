"""How large a proof is: short where every change is tested, long in `make faults`. The test is the same, its numbers differ."""

import os
from typing import TypeVar

VARIABLE = "MARKETDATA_FAULTS"
IS_LONG = os.environ.get(VARIABLE) == "long"
Size = TypeVar("Size")


def sized(*, short: Size, long: Size) -> Size:
    """The one that this run is for."""
    return long if IS_LONG else short
