"""Rows of the operator's room. API keys and objectives are to come."""

from ops.models.audit import AuditEntry
from ops.models.bulk import BulkItem, BulkKind, BulkOperation, BulkState, ItemState

__all__ = ["AuditEntry", "BulkItem", "BulkKind", "BulkOperation", "BulkState", "ItemState"]
