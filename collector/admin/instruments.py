"""Tiers, instruments and series: what an operator edits."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from collector.admin.bar_browser import BarBrowser
from collector.admin.coverage_browser import CoverageBrowser
from collector.core.symbols import is_mic, is_symbol
from collector.models import Backfill, Instrument, QuoteSeries, Series, Tier
from collector.selectors.attended import TAKEN_STATES
from collector.selectors.series import parameters_of
from collector.services.series import switch
from providers.admin_tools import KeptByHistory


@admin.register(Tier)
class TierAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """How much instruments matter."""

    list_display = ("code", "cadence_seconds", "lateness_seconds", "quote_cadence_seconds", "objective", "backfill_cap")

    def get_readonly_fields(self, request: HttpRequest, obj: Tier | None = None) -> tuple[str, ...]:
        """The code is the key: changing it would make a second tier."""
        return ("code",) if obj else ()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """A tier that left jobs behind counts as protected: without its row no worker claims them, and no cap lets them be requeued."""
        deleted, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        jobs = Backfill.objects.filter(tier__in=[tier.pk for tier in objs], state__in=TAKEN_STATES)
        left = [
            format_html("{}: {} backfill jobs of it are open or dead", tier, count)
            for tier, count in jobs.values_list("tier").annotate(Count("pk")).order_by("tier")
        ]
        return deleted, counts, perms_needed, [*protected, *left]


if TYPE_CHECKING:
    _InstrumentForm = ModelForm[Instrument]
else:
    _InstrumentForm = ModelForm  # not subscriptable at run time


class InstrumentForm(_InstrumentForm):
    """Refuses symbols that no address or channel could name."""

    class Meta:
        widgets = {"vendor_symbols": UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"})}

    def clean_symbol(self) -> str:
        """Raises: ValidationError."""
        symbol: str = self.cleaned_data["symbol"]
        if not is_symbol(symbol):
            raise ValidationError("Expected 1 to 40 characters without commas and spaces.")
        return symbol

    def clean_mic(self) -> str:
        """Raises: ValidationError."""
        mic: str = self.cleaned_data["mic"]
        if not is_mic(mic):
            raise ValidationError("Expected four capital letters or digits, such as XNAS; XXXX for no market.")
        return mic


class SeriesInline(TabularInline):  # type: ignore[misc]  # unfold is published without types
    """What is collected of the instrument."""

    model = Series
    extra = 0
    can_delete = False
    ordering = ("pk",)  # they are saved in this order, in which the write path locks them too
    fields = ("interval", "hours", "adjustment", "tier", "feed_scope", "collect_from", "collect_until", "is_active")


class QuoteSeriesInline(TabularInline):  # type: ignore[misc]  # unfold is published without types
    """Whether quotes of the instrument are collected."""

    model = QuoteSeries
    extra = 0
    can_delete = False
    fields = ("tier", "hours", "is_active")


@admin.register(Instrument)
class InstrumentAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """One thing that trades at one venue."""

    form = InstrumentForm
    inlines = (SeriesInline, QuoteSeriesInline)
    list_display = ("symbol", "mic", "name", "asset_class", "calendar", "listed_at", "delisted_at")
    list_filter = ("asset_class", "series__tier")
    search_fields = ("symbol__istartswith", "name")
    search_help_text = "Beginning of the symbol, or part of the name"


@admin.register(Series)
class SeriesAdmin(KeptByHistory, ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """What is collected of an instrument."""

    list_display = (
        "instrument",
        "interval",
        "hours",
        "adjustment",
        "tier",
        "active",
        "collect_from",
        "answered_through",
        "look",
    )
    list_filter = ("is_active", "tier", "interval", "hours", "instrument__asset_class")
    list_select_related = ("instrument", "tier")
    search_fields = ("instrument__symbol__istartswith",)
    search_help_text = "Beginning of the symbol"
    autocomplete_fields = ("instrument",)
    readonly_fields = ("answered_through",)
    actions: tuple[str, ...] = ("activate", "deactivate")

    def get_urls(self) -> list[URLPattern]:
        """Adds the browser pages of bars and coverage."""
        pages = {"bars": BarBrowser, "coverage": CoverageBrowser}
        own = [
            path(f"{name}/", self.admin_site.admin_view(page.as_view(model_admin=self)), name=f"collector_{name}")
            for name, page in pages.items()
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="Active", boolean=True, ordering="is_active")
    def active(self, series: Series) -> bool:
        """As a mark."""
        return series.is_active

    @admin.display(description="Look at")
    def look(self, series: Series) -> SafeString:
        """Links to its bars and its coverage."""
        query = urlencode(parameters_of(series))
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}?{}">bars</a> · '
            '<a class="text-primary-600 dark:text-primary-500" href="{}?{}">coverage</a>',
            reverse("admin:collector_bars"),
            query,
            reverse("admin:collector_coverage"),
            query,
        )

    @admin.action(description="Activate: collect again, and fill what was missed meanwhile", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Series]) -> None:
        """Collect them again. Whoever does not want what was missed moves `collect_from` first."""
        self._switch(request, queryset, to=True)

    @admin.action(description="Deactivate: collect no more, keep what is held", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Series]) -> None:
        """Stop collecting them."""
        self._switch(request, queryset, to=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Series], *, to: bool) -> None:
        changed = switch(ids=list(queryset.values_list("pk", flat=True)), is_active=to)
        for series in changed:
            self.log_change(request, series, json.dumps([{"changed": {"fields": ["is_active"]}}]))
        self.message_user(request, f"{len(changed)} series {'activated' if to else 'deactivated'}.")
