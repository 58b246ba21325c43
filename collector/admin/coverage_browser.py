"""A heat map of coverage: series down, recent sessions across, and one session slot by slot with the cause of each missing span."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from collector.admin.browser_forms import CoverageForm
from collector.admin.coverage_strip import strip_of
from collector.admin.coverage_words import SIGNS, Look, cause_of, counted, named, share_of, told, worst_of
from collector.core.missing import State
from collector.models import Series
from collector.selectors.coverage_states import MissingPart, SessionStates, states_of
from collector.selectors.jobs_of import JobNews
from collector.selectors.series import parameters_of
from collector.selectors.worst_series import worst_first
from marketdata_site.observability import clock
from providers.market.types import Interval, from_us
from providers.services import policies

DAYS = 10
SERIES_A_PAGE = 40
SPANS_SHOWN = 200


class CoverageBrowser(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold is published without types
    """A cell shows the worst of its session; a click shows that session slot by slot."""

    title = "Coverage"
    permission_required = "collector.view_series"
    template_name = "admin/collector/coverage.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The map; with `series` and `session` that cell's slots too."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form = CoverageForm(self.request.GET or None)
        asked = form.cleaned_data if form.is_bound and form.is_valid() else {}
        last = asked.get("last") or clock.now().date() + timedelta(days=1)  # FX's Monday begins on Sunday evening
        days = [last - timedelta(days=back) for back in range(DAYS)]
        offset = _offset(self.request.GET.get("offset", ""))
        now, snapshot = clock.now_us(), policies.current()
        page = worst_first(
            _fitting(asked),
            first=days[-1],
            last=days[0],
            now=now,
            snapshot=snapshot,
            only_missing=bool(asked.get("missing")),
            offset=offset,
            limit=SERIES_A_PAGE,
        )
        found = states_of(series=page.series, first=days[-1], last=days[0], now=now, snapshot=snapshot, with_witnesses=False)
        shown = [day for day in days if any(one.coverage.session == day for _, sessions in found for one in sessions)]
        more = str(offset + SERIES_A_PAGE) if page.has_more else None
        return context | {
            "form": form,
            "days": shown,
            "rows": [(series, [self._cell(series, sessions, day) for day in shown]) for series, sessions in found],
            "signs": [(look.value, SIGNS[look]) for look in reversed(Look)],
            "unusable": page.unusable,
            "is_only_missing": bool(asked.get("missing")),
            "next": self._address(offset=more, series=None, session=None) if more else None,
            "first_page": self._address(offset=None, series=None, session=None) if offset else None,
            **self._chosen(),
        }

    def _cell(self, series: Series, sessions: Sequence[SessionStates], day: date) -> dict[str, Any] | None:
        found = next((session for session in sessions if session.coverage.session == day), None)
        if found is None:
            return None
        look = worst_of(found)
        return {
            "coverage": found.coverage,
            "share": share_of(found),
            "look": look.value,
            "mark": SIGNS[look].mark,
            "title": f"{SIGNS[look].session}: {counted(found)} of {found.coverage.expected}",
            "is_chosen": (str(series.pk), day.isoformat()) == (self.request.GET.get("series"), self.request.GET.get("session")),
            "address": self._address(series=str(series.pk), session=day.isoformat()) + "#spans",
        }

    def _chosen(self) -> dict[str, Any]:
        """The session that was clicked; nonsense in the address shows nothing."""
        number, text = self.request.GET.get("series", ""), self.request.GET.get("session", "")
        try:
            day = date.fromisoformat(text)
            series = Series.objects.select_related("instrument").get(pk=int(number[:18]))
            ((_, sessions),) = states_of(series=[series], first=day, last=day, now=clock.now_us(), snapshot=policies.current())
        except (ValueError, Series.DoesNotExist):
            return {}
        if not sessions:
            return {}
        chosen = sessions[0]
        return {
            "chosen": chosen,
            "chosen_series": series,
            "counted": counted(chosen),
            "strip": strip_of(chosen, interval=Interval(series.interval)),
            "missing": [self._line(part) for part in chosen.missing[:SPANS_SHOWN]],
            "missing_hidden": max(0, len(chosen.missing) - SPANS_SHOWN),
            "empty": [(from_us(p.start), from_us(p.end), p.slots, named(p.by)) for p in chosen.empty[:SPANS_SHOWN]],
            "empty_hidden": max(0, len(chosen.empty) - SPANS_SHOWN),
            "bars_address": f"{reverse('admin:collector_bars')}?{urlencode(parameters_of(series))}",
        }

    def _line(self, part: MissingPart) -> dict[str, Any]:
        """A row of the table of missing spans; dead letters are linked for those who may see them."""
        letter = ""
        if (
            isinstance(part.about, JobNews)
            and part.state is State.DEAD
            and self.request.user.has_perm("collector.view_deadletter")
        ):
            letter = reverse("admin:collector_deadletter_change", args=[part.about.job_id])
        look = Look(part.state.value)
        return {
            "start": from_us(part.start),
            "end": from_us(part.end),
            "slots": part.slots,
            "look": look.value,
            "mark": SIGNS[look].mark,
            "state": SIGNS[look].slot,
            "cause": cause_of(part),
            "told": told(part),
            "letter": letter,
            "doubted": named(part.doubted),
        }

    def _address(self, **changes: str | None) -> str:
        query = {**self.request.GET.dict(), **changes}
        return "?" + urlencode({name: value for name, value in query.items() if value})


def _fitting(asked: dict[str, Any]) -> QuerySet[Series]:
    """Active series; those that are not too where somebody asks for some by name, venue, interval or tier."""
    names = {
        "symbol": "instrument__symbol__istartswith",
        "mic": "instrument__mic",
        "interval": "interval",
        "tier": "tier",
    }
    filters = {lookup: asked[name] for name, lookup in names.items() if asked.get(name)}
    return Series.objects.filter(**filters) if filters else Series.objects.filter(is_active=True)


def _offset(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0
