"""Writing the record of what was done; call it in the transaction of the deed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ops.models import AuditEntry


def record(
    *,
    who: str,
    through: str,
    action: str,
    now: datetime,
    about: Mapping[str, Any],
    counts: Mapping[str, Any],
    reason: str = "",
) -> None:
    """One `AuditEntry`."""
    AuditEntry.objects.create(
        at=now, who=who, through=through, action=action, filter=dict(about), counts=dict(counts), reason=reason
    )
