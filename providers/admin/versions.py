"""Versions of the policy: what each changed, who made it through what, and the buttons that make one active."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant

from marketdata_site.observability import clock
from providers.admin.marks import moment, tag
from providers.admin.version_pages import RELOAD, ReloadPage, RollbackPage, ValidatePage
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin
from providers.models import PolicyVersion, ReloadAttempt
from providers.policy import Change
from providers.selectors import versions as reading
from providers.services import policies

ATTEMPTS_SHOWN = 10


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    """Newest first; below them the last attempts, and which version each process runs."""

    list_display = ("number", "state", "made_at", "author", "through", "values_changed")
    list_filter = ("through",)
    list_per_page = 50
    list_before_template = "admin/providers/versions_state.html"
    list_after_template = "admin/providers/versions_processes.html"
    fieldsets = ((None, {"fields": ("number", "state", "made_at", "author", "through", "checksum", "thresholds")}),)
    readonly_fields = ("state", "made_at", "thresholds")
    change_form_after_template = "admin/providers/version.html"
    paginator = InfinitePaginator
    show_full_result_count = False
    actions_list = ("validate", "reload")
    actions_detail = ("rollback",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyVersion]:
        """Without their content, which is read for one version alone."""
        rows: QuerySet[PolicyVersion] = super().get_queryset(request)
        return rows.defer("content")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The list, with the state above it and the processes below."""
        policies.current()
        context = {"status": reading.status(now=clock.now()), "attempts": ReloadAttempt.objects.all()[:ATTEMPTS_SHOWN]}
        found: HttpResponseBase = super().changelist_view(request, {**(extra_context or {}), **context})
        return found

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """One version, below it what it changed and whom it asks."""
        context = {**(extra_context or {}), **_content(object_id)}
        found: HttpResponseBase = super().changeform_view(request, object_id, form_url, context)
        return found

    def has_reload_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Who may make a version active. A dotted name in the actions would be looked up in the database by each system check."""
        return bool(request.user.has_perm(RELOAD))

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> Sequence[Any]:
        """There is nothing to roll back to where a version is active."""
        actions: Sequence[Any] = super().get_actions_detail(request, object_id)
        return [] if str(policies.current().number) == str(object_id) else actions

    @action(description="Validate", permissions=["view"], url_path="validate", icon="rule")  # type: ignore[untyped-decorator]
    def validate(self, request: HttpRequest) -> HttpResponseBase:
        """What a reload would do."""
        return ValidatePage.as_view(model_admin=self)(request)

    @action(  # type: ignore[untyped-decorator]
        description="Reload",
        permissions=["reload"],
        url_path="reload",
        icon="published_with_changes",
        variant=ActionVariant.PRIMARY,
    )
    def reload(self, request: HttpRequest) -> HttpResponseBase:
        """Make the draft the active version, after a look at what changes."""
        return ReloadPage.as_view(model_admin=self)(request)

    @action(description="Roll back to this version", permissions=["reload"], url_path="rollback", icon="undo")  # type: ignore[untyped-decorator]
    def rollback(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Make it active again, after a look at what changes."""
        return RollbackPage.as_view(model_admin=self)(request, number=object_id)

    @admin.display(description="State")
    def state(self, version: PolicyVersion) -> SafeString:
        """Whether it is the one that runs."""
        if version.number == policies.current().number:
            return tag("active", "md-good")
        return format_html('<span class="md-faint">{}</span>', "stored")

    @admin.display(description="Made (UTC)", ordering="created_at")
    def made_at(self, version: PolicyVersion) -> SafeString:
        """To the second."""
        return moment(version.created_at)

    @admin.display(description="Values changed")
    def values_changed(self, version: PolicyVersion) -> int:
        """How many."""
        return len(version.diff)

    @admin.display(description="Thresholds")
    def thresholds(self, version: PolicyVersion) -> str:
        """Where a provider loses its place, and where it is good."""
        snapshot = policies.version(version.number)
        named = {"demote": snapshot.demote, "promote": snapshot.promote}
        return ", ".join(f"{name} {value:.2f} ({snapshot.sources.get(name, 'default')})" for name, value in named.items())


def _content(number: str | None) -> dict[str, Any]:
    """What one version changed of the one that was active then, and its policies; nothing for one that does not exist."""
    if number is None or not number.isdecimal():
        return {}
    version = PolicyVersion.objects.defer("content").filter(number=int(number)).first()
    if version is None:
        return {}
    snapshot = policies.version(version.number)
    return {
        "changes": [Change(**change) for change in version.diff],
        "policies": snapshot.policies,
        "off": [entry.name for entry in snapshot.providers.values() if not entry.is_enabled],
    }
