"""A page to look at quotes: pick an instrument and a range, see its newest quote and the rows."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from collector.admin.browser_forms import QuotesForm
from collector.selectors.quotes import QuotesQuery, latest_quotes, quotes_page
from marketdata_site.observability import clock
from providers.api_errors import ApiError

ROWS_A_PAGE = 500
SPAN = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


class QuoteBrowser(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold is published without types
    """Reads through the REST API's own selectors, so both show the same."""

    title = "Quotes"
    permission_required = "collector.view_quoteseries"
    template_name = "admin/collector/quotes.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and below it what it asks for or why not."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form = QuotesForm(self.request.GET if self.request.GET.get("symbol") else None)
        context["form"] = form
        if form.is_bound and form.is_valid():
            try:
                context |= self._found(form.cleaned_data)
            except ApiError as error:
                context["problem"] = error.message
        return context

    def _found(self, asked: dict[str, Any]) -> dict[str, Any]:
        mic = asked["mic"] or None
        latest = next(iter(latest_quotes(symbols=[asked["symbol"]], mic=mic)), None)
        start, end = _range(asked, latest["at"] if latest else None)
        page = quotes_page(
            QuotesQuery(
                symbols=(asked["symbol"],),
                mic=mic,
                start=start,
                end=end,
                limit=ROWS_A_PAGE,
                after=self.request.GET.get("after"),
            )
        )
        return {
            "symbol": asked["symbol"],
            "latest": latest,
            "start": start,
            "end": end,
            "quotes": list(reversed(page.quotes)),
            "next": self._address(after=page.next) if page.next else None,
        }

    def _address(self, **changes: str | None) -> str:
        query = {**self.request.GET.dict(), **changes}
        return "?" + urlencode({name: value for name, value in query.items() if value})


def _range(asked: dict[str, Any], newest: datetime | None) -> tuple[datetime, datetime]:
    """What was asked for; without an end up to the newest quote, without a start a stretch before the end."""
    end = asked["end"] or (newest + INSTANT if newest else clock.now())
    return asked["start"] or end - SPAN, end
