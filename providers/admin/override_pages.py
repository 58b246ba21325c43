"""What an operator may say about one provider at one capability, each with a page that asks before it is done, and a log entry after."""

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminTextInputWidget

from marketdata_site.observability import clock
from providers.admin.marks import phase_mark, score_mark
from providers.breaker import Phase
from providers.market.types import Capability
from providers.models import Provider, ProviderState
from providers.selectors.health import CapabilityHealth, providers_health
from providers.services import overrides, policies

OVERRIDE = "providers.override_breaker"
BY_DEFAULT = timedelta(minutes=30)
LIST = "admin:providers_providerstate_changelist"


class ForceForm(forms.Form):
    """Until when, and why."""

    until = forms.DateTimeField(
        label="Until (UTC)", widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local", "step": "60"})
    )
    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "what the next operator has to know", "autofocus": True}),
    )

    def clean_until(self) -> Any:
        """Raises: ValidationError for a time that is over."""
        until = self.cleaned_data["until"]
        if until <= clock.now():
            raise ValidationError(f"Expected a time after now, {clock.now():%Y-%m-%d %H:%M} UTC.")
        return until


class ReasonForm(forms.Form):
    """Why, where it is worth a word."""

    reason = forms.CharField(
        max_length=200, required=False, label="Reason (optional)", widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True})
    )


if TYPE_CHECKING:
    _FormView = FormView[forms.Form]
else:
    _FormView = FormView  # not subscriptable at run time


class Act(UnfoldModelAdminViewMixin, _FormView, ABC):  # type: ignore[misc]  # unfold is published without types
    """One thing to do about one provider at one capability; a GET only asks."""

    permission_required = OVERRIDE
    template_name = "admin/providers/act.html"
    form_class: type[forms.Form] = ReasonForm
    button: ClassVar[str]
    means: ClassVar[str]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What it is about and how that stands now."""
        provider, capability = self._named()
        context: dict[str, Any] = super().get_context_data(**kwargs)
        health = _health(provider.name, capability)
        return context | {
            "provider": provider,
            "capability": capability,
            "means": self.means,
            "button": self.button,
            "state": None if health is None else phase_mark(health),
            "score": None if health is None else score_mark(health),
            "health": health,
            "back": reverse(LIST),
        }

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Do it, write down who and why, and say so."""
        provider, capability = self._named()
        done = self.carry_out(provider, capability, form.cleaned_data)
        if done is None:
            messages.warning(self.request, f"{provider.name} at {capability}: nothing to do, somebody was faster.")
        else:
            row = ProviderState.objects.select_related("provider").get(provider=provider, capability=capability)
            reason = form.cleaned_data["reason"].strip()
            self.model_admin.log_change(self.request, row, f"{done}{f': {reason}' if reason else ''}")
            messages.success(self.request, f"{provider.name} at {capability}: {done}.")
        return HttpResponseRedirect(reverse(LIST))

    @abstractmethod
    def carry_out(self, provider: Provider, capability: Capability, asked: dict[str, Any]) -> str | None:
        """What was done, in words; None when there was nothing to do."""

    def _named(self) -> tuple[Provider, Capability]:
        """Raises: Http404."""
        try:
            capability = Capability(self.kwargs["capability"])
            return Provider.objects.get(name=self.kwargs["provider"]), capability
        except (ValueError, Provider.DoesNotExist) as error:
            raise Http404(str(error)) from error


class Force(Act):
    """An operator's word above the breaker, for a time."""

    form_class: type[forms.Form] = ForceForm
    kind: ClassVar[Phase]

    def get_initial(self) -> dict[str, Any]:
        """Half an hour from now."""
        return {"until": (clock.now() + BY_DEFAULT).strftime("%Y-%m-%dT%H:%M")}

    def carry_out(self, provider: Provider, capability: Capability, asked: dict[str, Any]) -> str | None:
        """Force it."""
        overrides.force(
            provider_id=provider.pk,
            capability=capability,
            kind=self.kind,
            until=asked["until"],
            reason=asked["reason"],
            by=str(self.request.user.get_username()),
            now=clock.now(),
        )
        return f"forced {self.kind} until {asked['until']:%Y-%m-%d %H:%M} UTC"


class ForceOpen(Force):
    title = "Force open"
    button = "Force open"
    kind = Phase.OPEN
    means = (
        "Nobody asks it, not even gently; the other providers of the policy do its work. "
        "Its breaker goes on underneath and counts again when the time is over."
    )


class ForceClosed(Force):
    title = "Force closed"
    button = "Force closed"
    kind = Phase.CLOSED
    means = (
        "It is asked as its score deserves, whatever its breaker says. "
        "The breaker goes on underneath and counts again when the time is over."
    )


class Unforce(Act):
    title = "Let the breaker decide"
    button = "Let the breaker decide"
    means = "The operator's word ends now, and the breaker counts again as it stands underneath."

    def carry_out(self, provider: Provider, capability: Capability, asked: dict[str, Any]) -> str | None:
        """End the operator's word."""
        return "no longer forced" if overrides.unforce(provider_id=provider.pk, capability=capability) else None


class Readmit(Act):
    title = "Readmit"
    button = "Readmit"
    means = (
        "It is asked again with the next job. When the key or the plan is still wrong it is isolated again: put that right first; "
        "a reload readmits all isolated providers."
    )

    def carry_out(self, provider: Provider, capability: Capability, asked: dict[str, Any]) -> str | None:
        """Let it be asked again."""
        return "readmitted" if overrides.readmit(provider_id=provider.pk, capability=capability) else None


PAGES: dict[str, type[Act]] = {
    "force_open": ForceOpen,
    "force_closed": ForceClosed,
    "unforce": Unforce,
    "readmit": Readmit,
}


def links(provider: str, health: CapabilityHealth) -> SafeString:
    """What may be done about it as it stands."""
    words = ["unforce"] if health.forced is not None else ["force_open", "force_closed"]
    if health.isolated_at is not None:
        words.insert(0, "readmit")
    names = {"unforce": "unforce", "readmit": "readmit", "force_open": "force open", "force_closed": "force closed"}
    return format_html_join(
        " ",
        '<a href="{}">{}</a>',
        ((reverse(f"admin:providers_{word}", args=[provider, health.capability]), names[word]) for word in words),
    )


def _health(provider: str, capability: Capability) -> CapabilityHealth | None:
    found = providers_health(policies.current(), now=clock.now_us(), with_unused=True)
    return next(
        (one for h in found if h.entry.name == provider for one in h.capabilities if one.capability is capability), None
    )
