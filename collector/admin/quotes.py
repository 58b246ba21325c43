"""Whose quotes are collected, and what was refused."""

from urllib.parse import urlencode

from django.contrib import admin
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from collector.admin.quote_browser import QuoteBrowser
from collector.admin.rejected import RejectedAdmin
from collector.models import QuoteSeries, RejectedQuote


@admin.register(QuoteSeries)
class QuoteSeriesAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is published without types
    """Instruments whose quotes are collected."""

    list_display = ("instrument", "tier", "hours", "is_active", "look")
    list_filter = ("is_active", "tier", "hours", "instrument__asset_class")
    list_select_related = ("instrument", "tier")
    search_fields = ("instrument__symbol__istartswith",)
    search_help_text = "Beginning of the symbol"
    autocomplete_fields = ("instrument",)

    def get_urls(self) -> list[URLPattern]:
        """Adds the browser page of quotes."""
        page = self.admin_site.admin_view(QuoteBrowser.as_view(model_admin=self))
        return [path("quotes/", page, name="collector_quotes"), *super().get_urls()]

    @admin.display(description="Look at")
    def look(self, series: QuoteSeries) -> SafeString:
        """A link to its quotes."""
        query = urlencode({"symbol": series.instrument.symbol, "mic": series.instrument.mic})
        address = f"{reverse('admin:collector_quotes')}?{query}"
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">quotes</a>', address)


@admin.register(RejectedQuote)
class RejectedQuoteAdmin(RejectedAdmin):
    """Quotes that vendors sent and we refused."""

    list_display = ("last_seen_at", "instrument", "provider", "at", "reason", "detail", "times_seen")
    list_select_related = ("instrument", "provider")
    search_fields = ("instrument__symbol__iexact", "reason__iexact")
