"""A page to look at quotes: pick an instrument and a range, see its newest quote and the rows."""

from datetime import datetime, timedelta
from typing import Any

from collector.admin.browser_forms import QuotesForm
from collector.admin.browsing import ROWS_A_PAGE, Browser
from collector.selectors.quotes import QuotesQuery, latest_quotes, quotes_page
from marketdata_site.observability import clock

SPAN = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


class QuoteBrowser(Browser):
    """Quotes of one symbol, the newest first."""

    title = "Quotes"
    permission_required = "collector.view_quoteseries"
    template_name = "admin/collector/quotes.html"
    form_class = QuotesForm

    def found(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The quotes of a span, and the latest one. Raises: ApiError."""
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
            "next": self.address(after=page.next) if page.next else None,
        }


def _range(asked: dict[str, Any], newest: datetime | None) -> tuple[datetime, datetime]:
    """What was asked for; without an end up to the newest quote, without a start a stretch before the end."""
    end = asked["end"] or (newest + INSTANT if newest else clock.now())
    return asked["start"] or end - SPAN, end
