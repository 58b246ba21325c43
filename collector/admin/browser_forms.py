"""What an operator fills in on the browser pages."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from collector.core.symbols import MIC_PATTERN
from collector.models import Tier
from providers.market.types import Adjustment, Hours, Interval

_ANY = [("", "any")]


def _moment_widget() -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs={"type": "datetime-local", "step": "60"})


def _choices(names: type[Interval] | type[Hours] | type[Adjustment]) -> list[tuple[str, str]]:
    return [(name.value, name.value) for name in names]


class BarsForm(forms.Form):
    """Which bars. All times UTC."""

    symbol = forms.CharField(max_length=40, widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "AAPL"}))
    mic = forms.RegexField(MIC_PATTERN, required=False, label="MIC", widget=UnfoldAdminTextInputWidget)
    interval = forms.ChoiceField(choices=_choices(Interval), initial="1m", required=False, widget=UnfoldAdminSelectWidget)
    hours = forms.ChoiceField(choices=_ANY + _choices(Hours), required=False, widget=UnfoldAdminSelectWidget)
    adjustment = forms.ChoiceField(choices=_ANY + _choices(Adjustment), required=False, widget=UnfoldAdminSelectWidget)
    start = forms.DateTimeField(required=False, label="From (UTC)", widget=_moment_widget())
    end = forms.DateTimeField(required=False, label="To (UTC)", widget=_moment_widget())

    def clean_interval(self) -> str:
        """1m when none is named."""
        return self.cleaned_data["interval"] or "1m"


class QuotesForm(forms.Form):
    """Which quotes. All times UTC."""

    symbol = forms.CharField(max_length=40, widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "AAPL"}))
    mic = forms.RegexField(MIC_PATTERN, required=False, label="MIC", widget=UnfoldAdminTextInputWidget)
    start = forms.DateTimeField(required=False, label="From (UTC)", widget=_moment_widget())
    end = forms.DateTimeField(required=False, label="To (UTC)", widget=_moment_widget())


class CoverageForm(forms.Form):
    """Which series."""

    symbol = forms.CharField(
        max_length=40,
        required=False,
        label="Symbol begins with",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "any"}),
    )
    mic = forms.RegexField(MIC_PATTERN, required=False, label="MIC", widget=UnfoldAdminTextInputWidget)
    interval = forms.ChoiceField(choices=_ANY + _choices(Interval), required=False, widget=UnfoldAdminSelectWidget)
    tier = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    last = forms.DateField(required=False, label="Last session", widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    missing = forms.BooleanField(required=False, label="Only with gaps", widget=UnfoldBooleanSwitchWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = Tier.objects.values_list("code", flat=True)
        tier = self.fields["tier"]
        assert isinstance(tier, forms.ChoiceField)
        tier.choices = _ANY + [(code, code) for code in codes]
