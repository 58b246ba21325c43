"""The database goes away under a batch and comes back (a restart, a failover), or ends a deadlock at its cost.

No job is to blame, and none pays for it.
"""

import logging
import time

from django.db import InterfaceError, InternalError, OperationalError, close_old_connections

log = logging.getLogger(__name__)

PAUSE_S = 0.5
_CUT_OFF = frozenset({"57P01", "57P02", "57P03", "40P01", "25P03"})
"""The server shuts down, crashed, is not up yet, chose this one of two that waited for each other, or ended a transaction in which we were
stopped for too long. https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def is_outage(error: BaseException | None) -> bool:
    """Whether an error says that the database was lost or in its own way, and nothing about what was asked of it.

    Of several at once: all of them.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(is_outage(one) for one in error.exceptions)
    if not isinstance(error, OperationalError | InterfaceError | InternalError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)  # none: the connection broke before the server could say why
    return state is None or state in _CUT_OFF or state.startswith("08")


def wait_a_moment(error: BaseException, *, until: float) -> bool:
    """After a failed write: whether to try again, on a new connection and after a pause. `until`: monotonic.

    False when the error is no outage, or the time is over.
    """
    if not is_outage(error) or time.monotonic() > until:
        return False
    log.warning("the database did not take it, trying again: %s", error, extra={"action": "database_away"})
    time.sleep(PAUSE_S)
    close_old_connections()
    return True
