"""A page to look at bars: pick a series and a range, see a chart, the rows, and one bar's whole history."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from collector.admin.browser_forms import BarsForm
from collector.admin.browsing import ROWS_A_PAGE, Browser
from collector.core.times import parse_instant
from collector.models import Series
from collector.selectors.bar_history import bar_history, disputed, newest_start
from collector.selectors.bars import BarsQuery, Page, bars_page
from collector.selectors.series import find_series, parameters_of
from marketdata_site.observability import clock
from providers.api_errors import ApiError
from providers.market.types import Adjustment, Hours, Interval

_SPAN = {Interval.M1: timedelta(days=1), Interval.D1: timedelta(days=365)}
_OTHER_SPAN = timedelta(days=14)


class BarBrowser(Browser):
    """Bars of one symbol, the newest first."""

    title = "Bars"
    permission_required = "collector.view_series"
    template_name = "admin/collector/bars.html"
    form_class = BarsForm

    def found(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The bars of a span, whose they are, and with `bar` all that was ever held of one. Raises: ApiError."""
        interval = Interval(asked["interval"])
        series = _series(asked, interval)
        start, end = _range(asked, series, interval)
        page = bars_page(
            BarsQuery(
                symbols=(asked["symbol"],),
                mic=asked["mic"] or None,
                interval=interval,
                hours=Hours(asked["hours"]) if asked["hours"] else None,
                adjustment=Adjustment(asked["adjustment"]) if asked["adjustment"] else None,
                source="native" if series.interval == interval else None,
                start=start,
                end=end,
                withdrawn=True,
                limit=ROWS_A_PAGE,
                after=self.request.GET.get("after"),
            )
        )
        return {
            "series": series,
            "interval": interval.value,
            "is_derived": series.interval != interval,
            "start": start,
            "end": end,
            "bars": _rows(page, series),
            "candles": _candles(page),
            "next": self.address(after=page.next) if page.next else None,
            "address": self.address(bar=None),
            **self._one_bar(series),
        }

    def _one_bar(self, series: Series) -> dict[str, Any]:
        text = self.request.GET.get("bar")
        if not text:
            return {}
        try:
            start = parse_instant(text)
        except ValueError as error:
            raise ApiError(f"bar: {error}", code="invalid_parameter", field="bar") from error
        return {"chosen": start, "history": bar_history(series=series, start=start), "bad_address": _bad_address(series, start)}


def _bad_address(series: Series, start: datetime) -> str:
    """The page on which this slot can be declared bad; who runs the service owns it."""
    end = start + timedelta(microseconds=Interval(series.interval).us)
    span = {"start": f"{start:%Y-%m-%dT%H:%M}", "end": f"{end:%Y-%m-%dT%H:%M}"}
    return f"{reverse('admin:ops_invalidate_range')}?{urlencode({**parameters_of(series), **span})}"


def _series(asked: dict[str, Any], interval: Interval) -> Series:
    """The series that holds such bars, or the 1m one they are made from."""

    def find(wanted: Interval) -> Series:
        return find_series(
            symbols=[asked["symbol"]],
            mic=asked["mic"] or None,
            interval=wanted,
            hours=Hours(asked["hours"]) if asked["hours"] else None,
            adjustment=Adjustment(asked["adjustment"]) if asked["adjustment"] else None,
        )[0]

    try:
        return find(interval)
    except ApiError as error:
        if error.code != "no_series" or interval in (Interval.M1, Interval.D1, Interval.M30):
            raise
        return find(Interval.M1)


def _range(asked: dict[str, Any], series: Series, interval: Interval) -> tuple[datetime, datetime]:
    """What was asked for; without an end up to the newest bar, without a start a stretch before the end."""
    newest = None if asked["end"] else newest_start(series=series)
    end = asked["end"] or (newest or clock.now()) + timedelta(microseconds=interval.us)
    return asked["start"] or end - _SPAN.get(interval, _OTHER_SPAN), end


def _rows(page: Page, series: Series) -> list[dict[str, Any]]:
    marked = disputed(series=series, starts=[bar["start"] for bar in page.bars])
    return [{**bar, "is_disputed": bar["start"] in marked} for bar in reversed(page.bars)]


def _candles(page: Page) -> list[dict[str, Any]]:
    return [
        {
            "time": int(bar["start"].timestamp()),
            **{name: bar[name] for name in ("open", "high", "low", "close")},
            "volume": bar["volume"],
        }
        for bar in page.bars
        if not bar["withdrawn"]
    ]
