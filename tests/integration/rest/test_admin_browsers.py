"""The admin's own pages for quotes, bars and coverage, whose tables it can't list."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.models import DeadLetter, QuoteSeries, RejectedQuote
from tests.integration.rest.admin_forms import NO_INLINES
from tests.integration.rest.dead_rows import make_job
from tests.integration.rest.rows import (
    MINUTE,
    at,
    make_absence,
    make_bar,
    make_bars,
    make_coverage,
    make_instrument,
    make_provider,
    make_quote,
    make_revision,
    make_series,
    make_tier,
    minutes,
)
from tests.integration.rest.test_bars import OPEN

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]


class TestQuotes:
    """Whose quotes are collected, and a page to look at them."""

    def test_lists_open_when_there_are_rows(self, operator):
        instrument = make_instrument()
        QuoteSeries.objects.create(instrument=instrument, tier=make_tier("T0"))
        RejectedQuote.objects.create(
            instrument=instrument, provider=make_provider(), reason="no_side", raw="{}", first_seen_at=OPEN, last_seen_at=OPEN
        )
        for model in ("quoteseries", "rejectedquote"):
            page = operator.get(reverse(f"admin:collector_{model}_changelist"))
            assert page.status_code == 200
            assert "AAPL" in page.content.decode()

    def test_quotes_are_switched_on_on_the_instruments_page(self, operator):
        instrument = make_instrument()
        values = {"symbol": "AAPL", "mic": "XNAS", "asset_class": "equity", "calendar": "XNYS", "vendor_symbols": "{}"}
        inline = {"tier": make_tier("T1").pk, "hours": "extended", "is_active": "on", "instrument": instrument.pk}
        sent = NO_INLINES | {"quote_series-TOTAL_FORMS": 1} | {f"quote_series-0-{name}": v for name, v in inline.items()}
        address = reverse("admin:collector_instrument_change", args=[instrument.pk])
        assert operator.post(address, {**values, **sent}).status_code == 302
        series = QuoteSeries.objects.get()
        assert (series.instrument, series.tier_id, series.hours, series.is_active) == (instrument, "T1", "extended", True)

    def test_page_shows_the_newest_quote_and_the_hour_before_it_newest_first(self, operator):
        instrument = make_instrument()
        make_quote(instrument, OPEN - timedelta(hours=2))
        make_quote(instrument, OPEN - timedelta(seconds=1), is_crossed=True, bid=10.75)
        make_quote(instrument, OPEN, is_latest=True, ask=None, ask_size=None, has_vendor_time=False)
        response = operator.get(reverse("admin:collector_quotes"), {"symbol": "AAPL"})
        assert [quote["at"] for quote in response.context["quotes"]] == [OPEN, OPEN - timedelta(seconds=1)]
        page = response.content.decode()
        assert all(words in page for words in ("10.75", "crossed", "The vendor named no time"))

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({}, "Name a symbol"),
            ({"symbol": "NOPE"}, "unknown symbol"),
            ({"symbol": "AAPL"}, "No quote of it was ever recorded"),
            ({"symbol": "AAPL", "after": "x"}, "after"),
            ({"symbol": "AAPL", "start": "2026-11-21T00:00", "end": "2026-11-20T00:00"}, "after start"),
        ],
    )
    def test_page_says_why_there_is_nothing(self, operator, parameters, words):
        make_instrument()
        response = operator.get(reverse("admin:collector_quotes"), parameters)
        assert response.status_code == 200
        assert words in response.content.decode()

    def test_page_is_closed_when_the_right_to_see_quote_series_is_missing(self, client):
        client.force_login(User.objects.create_user("visitor", is_staff=True))
        assert client.get(reverse("admin:collector_quotes")).status_code == 403


class TestBrowsers:
    """Bars and coverage have pages of their own."""

    @pytest.mark.parametrize("page", ["collector_bars", "collector_coverage"])
    def test_page_is_closed_when_the_right_to_see_series_is_missing(self, client, page):
        visitor = User.objects.create_user("visitor", is_staff=True)
        client.force_login(visitor)
        assert client.get(reverse(f"admin:{page}")).status_code == 403
        visitor.user_permissions.add(Permission.objects.get(codename="view_series"))
        assert client.get(reverse(f"admin:{page}")).status_code == 200

    @pytest.mark.parametrize("page", ["collector_bars", "collector_coverage"])
    def test_page_asks_to_log_in_when_nobody_is(self, client, page):
        assert client.get(reverse(f"admin:{page}")).status_code == 302

    def test_bars_page_shows_newest_bars_first_when_no_range_is_named(self, operator):
        make_bars(make_series(), minutes(OPEN, 3), close=10.2)
        response = operator.get(reverse("admin:collector_bars"), {"symbol": "AAPL"})
        assert [bar["start"] for bar in response.context["bars"]] == list(reversed(minutes(OPEN, 3)))
        assert "10.2<" in response.content.decode()

    def test_bars_page_shows_a_bars_history_when_it_is_chosen(self, operator):
        series = make_series()
        make_revision(series, OPEN, close=9.75, recorded_at=at("2026-11-20 15:00"), replaced_at=at("2026-11-20 16:00"))
        make_bar(series, OPEN, rev=2)
        page = operator.get(reverse("admin:collector_bars"), {"symbol": "AAPL", "bar": "2026-11-20T14:30:00Z"}).content.decode()
        assert "revision 2, held now" in page
        assert "9.75" in page

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"symbol": "NOPE"}, "unknown symbol"),
            ({"symbol": "AAPL", "interval": "1d"}, "no series"),
            ({"symbol": "AAPL", "bar": "0"}, "RFC 3339"),
            ({"symbol": "AAPL", "after": "x"}, "after"),
            ({"symbol": "AAPL", "mic": "x"}, "valid value"),
            ({"symbol": "AAPL", "start": "2026-11-21T00:00", "end": "2026-11-20T00:00"}, "after start"),
            ({"symbol": "<script>alert(1)</script>"}, "&lt;script&gt;"),
            ({"symbol": "A\x00"}, "Null characters"),
        ],
    )
    def test_bars_page_says_what_is_wrong_when_an_address_is_nonsense(self, operator, parameters, words):
        make_series()
        response = operator.get(reverse("admin:collector_bars"), parameters)
        assert response.status_code == 200
        assert words in response.content.decode()

    def test_coverage_page_leads_to_the_missing_spans_when_a_cell_is_clicked(self, operator):
        series = make_series()
        make_coverage(series, OPEN.date(), held=[(OPEN, at("2026-11-20 20:50"))])
        address = reverse("admin:collector_coverage")
        response = operator.get(address, {"last": "2026-11-20"})
        cell = response.context["rows"][0][1][0]
        assert (cell["share"], cell["look"], cell["coverage"].missing) == ("97.4 %", "pending", 10)
        assert cell["title"] == "pending: nobody's yet: 380 held, 10 pending of 390"
        page = operator.get(address + cell["address"].split("#")[0]).content.decode()
        assert "2026-11-20 20:50" in page

    def test_coverage_page_shows_each_slot_and_links_a_dead_one_to_its_letter(self, operator):
        series = make_series()
        empty = [(at("2026-11-20 15:00"), at("2026-11-20 15:02"))]
        make_coverage(series, OPEN.date(), held=[(at("2026-11-20 14:31"), at("2026-11-20 15:00"))], empty=empty)
        make_absence(series, empty)
        dead = make_job(series, at("2026-11-20 15:02"), slots=60, state="dead")
        letter = {"reason": "vendor_fault", "fingerprint": "f", "missing_minutes": 60, "died_at": at("2026-11-20 17:00")}
        DeadLetter.objects.create(backfill=dead, **letter)
        address = f"{reverse('admin:collector_coverage')}?series={series.pk}&session=2026-11-20&last=2026-11-20"
        response = operator.get(address)
        page, strip = response.content.decode(), response.context["strip"]
        assert response.context["rows"][0][1][0]["look"] == "dead"
        assert [(row.label, len(row.cells)) for row in strip.rows] == [(f"{hour}:00", 60) for hour in range(14, 21)]
        assert strip.rows[0].cells[:30] == [None] * 30
        titles = [strip.rows[row].cells[cell].title for row, cell in ((0, 30), (0, 31), (1, 1), (1, 2), (2, 2))]
        assert titles == [
            "14:30 pending",
            "14:31 held",
            "15:01 proven empty, by polygon",
            f"15:02 dead, vendor outage, job {dead.pk}",
            "16:02 pending",
        ]
        assert reverse("admin:collector_deadletter_change", args=[dead.pk]) in page
        assert "polygon (consolidated) by the rule settled" in page

    @pytest.mark.parametrize(("interval", "rows", "width"), [("5m", 3, 48), ("15m", 1, 48), ("1h", 1, 24), ("1d", 1, 1)])
    def test_strip_is_cut_into_rows_of_a_readable_width(self, operator, interval, rows, width):
        series = make_series(interval=interval)
        query = f"series={series.pk}&session=2026-11-20&last=2026-11-20"
        strip = operator.get(f"{reverse('admin:collector_coverage')}?{query}").context["strip"]
        assert (len(strip.rows), {len(row.cells) for row in strip.rows}) == (rows, {width})

    def test_coverage_page_lists_the_worst_first_only_those_with_gaps_when_asked_and_costs_the_same_for_any_number(
        self, operator, django_assert_max_num_queries
    ):
        for number in range(12):
            held = [(OPEN, at("2026-11-20 21:00") - number * MINUTE)]
            make_coverage(make_series(f"S{number:02d}", collect_from=OPEN), OPEN.date(), held=held)
        with django_assert_max_num_queries(25):
            context = operator.get(reverse("admin:collector_coverage"), {"last": "2026-11-20", "missing": "on"}).context
        symbols = [series.instrument.symbol for series, _ in context["rows"]]
        assert symbols == [f"S{number:02d}" for number in range(11, 0, -1)]
        with django_assert_max_num_queries(25):
            operator.get(reverse("admin:collector_coverage"), {"last": "2026-11-20", "symbol": "S01"})

    def test_slots_that_have_just_closed_do_not_make_a_session_look_bad(self, operator):
        make_coverage(make_series(), OPEN.date(), held=[(OPEN, at("2026-11-20 15:00"))])
        address, query = reverse("admin:collector_coverage"), {"last": "2026-11-20"}
        for moment, look, share in (("15:01:10", "held", "100 %"), ("15:02:40", "pending", "96.7 %")):
            with time_machine.travel(at(f"2026-11-20 {moment}"), tick=False):
                cell = operator.get(address, query).context["rows"][0][1][0]
            assert (cell["look"], cell["share"]) == (look, share)

    @pytest.mark.parametrize(
        "query", ["series=x&session=y", "series=1&session=2026-02-30", "series=9&session=2026-11-20", "offset=-1"]
    )
    def test_coverage_page_opens_when_an_address_is_nonsense(self, operator, query):
        assert operator.get(f"{reverse('admin:collector_coverage')}?{query}").status_code == 200
