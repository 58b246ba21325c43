"""Providers in the admin. Secrets are never typed here: a provider names the variables that hold them."""

import json
import os
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from marketdata_site.observability import clock
from providers.admin.draft import DraftRows
from providers.admin.fields import VariableNamesField
from providers.admin.marks import health_marks, tag
from providers.admin_tools import KeptByHistory
from providers.models import Provider
from providers.overrides import read_file
from providers.registry import adapter_names, get_adapter
from providers.selectors.health import providers_health
from providers.selectors.routes import env_file
from providers.services import policies


def _wanted() -> str:
    needs = (f"{name}: {', '.join(get_adapter(name).credential_names) or 'none'}" for name in adapter_names())
    return "One credential = VARIABLE a line. What each adapter needs: " + "; ".join(needs) + "."


if TYPE_CHECKING:
    _ProviderForm = forms.ModelForm[Provider]
else:
    _ProviderForm = forms.ModelForm  # not subscriptable at run time


class ProviderForm(_ProviderForm):
    """A provider with its credentials as lines."""

    credentials = VariableNamesField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "credentials" in self.fields:
            self.fields["credentials"].help_text = _wanted()

    class Meta:
        model = Provider
        fields = "__all__"


@admin.register(Provider)
class ProviderAdmin(DraftRows, KeptByHistory, ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """One account at one vendor."""

    form = ProviderForm
    list_display = ("name_text", "adapter", "enabled", "state", "credentials_set", "rate_per_minute", "feed")
    list_filter = ("is_enabled", "adapter")
    search_fields = ("name",)
    actions = ("enable", "disable")
    fieldsets = (
        (None, {"fields": ("name", "adapter", "is_enabled", "base_url", "credentials")}),
        ("What its answers are worth", {"fields": ("feed_scope", "adjustment", "overlap_seconds", "settle_after_seconds")}),
        ("How it is asked", {"fields": ("timeout_seconds", "slow_after_ms", "options")}),
        ("What it may be asked", {"fields": ("rate_per_minute", "rate_per_day", "live_reserve_percent")}),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row with how it stands in the version that runs, and whether it says something else than that."""
        found, active = super().get_changelist_instance(request), policies.current()
        health = {one.entry.name: one for one in providers_health(active, now=clock.now_us())}
        draft = policies.draft().snapshot.providers
        for row in found.result_list:
            row.health = health.get(row.name)
            row.is_draft = draft.get(row.name) != active.providers.get(row.name)
        return found

    @admin.display(description="Name", ordering="name")
    def name_text(self, provider: Any) -> SafeString:
        """With a mark where the row says something else than the version that runs."""
        mark = tag("draft", "md-mid", title="Differs from the version that runs") if provider.is_draft else ""
        return format_html('<span class="md-name">{}</span> {}', provider.name, mark)

    @admin.display(description="State now")
    def state(self, provider: Any) -> SafeString:
        """Phase and score of each capability that policies use it for."""
        return health_marks(provider.health)

    @admin.display(description="Enabled", boolean=True, ordering="is_enabled")
    def enabled(self, provider: Provider) -> bool:
        """As a mark."""
        return provider.is_enabled

    @admin.display(description="Feed")
    def feed(self, provider: Provider) -> str:
        """What its bars are of."""
        return f"{provider.feed_scope}, {provider.adjustment}"

    @admin.display(description="Credentials")
    def credentials_set(self, provider: Provider) -> SafeString:
        """Whether this process or the env file holds the variables; never a value."""
        if not provider.credentials:
            return format_html('<span class="md-faint">{}</span>', "none needed")
        there = {**read_file(env_file()).variables, **{name: text for name, text in os.environ.items() if text}}
        unset = [variable for variable in provider.credentials.values() if not there.get(variable)]
        if unset:
            return format_html_join("", '<div class="md-tag md-bad md-long">not set: {}</div>', ((name,) for name in unset))
        return format_html('<span class="md-tag md-good">{}</span>', "set")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """An account that is asked until the next reload is protected: its bars would refer to a row that is no more."""
        deleted, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        active = policies.current()
        named = {name for policy in active.policies for name in policy.providers}
        asked = {entry.id for entry in active.providers.values() if entry.is_enabled or entry.name in named}
        kept = [
            format_html(
                "{}: the active policy version may ask it; switch it off, take it out of policies and reload first", obj
            )
            for obj in objs
            if obj.pk in asked
        ]
        return deleted, counts, perms_needed, [*protected, *kept]

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: models.QuerySet[Provider]) -> None:
        """Let policies ask them again, from the next reload on."""
        self._switch(request, queryset, to=True)

    @admin.action(description="Disable: never asked, whatever a policy says", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: models.QuerySet[Provider]) -> None:
        """Stop asking them, from the next reload on."""
        self._switch(request, queryset, to=False)

    def _switch(self, request: HttpRequest, queryset: models.QuerySet[Provider], *, to: bool) -> None:
        for provider in queryset:
            provider.is_enabled = to
            provider.save(update_fields=["is_enabled"])
            self.log_change(request, provider, json.dumps([{"changed": {"fields": ["is_enabled"]}}]))
        done = "enabled" if to else "disabled"
        self.message_user(
            request, f"{len(queryset)} {done} in the draft; nothing changes before the configuration is reloaded."
        )
