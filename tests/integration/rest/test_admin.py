"""The admin as operators and as people with fewer rights meet it."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from collector.models import DeadLetter, Instrument, QuoteSeries, RejectedBar, RejectedQuote, Series
from providers.market.calendar import get_calendar
from providers.models import Provider, RoutingPolicy
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
NO_INLINES = {f"{name}-{kind}_FORMS": 0 for name in ("series", "quote_series") for kind in ("TOTAL", "INITIAL")}


@pytest.fixture
def operator(client):
    client.force_login(User.objects.create_superuser("operator"))
    return client


def form_of(response) -> dict[str, object]:
    """What a browser would send back of a change form."""
    form = response.context["adminform"].form
    values = {}
    for bound in form:
        value = bound.value()
        if isinstance(value, bool):
            values |= {bound.html_name: "on"} if value else {}
        else:
            values[bound.html_name] = "" if value is None else value
        if bound.field.show_hidden_initial:
            values[bound.html_initial_name] = values.get(bound.html_name, "")
    return values


@pytest.mark.parametrize("model", ["collector_tier", "collector_instrument", "collector_series", "collector_rejectedbar"])
def test_list_opens_when_there_are_rows(operator, model):
    make_rejected(make_series())
    assert operator.get(reverse(f"admin:{model}_changelist")).status_code == 200


def make_rejected(series: Series, *, seen=None, number: int = 0) -> RejectedBar:
    seen = seen or timezone.now()
    return RejectedBar.objects.create(
        series=series,
        provider=make_provider(),
        start=OPEN,
        reason="high_below_low",
        raw="{}",
        fingerprint=f"{number:032}",
        first_seen_at=seen,
        last_seen_at=seen,
    )


class TestProviders:
    """Secrets are named, never stored."""

    values = {
        "name": "polygon",
        "adapter": "polygon",
        "is_enabled": "on",
        "base_url": "",
        "credentials": "api_key = POLYGON_API_KEY",
        "rate_per_minute": 300,
        "feed_scope": "consolidated",
        "adjustment": "raw",
        "overlap_seconds": 900,
        "settle_after_seconds": 90,
        "timeout_seconds": 20,
        "slow_after_ms": 5000,
        "live_reserve_percent": 50,
    }

    def add(self, operator, **changes):
        return operator.post(reverse("admin:providers_provider_add"), {**self.values, **changes})

    def test_variable_is_stored_by_its_name_when_one_is_named(self, operator):
        assert self.add(operator).status_code == 302
        assert Provider.objects.get().credentials == {"api_key": "POLYGON_API_KEY"}

    @pytest.mark.parametrize(
        "typed", ["api_key = s3cr3t-value", "s3cr3t-value", "api_key: s3cr3t-value", "api_key = s3cr3t value"]
    )
    def test_secret_is_refused_and_not_stored_when_typed_in(self, operator, typed):
        response = self.add(operator, credentials=typed)
        assert response.status_code == 200
        assert not Provider.objects.exists()
        messages = response.context["adminform"].form.errors["credentials"]
        assert "environment variable" in messages[0]
        assert "s3cr3t" not in "".join(messages)

    def test_credential_is_asked_for_when_the_adapter_needs_another(self, operator):
        response = self.add(operator, adapter="alpaca")
        assert "key_id, secret_key" in str(response.context["adminform"].form.errors["credentials"])

    def test_form_saves_nothing_new_when_sent_back_unchanged(self, operator):
        provider = make_provider()
        address = reverse("admin:providers_provider_change", args=[provider.pk])
        assert operator.post(address, form_of(operator.get(address))).status_code == 302
        assert LogEntry.objects.get().get_change_message() == "No fields changed."

    def test_list_says_which_variables_are_set_and_never_a_value(self, operator, monkeypatch):
        make_provider()
        monkeypatch.delenv("KEY", raising=False)
        assert "not set: KEY" in operator.get(reverse("admin:providers_provider_changelist")).content.decode()
        monkeypatch.setenv("KEY", "s3cr3t-value")
        page = operator.get(reverse("admin:providers_provider_changelist")).content.decode()
        assert "not set" not in page
        assert "s3cr3t-value" not in page

    def test_provider_is_kept_when_bars_name_it(self, operator):
        make_bar(make_series(), OPEN)
        provider, unused = make_provider(), make_provider("unused")
        for one, kept in ((provider, True), (unused, False)):
            operator.post(reverse("admin:providers_provider_delete", args=[one.pk]), {"post": "yes"})
            assert Provider.objects.filter(pk=one.pk).exists() is kept

    def test_policy_names_the_fault_when_a_provider_is_unknown(self, operator):
        make_provider()
        address = reverse("admin:providers_routingpolicy_add")
        response = operator.post(address, {"capability": "bars_1m", "tier": "", "providers": "polygon,bogus"})
        assert "unknown provider &#x27;bogus&#x27;" in response.content.decode()
        assert operator.post(address, {"capability": "bars_1m", "tier": "", "providers": "polygon"}).status_code == 302
        assert RoutingPolicy.objects.get().providers == ["polygon"]

    def test_policy_is_for_tiers_that_exist_when_one_is_chosen(self, operator):
        make_provider()
        address = reverse("admin:providers_routingpolicy_add")
        values = {"capability": "bars_1m", "providers": "polygon"}
        refused = operator.post(address, {**values, "tier": "tier one"})
        assert "tier" in refused.context["adminform"].form.errors
        assert operator.post(address, {**values, "tier": "T1"}).status_code == 302
        assert operator.post(address, {**values, "tier": ""}).status_code == 302
        assert sorted(RoutingPolicy.objects.values_list("tier", flat=True)) == ["", "T1"]

    def test_policy_keeps_its_tier_until_another_is_chosen_when_that_tier_is_gone(self, operator):
        make_provider()
        policy = RoutingPolicy.objects.create(capability="bars_1m", tier="T9", providers=["polygon"])
        address = reverse("admin:providers_routingpolicy_change", args=[policy.pk])
        form = form_of(operator.get(address))
        assert form["tier"] == "T9"
        form["providers"] = "polygon"
        assert "no tier T9" in operator.post(address, form).content.decode()
        assert operator.post(address, {**form, "tier": "T1"}).status_code == 302

    def test_policy_is_shown_when_it_may_not_be_changed(self, client):
        policy = RoutingPolicy.objects.create(capability="bars_1m", tier="T9", providers=["polygon"])
        visitor = User.objects.create_user("visitor", is_staff=True)
        visitor.user_permissions.add(Permission.objects.get(codename="view_routingpolicy"))
        client.force_login(visitor)
        assert client.get(reverse("admin:providers_routingpolicy_change", args=[policy.pk])).status_code == 200

    def test_rename_is_refused_with_the_policies_when_some_name_the_provider(self, operator):
        provider = make_provider()
        RoutingPolicy.objects.create(capability="bars_1m", tier="T0", providers=["polygon"])
        address = reverse("admin:providers_provider_change", args=[provider.pk])
        form = {**form_of(operator.get(address)), "name": "polygon-2"}
        assert "bars_1m of T0" in str(operator.post(address, form).context["adminform"].form.errors["name"])
        RoutingPolicy.objects.all().delete()
        assert operator.post(address, form).status_code == 302
        assert Provider.objects.get().name == "polygon-2"

    def test_switch_is_logged_when_an_operator_disables_a_provider(self, operator):
        provider = make_provider()
        address = reverse("admin:providers_provider_changelist")
        operator.post(address, {"action": "disable", "_selected_action": [provider.pk]})
        provider.refresh_from_db()
        assert not provider.is_enabled
        assert LogEntry.objects.count() == 1


class TestSeries:
    """What an operator does to series."""

    def test_series_are_switched_and_logged_when_chosen(self, operator):
        series, other = make_series("AAPL"), make_series("MSFT")
        address = reverse("admin:collector_series_changelist")
        for action, expected in (("deactivate", False), ("activate", True)):
            operator.post(address, {"action": action, "_selected_action": [series.pk]})
            series.refresh_from_db()
            assert series.is_active is expected
        other.refresh_from_db()
        assert other.is_active
        assert LogEntry.objects.count() == 2

    def test_form_is_readable_when_nothing_is_filled_in(self, operator):
        response = operator.post(reverse("admin:collector_series_add"), {})
        assert response.status_code == 200
        assert "instrument" in response.context["adminform"].form.errors

    def test_form_names_the_field_when_the_venue_has_no_extended_hours(self, operator):
        instrument = make_series("VOD", mic="XLON", calendar="XLON").instrument
        values = {"instrument": instrument.pk, "interval": "1m", "hours": "extended", "adjustment": "raw", "tier": "T0"}
        response = operator.post(
            reverse("admin:collector_series_add"), {**values, "collect_from_0": "2026-11-20", "collect_from_1": "00:00"}
        )
        assert "extended hours are known for US equities" in str(response.context["adminform"].form.errors["hours"])

    def test_series_is_kept_when_it_has_bars(self, operator):
        held, empty = make_series("AAPL"), make_series("MSFT")
        make_bar(held, OPEN)
        for series, kept in ((held, True), (empty, False)):
            operator.post(reverse("admin:collector_series_delete", args=[series.pk]), {"post": "yes"})
            assert Series.objects.filter(pk=series.pk).exists() is kept

    def test_calendar_is_refused_when_a_series_has_hours_that_it_lacks(self, operator):
        series = make_series("AAPL", hours="extended")
        address = reverse("admin:collector_instrument_change", args=[series.instrument_id])
        values = {"symbol": "AAPL", "mic": "XNAS", "asset_class": "equity", "calendar": "XLON", "vendor_symbols": "{}"}
        response = operator.post(address, {**values, **NO_INLINES})
        assert response.status_code == 200
        message = str(response.context["adminform"].form.errors["calendar"])
        assert "a series of extended hours: extended hours are known for US equities" in message
        assert Instrument.objects.get().calendar == "XNYS"

    @pytest.mark.parametrize(("field", "value"), [("symbol", "A B"), ("symbol", "A,B"), ("mic", "nyse"), ("calendar", "NOPE")])
    def test_instrument_is_refused_with_the_field_when_a_value_is_wrong(self, operator, field, value):
        values = {"symbol": "AAPL", "mic": "XNAS", "asset_class": "equity", "calendar": "XNYS", "vendor_symbols": "{}"}
        address = reverse("admin:collector_instrument_add")
        response = operator.post(address, {**values, field: value, **NO_INLINES})
        assert set(response.context["adminform"].form.errors) == {field}
        assert operator.post(address, {**values, **NO_INLINES}).status_code == 302
        assert Instrument.objects.get().symbol == "AAPL"


class TestRejected:
    """Rows that are only looked at."""

    def test_list_is_not_counted_and_ends_where_the_rows_end(self, operator, django_assert_num_queries):
        series = make_series()
        for number in range(51):
            make_rejected(series, number=number)
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        address = reverse("admin:collector_rejectedbar_changelist")
        with CaptureQueriesContext(connection) as queries:
            first = operator.get(address)
        assert not [q["sql"] for q in queries if "COUNT(" in q["sql"] and "rejectedbar" in q["sql"]]
        assert "9999999999" not in first.content.decode()
        assert len(first.context["cl"].result_list) == 50
        assert "p=2" in first.content.decode()
        second = operator.get(address, {"p": 2})
        assert len(second.context["cl"].result_list) == 1
        assert "p=3" not in second.content.decode()

    def test_row_is_shown_and_can_not_be_changed(self, operator):
        row = make_rejected(make_series())
        address = reverse("admin:collector_rejectedbar_change", args=[row.pk])
        assert "_save" not in operator.get(address).content.decode()
        assert operator.post(address, {"reason": "other"}).status_code == 403
        assert operator.get(reverse("admin:collector_rejectedbar_add")).status_code == 403


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


class TestDashboard:
    """The first page."""

    def test_dashboard_tells_how_far_each_tier_reaches(self, operator):
        series = make_series(tier="T0")
        make_coverage(series, OPEN.date(), held=[(OPEN, at("2026-11-20 15:00"))])
        context = operator.get("/admin/").context
        tiers = {tier.code: (tier.instruments, tier.active_series, tier.newest_end) for tier in context["tiers"]}
        assert tiers["T0"] == (1, 1, at("2026-11-20 15:00"))
        assert tiers["T1"] == (0, 0, None)

    def test_dashboard_counts_rejected_rows_of_the_last_day_only(self, operator):
        series = make_series()
        make_rejected(series)
        make_rejected(series, seen=timezone.now() - timedelta(days=2), number=1)
        assert operator.get("/admin/").context["rejected"] == "1"

    def test_dashboard_warns_when_a_calendar_runs_out_or_is_unknown(self, operator, monkeypatch):
        make_series(calendar="XHKG")
        Instrument.objects.create(symbol="OLD", mic="XXXX", calendar="GONE")
        page = operator.get("/admin/").content.decode()
        assert "Instruments name the calendar GONE" in page
        assert "knows no session after" not in page
        days = (get_calendar("XHKG").runs_out_on - timezone.now().date()).days - 30
        monkeypatch.setenv("MARKETDATA_CLOCK_OFFSET", str(days * 86_400))
        assert "The calendar XHKG knows no session after" in operator.get("/admin/").content.decode()

    def test_dashboard_names_variables_and_never_a_value(self, operator, monkeypatch):
        monkeypatch.setenv("KEY", "s3cr3t-value")
        make_provider()
        page = operator.get("/admin/").content.decode()
        assert "KEY: set" in page
        assert "s3cr3t-value" not in page

    def test_sidebar_shows_only_what_may_be_seen(self, client):
        client.force_login(User.objects.create_user("visitor", is_staff=True))
        page = client.get("/admin/").content.decode()
        assert "Rejected bars" not in page
        assert "Dashboard" in page
