"""The admin's view of who runs the service, and of what its operators decide; one file a noun."""

from ops.admin import abandonments, audit, bulk, dead_letters, keys, ranges, series, users

__all__ = ["abandonments", "audit", "bulk", "dead_letters", "keys", "ranges", "series", "users"]
