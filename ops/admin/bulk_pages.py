"""The page behind a bulk operation's Cancel button. A GET changes nothing."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin

from marketdata_site.observability import clock
from ops.actors import of_page
from ops.admin.bulk_marks import progress_bar
from ops.admin.dead_letter_pages import OPERATIONS, NoteForm
from ops.bulk import operating, reading
from ops.dead_letters import VIEW
from ops.models import BulkKind, BulkOperation
from providers.api_errors import ApiError

if TYPE_CHECKING:
    _FormView = FormView[NoteForm]
else:
    _FormView = FormView  # not subscriptable at run time


class CancelPage(UnfoldModelAdminViewMixin, _FormView):  # type: ignore[misc]  # unfold is published without types
    """Asks before an operation is ended for good."""

    title = "Cancel a bulk operation"
    permission_required = VIEW
    template_name = "admin/ops/bulk_cancel.html"
    form_class = NoteForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Which one, and how far it is."""
        operation = self._operation()
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "operation": operation,
            "is_requeue": operation.kind == BulkKind.REQUEUE,
            "progress": progress_bar(operation),
            "back": reverse(OPERATIONS),
        }

    def form_valid(self, form: NoteForm) -> HttpResponse:
        """Do it."""
        actor, number, note = of_page(self.request), self.kwargs["number"], form.cleaned_data["note"]
        try:
            operation = operating.cancel(actor, operation_id=number, now=clock.now(), reason=note)
        except ApiError as error:
            messages.error(self.request, f"Nothing was done: {error.message}")
        else:
            messages.success(
                self.request, f"Bulk operation {number} is cancelled; {operation.left:,} jobs are left as they were."
            )
        return HttpResponseRedirect(reverse(OPERATIONS))

    def _operation(self) -> BulkOperation:
        try:
            return reading.show(of_page(self.request), operation_id=self.kwargs["number"])
        except ApiError as error:
            raise Http404(error.message) from error
