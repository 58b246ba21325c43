"""What operators see and do about providers; one file a noun."""

from providers.admin import accounts, attempts, policies, standings, versions
from providers.admin.policies import RoutingPolicyAdmin

__all__ = ["RoutingPolicyAdmin", "accounts", "attempts", "policies", "standings", "versions"]
