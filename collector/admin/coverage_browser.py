"""A page to look at coverage: series down, recent sessions across, and one session's missing spans."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from collector.admin.browser_forms import CoverageForm
from collector.models import Series
from collector.selectors.coverage import SessionCoverage, coverage_of
from collector.selectors.series import parameters_of
from marketdata_site.observability import clock
from providers.market.types import from_us

SESSIONS = 7
SERIES_A_PAGE = 40
SPANS_SHOWN = 200


class CoverageBrowser(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold is published without types
    """A cell is green when nothing is missing; a click shows the missing spans."""

    title = "Coverage"
    permission_required = "collector.view_series"
    template_name = "admin/collector/coverage.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The table; with `series` and `session` that cell's spans too."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form = CoverageForm(self.request.GET or None)
        asked = form.cleaned_data if form.is_bound and form.is_valid() else {}
        last = asked.get("last") or clock.now().date() + timedelta(days=1)  # FX's Monday begins on Sunday evening
        days = [last - timedelta(days=back) for back in range(SESSIONS)]
        offset = _offset(self.request.GET.get("offset", ""))
        rows = _page(asked, offset=offset)
        found = coverage_of(series=rows[:SERIES_A_PAGE], first=days[-1], last=days[0], now=clock.now_us())
        shown = [day for day in days if any(session.session == day for _, sessions in found for session in sessions)]
        table = [(series, [self._cell(series, sessions, day) for day in shown]) for series, sessions in found]
        more = str(offset + SERIES_A_PAGE) if len(rows) > SERIES_A_PAGE else None
        return context | {
            "form": form,
            "days": shown,
            "rows": table,
            "next": self._address(offset=more, series=None, session=None) if more else None,
            "first_page": self._address(offset=None, series=None, session=None) if offset else None,
            **self._chosen(),
        }

    def _cell(self, series: Series, sessions: Sequence[SessionCoverage], day: date) -> dict[str, Any] | None:
        found = next((session for session in sessions if session.session == day), None)
        if found is None:
            return None
        return {
            "coverage": found,
            "share": _share(found),
            "address": self._address(series=str(series.pk), session=day.isoformat()) + "#spans",
        }

    def _chosen(self) -> dict[str, Any]:
        """The session that was clicked; nonsense in the address shows nothing."""
        number, text = self.request.GET.get("series", ""), self.request.GET.get("session", "")
        try:
            day = date.fromisoformat(text)
            series = Series.objects.select_related("instrument").get(pk=int(number[:18]))
        except (ValueError, Series.DoesNotExist):
            return {}
        ((_, sessions),) = coverage_of(series=[series], first=day, last=day, now=clock.now_us())
        if not sessions:
            return {}
        spans = [(from_us(span.start), from_us(span.end), span.slots) for span in sessions[0].missing_spans]
        return {
            "chosen": sessions[0],
            "chosen_series": series,
            "spans": spans[:SPANS_SHOWN],
            "spans_hidden": max(0, len(spans) - SPANS_SHOWN),
            "bars_address": f"{reverse('admin:collector_bars')}?{urlencode(parameters_of(series))}",
        }

    def _address(self, **changes: str | None) -> str:
        query = {**self.request.GET.dict(), **changes}
        return "?" + urlencode({name: value for name, value in query.items() if value})


def _page(asked: dict[str, Any], *, offset: int) -> list[Series]:
    """Series by symbol, one more than fits."""
    rows = Series.objects.select_related("instrument").order_by("instrument__symbol", "instrument__mic", "interval", "pk")
    names = {
        "symbol": "instrument__symbol__istartswith",
        "mic": "instrument__mic",
        "interval": "interval",
        "tier": "tier",
    }
    filters = {lookup: asked[name] for name, lookup in names.items() if asked.get(name)}
    rows = rows.filter(**filters) if filters else rows.filter(is_active=True)
    return list(rows[offset : offset + SERIES_A_PAGE + 1])


def _offset(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _share(session: SessionCoverage) -> str:
    """Floored, so that 100 % means all."""
    if not session.missing:
        return "100 %"
    return f"{1000 * (session.expected - session.missing) // session.expected / 10:.1f} %"
