"""The pages behind the buttons of dead letters: how many, which, and what would become of them. A GET changes nothing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from collector.core.bulk import TICK_SECONDS, TRIAL, told_time
from collector.core.requeued import Requeued
from collector.models import BackfillState, DeadLetter
from collector.selectors.dead_letters import LetterFilter, letters
from collector.services.dead_letters import Asking
from marketdata_site.observability import clock
from ops import dead_letters
from ops.actors import of_page
from ops.admin.dead_letter_filters import filter_of
from ops.bulk import operating, planning
from ops.bulk.planning import Plan
from ops.dead_letters import DISCARD, LIMIT, MOST_AT_ONCE, REQUEUE
from ops.models import BulkKind, BulkOperation
from providers.api_errors import ApiError
from providers.models import Provider

SAMPLE = 10
PAGE = 50
"""Rows of a page of the list. More than that are requeued by a bulk operation."""
OPERATIONS = "admin:ops_bulkoperation_changelist"
LIST = "admin:collector_deadletter_changelist"
_AS_BEFORE, _AS_ROUTED = "", "-"


class NoteForm(forms.Form):
    """Why, where it is worth a word."""

    note = forms.CharField(max_length=300, required=False, label="Reason (optional)", widget=UnfoldAdminTextInputWidget)


class DiscardForm(NoteForm):
    """And whether the gaps may be found again."""

    abandon = forms.BooleanField(
        required=False, label="Abandon the spans: no scan finds these gaps again", widget=UnfoldBooleanSwitchWidget
    )


class RequeueForm(NoteForm):
    """Whom to ask."""

    pin = forms.ChoiceField(required=False, label="Ask", widget=UnfoldAdminSelectWidget)
    exclude = forms.ChoiceField(required=False, label="Never ask", widget=UnfoldAdminSelectWidget)
    field_order = ["pin", "exclude", "note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in Provider.objects.values_list("name", flat=True)]
        pin, exclude = self.fields["pin"], self.fields["exclude"]
        assert isinstance(pin, forms.ChoiceField)
        assert isinstance(exclude, forms.ChoiceField)
        pin.choices = [(_AS_BEFORE, "as before"), (_AS_ROUTED, "as routing says"), *((n, f"only {n}") for n, _ in names)]
        exclude.choices = [(_AS_BEFORE, "as before"), (_AS_ROUTED, "exclude nobody"), *names]

    def asking(self) -> Asking:
        """The same for the service."""
        pin, exclude = self.cleaned_data["pin"], self.cleaned_data["exclude"]
        return Asking(
            pin={_AS_BEFORE: None, _AS_ROUTED: ""}.get(pin, pin),
            exclude={_AS_BEFORE: None, _AS_ROUTED: []}.get(exclude, [exclude]),
        )


class RequeueManyForm(RequeueForm):
    """And how many."""

    limit = forms.IntegerField(
        min_value=1, max_value=MOST_AT_ONCE, initial=LIMIT, label="At most", widget=UnfoldAdminTextInputWidget
    )
    field_order = ["limit", "pin", "exclude", "note"]


if TYPE_CHECKING:
    _FormView = FormView[forms.Form]
else:
    _FormView = FormView  # not subscriptable at run time


class Act(UnfoldModelAdminViewMixin, _FormView, ABC):  # type: ignore[misc]  # unfold is published without types
    """One thing to do about the jobs that `ids` names, or about all that fit the list's filters."""

    template_name = "admin/ops/dead_letter_act.html"
    form_class: type[forms.Form] = NoteForm
    verb: ClassVar[str]
    means: ClassVar[str]
    needs_ids: ClassVar[bool] = True
    after = LIST
    """Where it leads to once it is done."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How many, a sample, and what they mean to do."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        which = self._which()
        rows = self._rows(which).select_related("backfill__series__instrument").order_by("died_at", "backfill_id")
        return context | {
            "sample": rows[:SAMPLE],
            "verb": self.verb,
            "means": self.means,
            "filter": which.as_json() if isinstance(which, LetterFilter) else {},
            "back": reverse(LIST),
        }

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Do it, and say what became of it."""
        try:
            messages.success(self.request, self._act(form))
        except ApiError as error:
            messages.error(self.request, f"Nothing was done: {error.message}")
            return HttpResponseRedirect(reverse(LIST))
        return HttpResponseRedirect(reverse(self.after))

    @abstractmethod
    def _act(self, form: forms.Form) -> str:
        """Do it, and say so."""

    def _which(self) -> LetterFilter | Sequence[int]:
        """Raises: Http404 for nonsense."""
        text = self.request.GET.get("ids", "")
        if not text and (not self.needs_ids or "all" in self.request.GET):
            return filter_of(self.request.GET)
        parts = text.split(",")
        if not all(part.isascii() and part.isdecimal() and len(part) < 18 for part in parts):
            raise Http404(f"expected numbers of jobs, got {text!r}")
        return [int(part) for part in parts]

    def _rows(self, which: LetterFilter | Sequence[int]) -> QuerySet[DeadLetter]:
        if isinstance(which, LetterFilter):
            return letters(fitting=which)
        return DeadLetter.objects.filter(pk__in=which)


