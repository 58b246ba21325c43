"""Series in the admin with one action more: a range to be filled, whose cost is shown before anything is asked for."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminTextInputWidget

from collector.admin.instruments import SeriesAdmin
from collector.core.times import parse_bound
from collector.history_table import progress_as_text, scanned_as_text, time_text
from collector.models import Series
from marketdata_site.observability import clock
from ops import backfills
from ops.actors import of_page
from ops.backfills import REQUEST, Range
from providers.api_errors import ApiError

LIST, PAGE = "admin:collector_series_changelist", "admin:collector_series_range"
SAMPLE = 10

if TYPE_CHECKING:
    _FormView = FormView[forms.Form]
else:
    _FormView = FormView  # not subscriptable at run time

admin.site.unregister(Series)


class BoundField(forms.CharField):
    """A session date, or an instant with its zone."""

    widget = UnfoldAdminTextInputWidget

    def clean(self, value: Any) -> Any:
        """Raises: ValidationError that says what is expected."""
        text = super().clean(value)
        try:
            return parse_bound(text.strip())
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class RangeForm(forms.Form):
    """From when to when."""

    start = BoundField(label="First session date, or instant such as 2026-11-20T14:30:00Z")
    end = BoundField(label="Last session date, included, or instant before which slots start")


class AskForm(forms.Form):
    """Why, where it is worth a word."""

    note = forms.CharField(max_length=300, required=False, label="Reason (optional)", widget=UnfoldAdminTextInputWidget)


class RangePage(UnfoldModelAdminViewMixin, _FormView):  # type: ignore[misc]  # unfold is published without types
    """A GET shows what the range of the address costs and how far it is; a POST asks for it."""

    title = "Backfill a range"
    permission_required = REQUEST
    template_name = "admin/ops/backfill_range.html"
    form_class = AskForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The series, the form of the range, and where that is filled in the cost or why there is none."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        ids = self._ids()
        about = {
            "ids": ",".join(map(str, ids)),
            "count": len(ids),
            "sample": Series.objects.filter(pk__in=ids).select_related("instrument", "tier")[:SAMPLE],
            "range_form": self._range_form(),
            "back": reverse(LIST),
        }
        return context | about | self._cost()

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Ask for it, and say what was made."""
        asked = self._asked()
        if asked is None:
            raise Http404("expected a range in the address")
        try:
            note = form.cleaned_data["note"]
            made = backfills.request(of_page(self.request), asked=asked, now=clock.now(), reason=note)
            messages.success(self.request, f"The range is wanted from now on: {scanned_as_text(made.scanned)}.")
        except ApiError as error:
            messages.error(self.request, f"Nothing was done: {error.message}")
        return HttpResponseRedirect(self.request.get_full_path())

    def _range_form(self) -> RangeForm:
        is_asked = "start" in self.request.GET or "end" in self.request.GET
        return RangeForm(self.request.GET if is_asked else None)

    def _asked(self) -> Range | None:
        form = self._range_form()
        return Range(**form.cleaned_data, series_ids=self._ids()) if form.is_bound and form.is_valid() else None

    def _cost(self) -> dict[str, Any]:
        if (asked := self._asked()) is None:
            return {}
        actor, now = of_page(self.request), clock.now()
        try:
            found = backfills.estimate(actor, asked=asked, now=now)
            progress = backfills.progress(actor, asked=asked, now=now)
        except ApiError as error:
            return {"refusal": error.message}
        cost = found.cost
        return {
            "found": found,
            "missing": f"{found.missing:,}",
            "attended": f"{found.attended:,}",
            "jobs": f"{cost.gaps:,}",
            "vendors": [(one.provider, f"{one.slots:,}", f"{one.requests:,}", time_text(one.time)) for one in cost.vendors],
            "time": time_text(cost.time),
            "share": f"{progress.share:.1%}" if progress.expected else "",  # before it is asked for nothing is expected
            "progress": progress_as_text(progress).partition(", ")[2],
            "said": progress.said,
        }

    def _ids(self) -> list[int]:
        """Raises: Http404 for nonsense."""
        parts = self.request.GET.get("ids", "").split(",")
        if not all(part.isascii() and part.isdecimal() and len(part) < 18 for part in parts):
            raise Http404("expected numbers of series")
        return [int(part) for part in parts]


@admin.register(Series)
class SeriesWithRangesAdmin(SeriesAdmin):
    """What is collected of an instrument, and what of its history is wanted."""

    actions: tuple[str, ...] = (*SeriesAdmin.actions, "backfill_range")

    def get_urls(self) -> list[URLPattern]:
        """Adds the page behind the action."""
        page = self.admin_site.admin_view(RangePage.as_view(model_admin=self))
        return [path("range/", page, name="collector_series_range"), *super().get_urls()]

    def has_backfill_permission(self, request: HttpRequest) -> bool:
        """Who may ask for a range."""
        return bool(request.user.has_perms([REQUEST, backfills.VIEW]))

    @admin.action(description="Backfill a range…", permissions=["backfill"])
    def backfill_range(self, request: HttpRequest, queryset: QuerySet[Series]) -> HttpResponseRedirect:
        """Asks first."""
        ids = ",".join(
            map(str, queryset.order_by("pk").values_list("pk", flat=True)[: backfills.MOST_SERIES + 1])
        )  # one too many is refused
        return HttpResponseRedirect(f"{reverse(PAGE)}?{urlencode({'ids': ids})}")
