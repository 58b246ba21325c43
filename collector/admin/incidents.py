"""Outages as a list, and each with what vendors said and who is still left."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from collector.admin.coverage_words import words_of
from collector.models import BackfillState, Incident
from collector.selectors.incidents import jobs_left
from providers.admin.marks import moment, tag
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin

JOBS_SHOWN = 20


class EndedFilter(SimpleListFilter):
    """All unless somebody wants one half."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The halves."""
        return [("open", "open"), ("ended", "ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        """By whether it ended."""
        return queryset.filter(ended_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Those that were found last first."""

    list_display = ("found", "what", "span", "state", "series_count", "why", "who", "some")
    list_display_links = ("found",)
    list_filter = (EndedFilter, "interval", "cause")
    ordering = ("-found_at", "-id")
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    fieldsets = (
        ("What", {"fields": ("what", "span", "series_count", "in_tiers", "some", "look")}),
        ("Since when", {"fields": ("found", "seen", "state")}),
        ("Why", {"fields": ("why", "words")}),
        ("Not filled yet", {"fields": ("left",)}),
    )
    readonly_fields = (
        "what",
        "span",
        "series_count",
        "in_tiers",
        "some",
        "look",
        "found",
        "seen",
        "state",
        "why",
        "words",
        "left",
    )

    @admin.display(description="Found (UTC)")
    def found(self, incident: Incident) -> SafeString:
        """To the second."""
        return moment(incident.found_at)

    @admin.display(description="Last missing (UTC)")
    def seen(self, incident: Incident) -> SafeString:
        """To the second."""
        return moment(incident.last_seen_at)

    @admin.display(description="Calendar")
    def what(self, incident: Incident) -> SafeString:
        """And interval."""
        return format_html(
            '<span class="md-nowrap">{} <span class="md-faint">{}</span></span>', incident.calendar, incident.interval
        )

    @admin.display(description="Missing (UTC)")
    def span(self, incident: Incident) -> SafeString:
        """The day is said once where one is enough."""
        same = incident.start.date() == incident.end.date()
        end = f"{incident.end:%H:%M}" if same else f"{incident.end:%Y-%m-%d %H:%M}"
        return format_html('<span class="md-nowrap">{} to {}</span>', f"{incident.start:%Y-%m-%d %H:%M}", end)

    @admin.display(description="State")
    def state(self, incident: Incident) -> SafeString:
        """Open, or when it ended."""
        if incident.ended_at is None:
            return tag("open", "md-bad")
        if incident.part_of_id is not None:
            return tag(f"part of {incident.part_of_id}")
        return tag("ended", "md-good", title=f"{incident.ended_at:%Y-%m-%d %H:%M:%S} UTC")

    @admin.display(description="Series")
    def series_count(self, incident: Incident) -> SafeString:
        """Now and at the worst."""
        return format_html(
            '<span class="md-nowrap">{} now <span class="md-faint">of {}</span></span>',
            incident.series_now,
            incident.series_worst,
        )

    @admin.display(description="Tiers")
    def in_tiers(self, incident: Incident) -> str:
        """All that had a part."""
        return ", ".join(incident.tiers)

    @admin.display(description="Cause")
    def why(self, incident: Incident) -> str:
        """In words."""
        return words_of(incident.cause)

    @admin.display(description="Vendors")
    def who(self, incident: Incident) -> str:
        """Those that said something."""
        return ", ".join(incident.providers) or "none asked"

    @admin.display(description="For example")
    def some(self, incident: Incident) -> SafeString:
        """Symbols."""
        return format_html('<span class="md-text">{}</span>', ", ".join(incident.symbols[:8]))

    @admin.display(description="What vendors said")
    def words(self, incident: Incident) -> SafeString:
        """By provider and code."""
        rows = [(name, code, count) for name, codes in incident.providers.items() for code, count in codes.items()]
        return render_to_string("admin/collector/incident_words.html", {"rows": rows})

    @admin.display(description="Look at")
    def look(self, incident: Incident) -> SafeString:
        """The heat map of those days, and what died."""
        query = {"interval": incident.interval, "last": f"{incident.end:%Y-%m-%d}", "missing": "on"}
        return format_html(
            '<span class="md-links"><a href="{}?{}">coverage</a> <a href="{}?{}">dead letters</a></span>',
            reverse("admin:collector_coverage"),
            urlencode(query),
            reverse("admin:collector_deadletter_changelist"),
            urlencode({"interval": incident.interval}),
        )

    @admin.display(description="Jobs")
    def left(self, incident: Incident) -> SafeString:
        """Some of those that are open or dead."""
        jobs = jobs_left(incident, most=JOBS_SHOWN + 1)
        context = {"jobs": jobs[:JOBS_SHOWN], "has_more": len(jobs) > JOBS_SHOWN, "dead": BackfillState.DEAD}
        return render_to_string("admin/collector/incident_jobs.html", context)
