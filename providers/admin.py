"""Providers and routing policies in the admin. Secrets are never typed here: a provider names the variables that hold them."""

import json
import os
import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from providers.admin_tools import KeptByHistory
from providers.models import Provider, RoutingPolicy
from providers.overrides import read_file
from providers.registry import adapter_names, get_adapter
from providers.selectors.routes import env_file
from providers.services import policies

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


class VariableNamesField(forms.CharField):
    """Credential → environment variable, one `api_key = POLYGON_API_KEY` a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """The stored map as lines; what was typed stays as typed."""
        return "\n".join(f"{name} = {variable}" for name, variable in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        """The map. Raises: ValidationError, which does not repeat what was typed: it may be the secret itself."""
        names: dict[str, str] = {}
        for number, line in enumerate((value or "").splitlines(), start=1):
            if not line.strip():
                continue
            name, _, variable = (part.strip() for part in line.partition("="))
            if not name.isidentifier() or not _VARIABLE.fullmatch(variable):
                raise forms.ValidationError(
                    f"Line {number}: expected a credential and the name of an environment variable in capitals, such as "
                    "api_key = POLYGON_API_KEY. Secrets themselves are never stored here."
                )
            names[name] = variable
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lines."""
        return bool(self.prepare_value(initial) != (data or "").replace("\r\n", "\n").strip())


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
class ProviderAdmin(KeptByHistory, ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """One account at one vendor."""

    form = ProviderForm
    list_display = ("name", "adapter", "enabled", "credentials_set", "rate_per_minute", "feed_scope", "adjustment", "base_url")
    list_filter = ("is_enabled", "adapter")
    search_fields = ("name",)
    actions = ("enable", "disable")
    fieldsets = (
        (None, {"fields": ("name", "adapter", "is_enabled", "base_url", "credentials")}),
        ("What its answers are worth", {"fields": ("feed_scope", "adjustment", "overlap_seconds", "settle_after_seconds")}),
        ("How it is asked", {"fields": ("rate_per_minute", "timeout_seconds", "options")}),
    )

    @admin.display(description="Enabled", boolean=True, ordering="is_enabled")
    def enabled(self, provider: Provider) -> bool:
        """As a mark."""
        return provider.is_enabled

    @admin.display(description="Credentials")
    def credentials_set(self, provider: Provider) -> SafeString:
        """Whether this process or the env file holds the variables; never a value."""
        if not provider.credentials:
            return format_html('<span class="md-faint">{}</span>', "none needed")
        there = {**read_file(env_file()).variables, **{name: text for name, text in os.environ.items() if text}}
        unset = [variable for variable in provider.credentials.values() if not there.get(variable)]
        if unset:
            return format_html('<span class="md-tag md-bad">not set: {}</span>', ", ".join(unset))
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


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """In which order providers are asked."""

    list_display = ("capability", "for_tier", "order")
    list_filter = ("capability",)
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}

    @admin.display(description="Tier", ordering="tier")
    def for_tier(self, policy: RoutingPolicy) -> str:
        """The tier, or that it is for all others."""
        return policy.tier or "all others"

    @admin.display(description="Asked in this order")
    def order(self, policy: RoutingPolicy) -> str:
        """Names, first asked first."""
        return " → ".join(policy.providers)
