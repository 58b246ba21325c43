"""Rows that vendors sent and we refused."""

from django.contrib import admin

from collector.models import RejectedBar
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin


class RejectedAdmin(ReadOnlyAdmin):
    """Newest first, never counted: a broken vendor fills such a table."""

    list_display_links = ("last_seen_at",)
    list_filter = ("provider",)
    search_help_text = "A symbol or a reason, whole"
    ordering = ("-last_seen_at", "-id")
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50


@admin.register(RejectedBar)
class RejectedBarAdmin(RejectedAdmin):
    """Bars that vendors sent and we refused."""

    list_display = ("last_seen_at", "series", "provider", "start", "reason", "detail", "times_seen")
    list_select_related = ("series__instrument", "provider")
    search_fields = ("series__instrument__symbol__iexact", "reason__iexact")
