"""The pages behind the buttons: what a reload or a rollback would change, and whether it may. A GET changes nothing."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from marketdata_site.observability import clock
from providers.models import PolicyVersion
from providers.policy import checksum
from providers.selectors import versions as reading
from providers.services import policies
from providers.services.policies import ReloadResult

RELOAD = "providers.add_policyversion"
LIST = "admin:providers_policyversion_changelist"


class ValidatePage(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold is published without types
    """Everything that is wrong with the draft, or what it changes."""

    title = "Validate the draft"
    permission_required = "providers.view_policyversion"
    template_name = "admin/providers/draft.html"
    can_be_carried_out = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The verdict of a dry run."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        result = policies.reload(author=author(self.request), through="admin", now=clock.now(), dry_run=True)
        return context | {
            "faults": result.faults,
            "changes": result.changes,
            "number": policies.current().number,
            "seen": checksum(policies.draft().snapshot),
            "can_be_carried_out": self.can_be_carried_out,
        }


class ReloadPage(ValidatePage):
    """The same, with the button that does it."""

    title = "Reload the configuration"
    permission_required = RELOAD
    can_be_carried_out = True

    def post(self, request: HttpRequest) -> HttpResponse:
        """Carry out what was shown; when the draft has changed since, show it again."""
        if request.POST.get("seen") != checksum(policies.draft().snapshot):
            messages.warning(request, "The draft has changed since you looked at it. This is what it changes now.")
            return HttpResponseRedirect(request.path)
        result = policies.reload(author=author(request), through="admin", now=clock.now())
        return _answer(request, result, again=request.path)


class RollbackPage(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold is published without types
    """What going back to a version changes, with the button that does it."""

    title = "Roll back"
    permission_required = RELOAD
    template_name = "admin/providers/rollback.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The difference to the version that runs."""
        number = self._number()
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "to": PolicyVersion.objects.defer("content").get(pk=number),
            "number": policies.current().number,
            "changes": reading.difference(number),
        }

    def post(self, request: HttpRequest, number: str) -> HttpResponse:
        """Do it."""
        result = policies.activate(self._number(), author=author(request), through="admin", now=clock.now())
        return _answer(request, result, again=request.path)

    def _number(self) -> int:
        """Raises: Http404 for a version that does not exist."""
        text = str(self.kwargs["number"])
        if not (text.isascii() and text.isdecimal() and len(text) < 18 and PolicyVersion.objects.filter(pk=int(text)).exists()):
            raise Http404(f"there is no policy version {text}")
        return int(text)


def _answer(request: HttpRequest, result: ReloadResult, *, again: str) -> HttpResponse:
    tell: Callable[[HttpRequest, str], None] = messages.success if result.ok else messages.error
    if not result.ok:
        tell(request, f"Refused, and nothing has changed: {result.error}")
        return HttpResponseRedirect(again)
    tell(request, f"Version {result.policy_version} is active. Each process follows with its next job.")
    return HttpResponseRedirect(reverse(LIST))


def author(request: HttpRequest) -> str:
    """How the records name who acts."""
    return str(request.user.get_username())
