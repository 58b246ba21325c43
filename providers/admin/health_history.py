"""A page of how a provider's score went: H with its parts as lines, the breaker's phase as a band, the newest samples as rows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelectWidget

from marketdata_site.observability import clock
from providers.market.types import Capability
from providers.models import Provider
from providers.scoring import SLOW_COST
from providers.selectors.samples import Sample, samples_since, step_seconds

SPANS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
ROWS = 30


class HistoryForm(forms.Form):
    """Of whom, at what, since when."""

    provider = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    capability = forms.ChoiceField(
        required=False,
        choices=[("", "the worst at each time"), *((c.value, c.value) for c in Capability)],
        widget=UnfoldAdminSelectWidget,
    )
    span = forms.ChoiceField(
        required=False, label="Last", choices=[(name, name) for name in SPANS], initial="1h", widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Provider.objects.values_list("name", flat=True)
        provider = self.fields["provider"]
        assert isinstance(provider, forms.ChoiceField)
        provider.choices = [(name, name) for name in names]

    def clean_span(self) -> str:
        """An hour when none is named."""
        return self.cleaned_data["span"] or "1h"


class HealthHistory(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold is published without types
    """Reads what the REST API reads, so both show the same."""

    title = "Health history"
    permission_required = "providers.view_providerstate"
    template_name = "admin/providers/health_history.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and below it what it asks for."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        asked = {"span": "1h", **{name: value for name, value in self.request.GET.items() if value}}
        form = HistoryForm(asked if "provider" in asked else None)
        context["form"] = form
        if form.is_bound and form.is_valid():
            context |= _found(form.cleaned_data)
        return context


def _found(asked: dict[str, Any]) -> dict[str, Any]:
    provider, span = Provider.objects.get(name=asked["provider"]), SPANS[asked["span"]]
    now = clock.now()
    samples = samples_since(provider_id=provider.pk, capability=asked["capability"] or None, span=span, now=now)
    step = step_seconds(span)
    return {
        "provider": provider,
        "capability": asked["capability"],
        "span": asked["span"],
        "step": step,
        "rows": [_row(sample) for sample in reversed(samples[-ROWS:])],
        "count": len(samples),
        "hours": int(span.total_seconds() // 3600),
        "chart": {
            "from": int((now - span).timestamp()) // step * step,
            "to": int(now.timestamp()) // step * step,
            "step": step,
            "points": [_point(sample, step) for sample in samples],
        },
    }


def _point(sample: Sample, step: int) -> dict[str, Any]:
    return {"time": int(sample.at.timestamp()) // step * step, "phase": sample.phase, "h": sample.score, **_parts(sample)}


def _row(sample: Sample) -> dict[str, Any]:
    parts = _parts(sample)
    return {
        "at": sample.at,
        "score": sample.score,
        "phase": sample.phase,
        "capability": sample.capability,
        "parts": parts.values(),
    }


PARTS: Sequence[str] = ("availability", "completeness", "freshness", "speed", "quota")


def _parts(sample: Sample) -> dict[str, float | None]:
    """Each as the factor that it is of H, the worse of its two windows. A part that a sample does not have is None."""
    parts = sample.parts
    found: dict[str, float | None] = {
        name: min((parts[key] for key in (f"{name}_fast", f"{name}_slow") if key in parts), default=None) for name in PARTS[:3]
    }
    slow = max((parts[key] for key in ("slowness_fast", "slowness_slow") if key in parts), default=None)
    return found | {"speed": None if slow is None else 1 - SLOW_COST * slow, "quota": parts.get("quota")}
