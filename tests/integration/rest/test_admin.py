"""The admin as operators and as people with fewer rights meet it."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from collector.models import Backfill, Instrument, RejectedBar, Series, Tier
from providers.market.calendar import get_calendar
from providers.models import Provider, RoutingPolicy
from tests.integration.rest.admin_forms import NO_INLINES, form_of
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import (
    at,
    make_bar,
    make_coverage,
    make_provider,
    make_series,
)
from tests.integration.rest.test_bars import OPEN

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]


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


class TestTiers:
    """What instruments matter by."""

    def test_tier_is_kept_while_jobs_are_left_of_it(self, operator):
        Tier.objects.create(code="T9", lateness_seconds=3, objective=0.1, backfill_cap=10)
        jobs = Backfill.objects.filter(pk=make_dead(make_series(), job={"tier": "T9"}).pk)
        delete = reverse("admin:collector_tier_delete", args=["T9"])
        assert "T9: 1 backfill jobs of it are open or dead" in operator.get(delete).content.decode()
        for state in ("dead", "queued"):
            jobs.update(state=state)
            operator.post(delete, {"post": "yes"})
            assert Tier.objects.filter(pk="T9").exists()
        jobs.update(state="done")
        operator.post(delete, {"post": "yes"})
        assert not Tier.objects.filter(pk="T9").exists()


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
