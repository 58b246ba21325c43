"""Rows of the operator's room. Objectives are to come."""

from ops.models.audit import AuditEntry
from ops.models.bulk import BulkItem, BulkKind, BulkOperation, BulkState, ItemState
from ops.models.keys import ApiKey

__all__ = ["ApiKey", "AuditEntry", "BulkItem", "BulkKind", "BulkOperation", "BulkState", "ItemState"]
