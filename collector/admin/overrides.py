"""Closures, halts and maintenance that operators know of, with a look at what they would change before they are saved."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from collector.models import CalendarOverride, Instrument
from collector.selectors.override_preview import Lost, preview
from marketdata_site.observability import clock
from providers.market.types import from_us

if TYPE_CHECKING:
    _Form = forms.ModelForm[CalendarOverride]
else:
    _Form = forms.ModelForm  # not subscriptable at run time


class OverrideForm(_Form):
    """An override. One that is only previewed is checked like any other, and never counts as ready to be saved."""

    is_preview = False

    class Meta:
        model = CalendarOverride
        fields = ("kind", "calendar", "mic", "instrument", "provider", "start", "end", "why")
        widgets = {
            "calendar": UnfoldAdminTextInputWidget(attrs={"list": "calendars", "autocomplete": "off", "spellcheck": "false"}),
            "mic": UnfoldAdminTextInputWidget(attrs={"list": "mics", "autocomplete": "off", "spellcheck": "false"}),
        }

    def is_valid(self) -> bool:
        """False for a preview, without an error."""
        return super().is_valid() and not self.is_preview

    @property
    def shows_preview(self) -> bool:
        """Whether there is something to preview."""
        return self.is_preview and not self.errors


@admin.register(CalendarOverride)
class CalendarOverrideAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """Who said that something does not trade, or is not to be asked, and when."""

    form = OverrideForm
    change_form_before_template = "admin/collector/override_preview.html"
    list_display = ("about", "kind", "start", "end", "now", "why", "who")
    list_filter = ("kind", "calendar", "mic", "provider")
    list_select_related = ("instrument", "provider")
    search_fields = ("instrument__symbol__istartswith", "why__icontains")
    search_help_text = "Beginning of the symbol, or part of the reason"
    autocomplete_fields = ("instrument",)
    readonly_fields = ("who", "created_at")
    fieldsets = (
        (None, {"fields": ("kind", "start", "end", "why")}),
        ("What it is about: one of these", {"fields": ("calendar", "mic", "instrument", "provider")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: CalendarOverride | None = None) -> Any:
        """Who said it, once somebody has."""
        return (*self.fieldsets, ("Said by", {"fields": (("who", "created_at"),)})) if obj else self.fieldsets

    def get_form(self, request: HttpRequest, obj: CalendarOverride | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of this request knows which button was pressed."""
        made = super().get_form(request, obj, change, **kwargs)
        made.is_preview = "_preview" in request.POST
        return made

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        """Adds names to choose from, and the preview when it was asked for."""
        form = context["adminform"].form
        context["known_calendars"], context["known_mics"] = (_known(name) for name in ("calendar", "mic"))
        if getattr(form, "shows_preview", False):
            context["previewed"], context["lost"] = form.instance, _shown(form.instance)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def save_model(self, request: HttpRequest, obj: CalendarOverride, form: Any, change: bool) -> None:
        """The first who says it is who said it; later hands stand in the row's history."""
        if not change:
            obj.who, obj.created_at = request.user.get_username(), clock.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="About")
    def about(self, override: CalendarOverride) -> str:
        """Calendar, MIC, instrument or provider."""
        return override.target

    @admin.display(description="Now")
    def now(self, override: CalendarOverride) -> str:
        """Where it lies from here."""
        at = clock.now()
        return "over" if override.end <= at else "ahead" if override.start > at else "holds"


def _known(field: str) -> list[str]:
    return list(Instrument.objects.order_by(field).values_list(field, flat=True).distinct())


def _shown(override: CalendarOverride) -> list[tuple[Lost, Any, Any]]:
    lost = [] if override.provider_id else preview(override, now=clock.now_us())
    return [(one, from_us(one.first), from_us(one.last)) for one in lost]