class RequeuePage(Act):
    """Let them try anew."""

    title = "Requeue dead jobs"
    permission_required = REQUEUE
    verb = "Requeue"
    means = (
        "The jobs begin anew, those that died first first, with all their attempts ahead of them. "
        "What has no room under its tier's cap stays dead."
    )
    means_in_bulk = (
        f"The jobs begin anew in the background, those that died first first, with all their attempts ahead of them. {TRIAL} of them "
        "go first; if half of those die again, the operation pauses itself. What has no room under its tier's cap waits for it. "
        "Jobs that die from now on are not swept in."
    )
    needs_ids = False

    @cached_property
    def planned(self) -> Requeued:
        """What would become of them at once, by the limit that is asked for."""
        which = self._which()
        limit = LIMIT if isinstance(which, LetterFilter) else len(which)
        return dead_letters.preview(of_page(self.request), which=which, limit=limit, now=clock.now())

    def is_bulk(self) -> bool:
        """Whether a bulk operation does it: more than a page, unless the page that was shown had a limit."""
        if self.request.method == "POST":
            return isinstance(self._which(), LetterFilter) and "limit" not in self.request.POST
        return isinstance(self._which(), LetterFilter) and self.planned.matched > PAGE

    def get_form_class(self) -> type[forms.Form]:
        """A limit where a filter chooses few."""
        return RequeueManyForm if isinstance(self._which(), LetterFilter) and not self.is_bulk() else RequeueForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """And what would become of them."""
        context = super().get_context_data(**kwargs)
        if self.is_bulk():
            which = self._which()
            assert isinstance(which, LetterFilter)
            plan = planning.preview(of_page(self.request), kind=BulkKind.REQUEUE, fitting=which, now=clock.now())
            return context | _told_plan(plan) | {"means": self.means_in_bulk}
        return context | {"count": self.planned.matched, "planned": self.planned, "limit": LIMIT}

    def _act(self, form: forms.Form) -> str:
        assert isinstance(form, RequeueForm)
        actor, which, note, now = of_page(self.request), self._which(), form.cleaned_data["note"], clock.now()
        if self.is_bulk():
            assert isinstance(which, LetterFilter)
            self.after = OPERATIONS
            return _told_start(
                operating.start(actor, kind=BulkKind.REQUEUE, fitting=which, now=now, asking=form.asking(), reason=note)
            )
        if not isinstance(which, LetterFilter) and len(which) == 1:
            dead_letters.requeue_one(actor, job_id=which[0], now=now, asking=form.asking(), reason=note)
            return f"Job {which[0]} waits for a worker."
        limit = form.cleaned_data["limit"] if isinstance(which, LetterFilter) else max(1, len(which))
        done = dead_letters.requeue_many(actor, which=which, limit=limit, now=now, asking=form.asking(), reason=note)
        skipped = "".join(f", {count:,} {cause.replace('_', ' ')}" for cause, count in done.skipped.items())
        return f"{done.requeued:,} of {done.matched:,} wait for a worker; {done.at_cap:,} at cap{skipped}."


class DiscardPage(Act):
    """Give them up."""

    title = "Discard dead jobs"
    permission_required = DISCARD
    form_class = DiscardForm
    verb = "Discard"
    means = (
        f"The jobs are given up; for {settings.BACKFILL_KEEP_DAYS} days that can be undone. "
        "The gaps stay, and the next scan may find them again unless their spans are abandoned."
    )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """And how many."""
        context = super().get_context_data(**kwargs)
        if isinstance(which := self._which(), LetterFilter):
            plan = planning.preview(of_page(self.request), kind=BulkKind.DISCARD, fitting=which, now=clock.now())
            return context | _told_plan(plan)
        return context | {"count": self._rows(self._which()).filter(backfill__state=BackfillState.DEAD).count()}

    def _act(self, form: forms.Form) -> str:
        actor, which, said = of_page(self.request), self._which(), form.cleaned_data
        about = {"now": clock.now(), "reason": said["note"], "abandon": said["abandon"]}
        if isinstance(which, LetterFilter):
            self.after = OPERATIONS
            return _told_start(operating.start(actor, kind=BulkKind.DISCARD, fitting=which, **about))
        if len(which) == 1:
            dead_letters.discard_one(actor, job_id=which[0], **about)
            return f"Job {which[0]} is discarded. Its page can undo that for {settings.BACKFILL_KEEP_DAYS} days."
        return f"{dead_letters.discard_many(actor, job_ids=which, **about):,} jobs are discarded."


class UndoPage(Act):
    """Take a discard back."""

    title = "Undo a discard"
    permission_required = DISCARD
    form_class = forms.Form
    verb = "Undo the discard of"
    means = "The job is dead again and can be requeued. Where its span was abandoned with it, that is taken back."

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Of one job."""
        return super().get_context_data(**kwargs) | {"count": 1}

    def _act(self, form: forms.Form) -> str:
        (number, *_) = self._which()  # type: ignore[misc]  # ids are needed
        dead_letters.undo_discard(of_page(self.request), job_id=number, now=clock.now())
        return f"Job {number} is dead again."


def _told_plan(plan: Plan) -> dict[str, Any]:
    """For the page that asks."""
    return {"count": plan.matched, "bulk": plan, "tick": TICK_SECONDS, "takes": told_time(plan.seconds) if plan.seconds else ""}


def _told_start(operation: BulkOperation) -> str:
    return f"Bulk operation {operation.pk} is started: {operation.matched:,} jobs."
