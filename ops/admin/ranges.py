"""Ranges declared bad: what was, and the page on which one is declared. A row can be deleted, which lifts its pin; nothing else changes."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from collector.admin.browser_forms import BarsForm
from collector.models import RangeInvalidation
from marketdata_site.observability import clock
from ops.actors import of_page
from ops.admin.spans import SpanAdmin
from ops.ranges import INVALIDATE, RangeOf, invalidate_range, lift_pin
from providers.admin.marks import tag
from providers.api_errors import ApiError
from providers.market.types import Adjustment, Hours, Interval
from providers.models import Provider

LIST = "admin:collector_rangeinvalidation_changelist"


class InvalidateForm(BarsForm):
    """Which range, who is asked for it, and why it is bad. All times UTC."""

    provider = forms.ChoiceField(required=False, label="Ask", widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(
        max_length=300,
        label="Why it is bad",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "what the next operator has to know"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["start"].required = self.fields["end"].required = True
        field = self.fields["provider"]
        assert isinstance(field, forms.ChoiceField)
        names = Provider.objects.order_by("name").values_list("name", flat=True)
        field.choices = [("", "whoever routing chooses"), *((name, f"only {name}, from now on") for name in names)]

    def range(self) -> RangeOf:
        """The same for the service."""
        asked = self.cleaned_data
        return RangeOf(
            symbol=asked["symbol"],
            start=asked["start"],
            end=asked["end"],
            mic=asked["mic"] or None,
            interval=Interval(asked["interval"]),
            hours=Hours(asked["hours"]) if asked["hours"] else None,
            adjustment=Adjustment(asked["adjustment"]) if asked["adjustment"] else None,
        )


if TYPE_CHECKING:
    _FormView = FormView[InvalidateForm]
else:
    _FormView = FormView  # not subscriptable at run time


class InvalidatePage(UnfoldModelAdminViewMixin, _FormView):  # type: ignore[misc]  # unfold is published without types
    """Counts first; only its second button changes anything. The address may fill in the form."""

    title = "Declare a range bad"
    permission_required = INVALIDATE
    form_class = InvalidateForm
    template_name = "admin/ops/invalidate.html"

    def get_initial(self) -> dict[str, Any]:
        """What the page that led here knows."""
        return {"interval": "1m", **self.request.GET.dict()}

    def form_valid(self, form: InvalidateForm) -> HttpResponse:
        """Count, or do it and go to the list; what can't be done is said on the form."""
        is_dry = "declare" not in self.request.POST
        try:
            done = invalidate_range(
                of_page(self.request),
                bad=form.range(),
                provider=form.cleaned_data["provider"] or None,
                reason=form.cleaned_data["reason"],
                now=clock.now(),
                is_dry=is_dry,
            )
        except ApiError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
            return self.form_invalid(form)
        if is_dry:
            return self.render_to_response(self.get_context_data(form=form, counted=done))
        messages.success(
            self.request, f"{done.bars:,} bars taken back; {done.slots:,} slots are asked for anew by {done.jobs:,} jobs."
        )
        return HttpResponseRedirect(reverse(LIST))


@admin.register(RangeInvalidation)
class RangeInvalidationAdmin(SpanAdmin):
    """Newest first."""

    list_display = ("declared", "of_series", "span", "pin", "bars", "why")
    list_filter = ("provider",)
    list_select_related = ("series__instrument", "provider")
    change_list_template = "admin/ops/invalidations.html"

    def get_urls(self) -> list[URLPattern]:
        """Adds the page on which one is declared."""
        page = self.admin_site.admin_view(InvalidatePage.as_view(model_admin=self))
        return [path("invalidate/", page, name="ops_invalidate_range"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Lifting a pin is for those who may set one."""
        return request.user.has_perm(INVALIDATE)

    def delete_model(self, request: HttpRequest, obj: RangeInvalidation) -> None:
        """Lift its pin, on record."""
        lift_pin(of_page(request), number=obj.pk, now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RangeInvalidation]) -> None:
        """One after the other."""
        for number in list(queryset.values_list("pk", flat=True)):
            lift_pin(of_page(request), number=number, now=clock.now())

    @admin.display(description="Counts there")
    def pin(self, bad: RangeInvalidation) -> SafeString:
        """Whose values."""
        return tag(f"only {bad.provider.name}") if bad.provider else format_html('<span class="md-faint">everybody</span>')
