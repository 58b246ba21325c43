"""What operators did."""

import json

from django.contrib import admin
from django.utils.safestring import SafeString

from ops.models import AuditEntry
from providers.admin.marks import moment
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Newest first; nobody changes or deletes one."""

    list_display = ("at_utc", "who", "through", "action", "asked", "became", "reason")
    list_filter = ("action", "through")
    search_fields = ("who__iexact",)
    search_help_text = "Who, whole"
    ordering = ("-at", "-id")
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description="At (UTC)")
    def at_utc(self, entry: AuditEntry) -> SafeString:
        """To the second."""
        return moment(entry.at)

    @admin.display(description="On what")
    def asked(self, entry: AuditEntry) -> str:
        """The filter."""
        return _plain(entry.filter)

    @admin.display(description="Became")
    def became(self, entry: AuditEntry) -> str:
        """The counts."""
        return _plain({name: count for name, count in entry.counts.items() if name != "kinds"})


def _plain(values: dict[str, object]) -> str:
    """`tier T0, limit 100`."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items() if value != {}}
    return ", ".join(f"{name.replace('_', ' ')} {text[:100]}" for name, text in texts.items())
