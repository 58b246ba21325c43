"""The regular hours of US stocks, for vendors that can be asked to leave out the rest. Pure."""

from datetime import time
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from providers.market.days import local_days, wall_instants
from providers.market.types import DAY_US, MicrosArray

NEW_YORK = "America/New_York"
_ZONE = ZoneInfo(NEW_YORK)
_OPEN, _CLOSE = time(9, 30), time(16)


def regular_hours(start: MicrosArray) -> npt.NDArray[np.bool_]:
    """Whether each instant lies within 09:30 to 16:00 in New York."""
    days = local_days(start, zone=_ZONE)
    distinct, which = np.unique(days, return_inverse=True)
    opens = wall_instants(distinct, at=_OPEN, zone=_ZONE)[which]
    closes = wall_instants(distinct, at=_CLOSE, zone=_ZONE)[which]
    within: npt.NDArray[np.bool_] = (start >= opens) & (start < closes)
    return within


def session_opens(dates: MicrosArray) -> MicrosArray:
    """The instants at which regular hours begin on dates given as their 00:00 UTC."""
    return wall_instants(dates // DAY_US, at=_OPEN, zone=_ZONE)
