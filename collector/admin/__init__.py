"""The admin's view of what is collected and held; one file a noun. Bars and coverage have browser pages: composite keys can't be registered."""

from collector.admin import incidents, instruments, overrides, policies, quotes, rejected

__all__ = ["incidents", "instruments", "overrides", "policies", "quotes", "rejected"]
