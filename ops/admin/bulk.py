"""Bulk operations on dead letters: how far each is, and the buttons that stop it."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from marketdata_site.observability import clock
from ops.actors import of_page
from ops.admin.bulk_marks import TONES, progress_bar, throttle
from ops.admin.bulk_pages import CancelPage
from ops.admin.dead_letter_filters import address_of
from ops.admin.dead_letter_pages import OPERATIONS
from ops.bulk import operating, reading
from ops.dead_letters import VIEW
from ops.models import BulkKind, BulkOperation, BulkState
from providers.admin.marks import moment, tag
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin
from providers.api_errors import ApiError

REFRESH_SECONDS = 5
MOST_OF_WHY = 120
_BUTTONS = {BulkState.RUNNING: "pause", BulkState.PAUSED: "resume"}
_ACTS = {"pause": operating.pause, "resume": operating.resume}


@admin.register(BulkOperation)
class BulkOperationAdmin(ReadOnlyAdmin):
    """Newest first. What shows that one runs loads itself anew every few seconds."""

    list_display = ("number", "about", "progress", "stands_shortly", "started", "buttons")
    ordering = ("-id",)
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 20
    fieldsets = (
        ("Operation", {"fields": ("about", "asks", "started")}),
        ("Progress", {"fields": ("progress", "stands", "buttons", "pace", "moved", "ended")}),
    )
    readonly_fields = ("about", "asks", "started", "stands", "progress", "pace", "moved", "ended", "buttons")

    def get_urls(self) -> list[URLPattern]:
        """Adds what the buttons call."""
        view = self.admin_site.admin_view
        own = [path(f"<int:number>/{word}/", view(require_POST(self._acting(word))), name=f"bulk_{word}") for word in _ACTS]
        cancel = path("<int:number>/cancel/", view(CancelPage.as_view(model_admin=self)), name="bulk_cancel")
        return [*own, cancel, *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: BulkOperation | None = None) -> bool:
        """Whoever sees dead letters sees what is done about them."""
        return request.user.has_perm(VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return request.user.has_perm(VIEW)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Buttons for those who may press one."""
        return self.list_display if _may_act(request) else self.list_display[:-1]

    def get_fieldsets(self, request: HttpRequest, obj: BulkOperation | None = None) -> Any:
        """The same."""
        if _may_act(request):
            return self.fieldsets
        return [
            (title, {"fields": tuple(name for name in about["fields"] if name != "buttons")}) for title, about in self.fieldsets
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The list; anew every few seconds while an operation runs."""
        found: HttpResponseBase = super().changelist_view(request, extra_context)
        shown = getattr(found, "context_data", {}).get("cl")
        return _refreshing(found, shown.result_list if shown is not None else ())

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """One of them; the same."""
        found: HttpResponseBase = super().changeform_view(request, object_id, *args, **kwargs)
        return _refreshing(found, [row] if (row := getattr(found, "context_data", {}).get("original")) else ())

    @admin.display(description="Operation")
    def number(self, operation: BulkOperation) -> SafeString:
        """Its number and what it does."""
        return format_html('<span class="md-nowrap">{} {}</span>', operation.pk, operation.kind)

    @admin.display(description="Of which dead jobs")
    def about(self, operation: BulkOperation) -> SafeString:
        """The filter, as a link to those of them that are dead now."""
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in operation.filter.items()) or "all"
        named = {"q" if name == "symbol" else name: value for name, value in operation.filter.items()}
        if any(name.endswith("_than") for name in named):  # the list has no filter of times
            return format_html('<span class="md-why">{}</span>', said)
        return format_html('<a class="md-link" href="{}">{}</a>', address_of(**named), said)

    @admin.display(description="Progress")
    def progress(self, operation: BulkOperation) -> SafeString:
        """As a bar and in words."""
        return progress_bar(operation)

    @admin.display(description="State")
    def stands(self, operation: BulkOperation) -> SafeString:
        """And why it does not move."""
        return _state(operation)

    @admin.display(description="State")
    def stands_shortly(self, operation: BulkOperation) -> SafeString:
        """The same with the beginning of a long reason."""
        return _state(operation, most=MOST_OF_WHY)

    @admin.display(description="Started (UTC)")
    def started(self, operation: BulkOperation) -> SafeString:
        """When, by whom, why."""
        why = f": {operation.reason}" if operation.reason else ""
        return format_html(
            '{} <span class="md-faint md-text">by {} through {}{}</span>',
            moment(operation.created_at),
            operation.who,
            operation.get_through_display(),
            why,
        )

    @admin.display(description="Asks")
    def asks(self, operation: BulkOperation) -> str:
        """Pin and exclusion of a requeue; whether a discard abandons."""
        if operation.kind == BulkKind.DISCARD:
            return "the spans are abandoned" if operation.abandon else "the next scan may find the gaps again"
        pin, exclude = operation.asking.get("pin"), operation.asking.get("exclude")
        said = [] if pin is None else [f"only {pin}" if pin else "as routing says"]
        said += [] if exclude is None else [f"never {', '.join(exclude)}" if exclude else "excluding nobody"]
        return ", ".join(said) or "as before"

    @admin.display(description="Throttle")
    def pace(self, operation: BulkOperation) -> str:
        """Jobs of a tick, and how long the rest takes."""
        return throttle(operation)

    @admin.display(description="Last look (UTC)")
    def moved(self, operation: BulkOperation) -> SafeString:
        """When a worker or an operator last touched it."""
        return moment(operation.updated_at)

    @admin.display(description="Ended (UTC)")
    def ended(self, operation: BulkOperation) -> SafeString:
        """When."""
        return (
            moment(operation.finished_at)
            if operation.finished_at
            else format_html('<span class="md-faint">{}</span>', "not yet")
        )

    @admin.display(description="Actions")
    def buttons(self, operation: BulkOperation) -> SafeString:
        """What can be done in its state. They send the page's own form, and with it its CSRF token."""
        word = _BUTTONS.get(BulkState(operation.state))
        if word is None:
            return format_html('<span class="md-faint">{}</span>', "none")
        return format_html(
            '<span class="md-buttons md-small"><button type="submit" class="md-button" formmethod="post" formnovalidate formaction="{}">{}</button>'
            '<a class="md-button md-quiet" href="{}">Cancel…</a></span>',
            reverse(f"admin:bulk_{word}", args=[operation.pk]),
            word.capitalize(),
            reverse("admin:bulk_cancel", args=[operation.pk]),
        )

    def _acting(self, word: str) -> Callable[..., HttpResponse]:
        def act(request: HttpRequest, number: int) -> HttpResponse:
            try:
                operation = _ACTS[word](of_page(request), operation_id=number, now=clock.now())
            except ApiError as error:
                messages.error(request, f"Nothing was done: {error.message}")
            else:
                messages.success(request, f"Bulk operation {number} is {operation.state}.")
            return HttpResponseRedirect(reverse(OPERATIONS))

        return act


def _state(operation: BulkOperation, *, most: int | None = None) -> SafeString:
    state, why = BulkState(operation.state), reading.why_of(operation, now=clock.now())
    told = why if most is None or len(why) <= most else why[: most - 1] + "…"
    return format_html('<div>{}<span class="md-why">{}</span></div>', tag(state.label, TONES[state]), told)


def _may_act(request: HttpRequest) -> bool:
    return any(request.user.has_perms(needed) for needed in operating.NEEDS.values())


def _refreshing(found: HttpResponseBase, shown: Iterable[BulkOperation]) -> HttpResponseBase:
    if any(one.state == BulkState.RUNNING or reading.open_of(one) for one in shown):
        found.headers["Refresh"] = str(REFRESH_SECONDS)
    return found
