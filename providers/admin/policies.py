"""Routing policies in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from providers.admin.draft import DraftRows
from providers.admin.marks import tag
from providers.models import RoutingPolicy
from providers.policy.building import ROW
from providers.services import policies


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(DraftRows, ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """In which order providers are asked."""

    list_display = ("capability", "for_tier", "order", "overridden")
    list_filter = ("capability",)
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row with what becomes of it in the draft: a variable may stand in its place."""
        found = super().get_changelist_instance(request)
        active = {(entry.capability, entry.tier): entry for entry in policies.current().policies}
        draft = {(entry.capability, entry.tier): entry for entry in policies.draft().snapshot.policies}
        for row in found.result_list:
            key = (row.capability, row.tier)
            row.drafted, row.active = draft.get(key), active.get(key)
        return found

    @admin.display(description="Tier", ordering="tier")
    def for_tier(self, policy: RoutingPolicy) -> str:
        """The tier, or that it is for all others."""
        return policy.tier or "all others"

    @admin.display(description="Asked in this order")
    def order(self, policy: Any) -> SafeString:
        """Names, first asked first, and a mark where the version that runs says something else."""
        differs = policy.active is None or policy.drafted is None or policy.active.providers != policy.drafted.providers
        mark = tag("draft", "md-mid", title="Differs from the version that runs") if differs else ""
        return format_html("{} {}", " → ".join(policy.providers), mark)

    @admin.display(description="Overridden by")
    def overridden(self, policy: Any) -> str:
        """The variable that stands in its place."""
        return "" if policy.drafted is None or policy.drafted.source == ROW else str(policy.drafted.source)
