"""Rows of the operator's room."""

from ops.models.audit import AuditEntry
from ops.models.beats import BeatTick
from ops.models.bulk import BulkItem, BulkKind, BulkOperation, BulkState, ItemState
from ops.models.keys import ApiKey
from ops.models.slo import SloCount, SloRun, SloSample

__all__ = [
    "ApiKey",
    "AuditEntry",
    "BeatTick",
    "BulkItem",
    "BulkKind",
    "BulkOperation",
    "BulkState",
    "ItemState",
    "SloCount",
    "SloRun",
    "SloSample",
]
