"""Dead letters as a list with its causes, each with its tries, and the buttons that lead to `ops.admin.dead_letter_pages`."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant

from collector.models import Backfill, BackfillState, DeadLetter
from collector.selectors.dead_letter_stats import top_fingerprints
from collector.selectors.dead_letters import tries_of
from marketdata_site.observability import clock
from ops.admin.dead_letter_filters import FILTERS, address_of
from ops.admin.dead_letter_pages import OPERATIONS, PAGE, DiscardPage, RequeuePage, UndoPage
from ops.dead_letters import BULK, DISCARD, REQUEUE
from providers.admin.marks import moment, tag
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin

PAGES = {"requeue": RequeuePage, "discard": DiscardPage, "undo": UndoPage}


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Newest first, never counted; discarded ones under their own filter."""

    list_display = ("died", "of_series", "span", "why", "asked", "says", "requeued")
    list_select_related = ("backfill__series__instrument",)
    list_filter = FILTERS
    search_fields = ("backfill__series__instrument__symbol__iexact",)
    search_help_text = "A symbol, whole"
    ordering = ("-died_at", "-backfill")
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = PAGE
    list_before_template = "admin/ops/dead_letter_causes.html"
    actions = ("requeue_chosen", "discard_chosen")
    actions_detail = ("requeue_this", "discard_this", "undo_this")
    fieldsets = (
        ("Job", {"fields": ("number", "of_series", "span", "missing_minutes", "asks", "requeued")}),
        ("Death", {"fields": ("died", "why", "provider", "http_status", "message", "fingerprint", "discarded")}),
        ("Tries, oldest first", {"fields": ("time_line",)}),
        ("Traceback", {"fields": ("trace",)}),
    )
    readonly_fields = ("number", "of_series", "span", "asks", "requeued", "died", "why", "discarded", "time_line", "trace")

    def get_urls(self) -> list[URLPattern]:
        """Adds the pages behind the buttons."""
        view = self.admin_site.admin_view
        own = [
            path(f"{word}/", view(page.as_view(model_admin=self)), name=f"dead_letters_{word}") for word, page in PAGES.items()
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The list with its causes above it."""
        context = {
            "causes": [(cause, address_of(fingerprint=cause.fingerprint)) for cause in top_fingerprints()],
            "requeue_all": f"{reverse('admin:dead_letters_requeue')}?{request.GET.urlencode()}",
            "discard_all": f"{reverse('admin:dead_letters_discard')}?{urlencode({**request.GET.dict(), 'all': 'yes'})}",
            "operations": reverse(OPERATIONS),
            "may_requeue_all": self.has_requeue_permission(request) and "state" not in request.GET,
            "may_discard_all": self.has_discard_permission(request) and "state" not in request.GET,
        }
        found: HttpResponseBase = super().changelist_view(request, {**(extra_context or {}), **context, "now": clock.now()})
        return found

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> Sequence[Any]:
        """What is possible in the state that the job is in."""
        actions: Sequence[Any] = super().get_actions_detail(request, object_id)
        is_dead = DeadLetter.objects.filter(pk=object_id, backfill__state=BackfillState.DEAD).exists()
        return [one for one in actions if one.path.endswith("undo-this") != is_dead]

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """For the list's actions."""
        return request.user.has_perms((REQUEUE, BULK))

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """For the list's actions."""
        return request.user.has_perms((DISCARD, BULK))

    def has_requeue_one_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the one that is looked at. A dotted name in the actions would be looked up in the database by each system check."""
        return bool(request.user.has_perm(REQUEUE))

    def has_discard_one_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the one that is looked at."""
        return bool(request.user.has_perm(DISCARD))

    @admin.action(description="Requeue…", permissions=["requeue"])
    def requeue_chosen(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponseRedirect:
        """Asks first."""
        return _to("requeue", ids=_ids(queryset))

    @admin.action(description="Discard…", permissions=["discard"])
    def discard_chosen(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponseRedirect:
        """Asks first."""
        return _to("discard", ids=_ids(queryset))

    @action(  # type: ignore[untyped-decorator]
        description="Requeue",
        permissions=["requeue_one"],
        url_path="requeue-this",
        icon="replay",
        variant=ActionVariant.PRIMARY,
    )
    def requeue_this(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Asks first."""
        return _to("requeue", ids=object_id)

    @action(description="Discard", permissions=["discard_one"], url_path="discard-this", icon="delete")  # type: ignore[untyped-decorator]
    def discard_this(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Asks first."""
        return _to("discard", ids=object_id)

    @action(description="Undo the discard", permissions=["discard_one"], url_path="undo-this", icon="undo")  # type: ignore[untyped-decorator]
    def undo_this(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Asks first."""
        return _to("undo", ids=object_id)

    @admin.display(description="Died (UTC)")
    def died(self, letter: DeadLetter) -> SafeString:
        """To the second."""
        return moment(letter.died_at)

    @admin.display(description="Job")
    def number(self, letter: DeadLetter) -> str:
        """Its number and state."""
        return f"{letter.pk}, {letter.backfill.state}"

    @admin.display(description="Series")
    def of_series(self, letter: DeadLetter) -> SafeString:
        """Symbol, interval and tier."""
        job = letter.backfill
        about = f"{job.series.instrument.mic} · {job.series.interval} · {job.series.hours} · {job.tier}"
        return format_html(
            '<strong>{}</strong> <span class="md-faint md-nowrap">{}</span>', job.series.instrument.symbol, about
        )

    @admin.display(description="Span (UTC)")
    def span(self, letter: DeadLetter) -> SafeString:
        """From, to, and how much of it is missing."""
        job = letter.backfill
        end = f"{job.end:%H:%M}" if job.start.date() == job.end.date() else f"{job.end:%Y-%m-%d %H:%M}"
        slots = f"{job.slots} slot{'' if job.slots == 1 else 's'}"
        return format_html(
            '<span class="md-nowrap">{} to {}</span> <span class="md-faint md-nowrap">{}</span>',
            f"{job.start:%Y-%m-%d %H:%M}",
            end,
            slots,
        )

    @admin.display(description="Reason")
    def why(self, letter: DeadLetter) -> SafeString:
        """The code, with who discarded it."""
        if letter.discarded_at is None:
            return tag(letter.reason, "md-bad")
        return tag(f"{letter.reason}, discarded", title=f"by {letter.discarded_by}: {letter.discard_reason}")

    @admin.display(description="Asked last")
    def asked(self, letter: DeadLetter) -> SafeString:
        """The provider and its HTTP status."""
        status = "" if letter.http_status is None else f"HTTP {letter.http_status}"
        return format_html('{} <span class="md-faint md-nowrap">{}</span>', letter.provider or "nobody", status)

    @admin.display(description="Says")
    def says(self, letter: DeadLetter) -> SafeString:
        """The beginning of its message."""
        text = letter.message if len(letter.message) <= 120 else letter.message[:119] + "…"
        return format_html('<span class="md-why">{}</span>', text)

    @admin.display(description="Requeued")
    def requeued(self, letter: DeadLetter) -> str:
        """How often."""
        times = letter.backfill.times_requeued
        return {0: "never", 1: "once"}.get(times, f"{times} times")

    @admin.display(description="May ask")
    def asks(self, letter: DeadLetter) -> str:
        """Pin and exclusions."""
        job = letter.backfill
        if job.pinned_provider:
            return f"only {job.pinned_provider}"
        return f"as routing says, without {', '.join(job.excluded_providers)}" if job.excluded_providers else "as routing says"

    @admin.display(description="Discarded")
    def discarded(self, letter: DeadLetter) -> str:
        """When, by whom and why."""
        if letter.discarded_at is None:
            return "no"
        why = f": {letter.discard_reason}" if letter.discard_reason else ""
        return f"{letter.discarded_at:%Y-%m-%d %H:%M:%S} by {letter.discarded_by}{why}"

    @admin.display(description="Tries")
    def time_line(self, letter: DeadLetter) -> SafeString:
        """One a line."""
        return render_to_string("admin/ops/dead_letter_tries.html", {"tries": _told(letter.backfill)})

    @admin.display(description="Traceback")
    def trace(self, letter: DeadLetter) -> SafeString:
        """As it was."""
        return format_html("<pre>{}</pre>", letter.traceback) if letter.traceback else format_html("{}", "none")


def _told(job: Backfill) -> list[dict[str, Any]]:
    """The tries with their times as all lists show them."""
    return [{**one, "at": str(one["at"] or "")[:19].replace("T", " ")} for one in tries_of(job)]


def _ids(queryset: QuerySet[DeadLetter]) -> str:
    return ",".join(str(number) for number in queryset.values_list("pk", flat=True))


def _to(word: str, **query: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse(f'admin:dead_letters_{word}')}?{urlencode(query)}")
