"""A page that says whom routing would ask now, in which order, and why not the others: what `manage.py explain_route` prints."""

from typing import Any

from django import forms
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from collector.core.symbols import MIC_PATTERN
from collector.models import Tier
from collector.selectors.overrides import providers_away
from collector.selectors.refusals import refusal_for
from collector.selectors.series import find_instruments
from marketdata_site.observability import clock
from providers import explaining
from providers.admin.marks import history_address
from providers.api_errors import ApiError
from providers.breaker import Phase
from providers.lanes import Lane
from providers.market.types import Capability, Micros, from_us
from providers.selectors.explanations import Explained, Explanation, explain
from providers.services import policies
from providers.services.choosing import Refusal

_TONES = {Phase.CLOSED: "md-good", Phase.HALF_OPEN: "md-mid", Phase.OPEN: "md-bad"}


class RoutingForm(forms.Form):
    """Which choice."""

    capability = forms.ChoiceField(choices=[(c.value, c.value) for c in Capability], widget=UnfoldAdminSelectWidget)
    tier = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    lane = forms.ChoiceField(
        choices=[(Lane.LIVE.value, "live"), (Lane.HISTORY.value, "history (backfill)")],
        label="Work",
        widget=UnfoldAdminSelectWidget,
    )
    symbol = forms.CharField(
        max_length=40,
        required=False,
        label="Symbol (optional)",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "its limits too"}),
    )
    mic = forms.RegexField(MIC_PATTERN, required=False, label="MIC", widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tier = self.fields["tier"]
        assert isinstance(tier, forms.ChoiceField)
        tier.choices = [(code, code) for code in Tier.objects.values_list("code", flat=True)]


class RoutingPage(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold is published without types
    """Looks, and changes nothing; by the version that runs, whatever the draft says."""

    title = "Routing"
    permission_required = "providers.view_routingpolicy"
    template_name = "admin/providers/routing.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and below it the choice; without one, that of live minute bars of the first tier."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        first = Tier.objects.values_list("code", flat=True).first()
        plain = {"capability": Capability.BARS_1M.value, "tier": first or "", "lane": Lane.LIVE.value}
        form = RoutingForm(plain | {name: value for name, value in self.request.GET.items() if value})
        context["form"] = form
        if form.is_valid():
            try:
                context |= _explained(form.cleaned_data, now=clock.now_us())
            except ApiError as error:
                context["problem"] = error.message
        return context


def _explained(asked: dict[str, Any], *, now: Micros) -> dict[str, Any]:
    capability = Capability(asked["capability"])
    explanation = explain(
        policies.current(),
        capability=capability,
        tier=asked["tier"],
        lane=Lane(asked["lane"]),
        now=now,
        refusal=_refusal(asked, capability, now),
        away=providers_away(now=now),
    )
    retry_at = explanation.decision.retry_at
    return {
        "explanation": explanation,
        "nobody": explaining.nobody(explanation),
        "why": explanation.decision.why,
        "first_place": explaining.first_place(explanation),
        "steps": explaining.steps(explanation),
        "retry_at": None if retry_at is None else from_us(retry_at),
        "known": [_known(one, explanation) for one in explanation.providers],
    }


def _refusal(asked: dict[str, Any], capability: Capability, now: Micros) -> Refusal:
    """Raises: ApiError for a symbol that is unknown, or of several venues."""
    if not asked["symbol"]:
        return lambda _: None
    instrument = find_instruments(symbols=[asked["symbol"]], mic=asked["mic"] or None)[0]
    return refusal_for(instrument, capability=capability, now=now)


def _known(one: Explained, explanation: Explanation) -> dict[str, Any]:
    is_out = one.standing.isolated_reason or not one.standing.is_enabled
    word, more = explaining.breaker_words(one)
    return {
        "provider": one.provider,
        "address": history_address(one.provider, explanation.capability),
        "score": one.standing.score,
        "breaker": word,
        "more": more,
        "tone": "md-bad" if is_out else _TONES[one.standing.phase],
        "budget": explaining.budget_text(one),
    }
