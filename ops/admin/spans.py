"""What lists of spans of series, that operators decided something about, have in common."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from collector.selectors.series import parameters_of
from providers.admin.marks import moment
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin


class SpanAdmin(ReadOnlyAdmin):
    """Newest first. Rows have a series, `start`, `end`, `created_at` and `who`."""

    list_select_related: tuple[str, ...] = ("series__instrument",)
    search_fields = ("series__instrument__symbol__iexact",)
    search_help_text = "Symbol, whole"
    ordering = ("-id",)
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description="Declared (UTC)")
    def declared(self, row: Any) -> SafeString:
        """When, by whom."""
        return format_html('{}<br><span class="md-faint">{}</span>', moment(row.created_at), row.who)

    @admin.display(description="Series")
    def of_series(self, row: Any) -> SafeString:
        """With a link to its bars, those that were taken back among them."""
        range_ = {"start": f"{row.start:%Y-%m-%dT%H:%M}", "end": f"{row.end:%Y-%m-%dT%H:%M}"}
        address = f"{reverse('admin:collector_bars')}?{urlencode({**parameters_of(row.series), **range_})}"
        return format_html('<a class="md-link" href="{}">{}</a>', address, row.series)

    @admin.display(description="From, to (UTC)")
    def span(self, row: Any) -> SafeString:
        """To the minute."""
        texts = [f"{instant:%Y-%m-%d %H:%M}" for instant in (row.start, row.end)]
        return format_html('<span class="md-nowrap">{}<br>{}</span>', *texts)
