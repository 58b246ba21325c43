"""Routing policies with the tiers to choose from: who owns the policies can't know the tiers."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminSelectWidget

from collector.admin.routing_page import RoutingPage
from collector.models import Tier
from providers.admin import RoutingPolicyAdmin as PlainRoutingPolicyAdmin
from providers.models import RoutingPolicy

if TYPE_CHECKING:
    _PolicyForm = forms.ModelForm[RoutingPolicy]
else:
    _PolicyForm = forms.ModelForm  # not subscriptable at run time


class RoutingPolicyForm(_PolicyForm):
    """A policy whose tier is one that exists. One that exists no more is shown, so that it is not mistaken for "all others"."""

    tier = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=RoutingPolicy._meta.get_field("tier").help_text,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tier" in self.fields:  # people who may only look get no fields
            field = self.fields["tier"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = self._choices()

    def _choices(self) -> list[tuple[str, str]]:
        codes = {code: code for code in Tier.objects.values_list("code", flat=True)}
        stored = self.instance.tier
        gone = {stored: f"{stored}: no such tier"} if stored and stored not in codes else {}
        return [("", "all others"), *codes.items(), *gone.items()]

    def clean_tier(self) -> str:
        """Raises: ValidationError for a tier that is gone."""
        tier: str = self.cleaned_data["tier"]
        if tier and not Tier.objects.filter(pk=tier).exists():
            raise ValidationError(f"There is no tier {tier} any more.")
        return tier

    class Meta:
        model = RoutingPolicy
        fields = "__all__"


admin.site.unregister(RoutingPolicy)


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(PlainRoutingPolicyAdmin):
    """In which order providers are asked."""

    form = RoutingPolicyForm

    def get_urls(self) -> list[URLPattern]:
        """Adds the page that explains the choice of a moment."""
        page = self.admin_site.admin_view(RoutingPage.as_view(model_admin=self))
        return [path("routing/", page, name="providers_routing"), *super().get_urls()]
