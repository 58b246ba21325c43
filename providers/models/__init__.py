"""Rows of this app: accounts and their order, how each account stands, what it may still spend, and which version of all that runs."""

from providers.models.accounts import Provider, RoutingPolicy, adapter_choices
from providers.models.budgets import ProviderBudget
from providers.models.standings import HealthSample, Incumbent, ProviderState
from providers.models.versions import ActivePolicy, PolicyVersion, ProcessVersion, ReloadAttempt

__all__ = [
    "ActivePolicy",
    "HealthSample",
    "Incumbent",
    "PolicyVersion",
    "ProcessVersion",
    "Provider",
    "ProviderBudget",
    "ProviderState",
    "ReloadAttempt",
    "RoutingPolicy",
    "adapter_choices",
]
