"""`/ops/backfill`: what a range costs, what can't be had and why, and what is made of it."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from collector.models import Backfill, HistoryWait
from ops import backfills
from ops.models import AuditEntry
from providers.outcomes import Outcome
from tests.integration.rest.answers import ELSEWHERE
from tests.integration.rest.backfill.asked import NOW, SLOTS, SPLIT, WEEK, get, make_new, post, route
from tests.integration.rest.dead_rows import make_job
from tests.integration.rest.provider_rows import report
from tests.integration.rest.rows import at, make_coverage, make_series

pytestmark = pytest.mark.django_db


def test_dry_run_tells_the_cost_and_changes_nothing(client, rung):
    route("polygon", rate_per_minute=10)
    series = make_new()
    answer = post(client, 200, dry_run=True)
    assert answer == {
        "series": 1,
        "missing": SLOTS,
        "attended": 0,
        "cost": {
            "slots": SLOTS, "jobs": 5, "seconds": 65, "notes": [],
            "vendors": [{"provider": "polygon", "slots": SLOTS, "calls": 5, "tokens": 5, "seconds": 65}],
        },
        "outside": [],
    }  # fmt: skip
    series.refresh_from_db()
    assert (list(series.history), Backfill.objects.count(), AuditEntry.objects.count(), rung) == ([], 0, 0, [])


def test_request_wants_the_range_makes_jobs_and_is_on_record(client, rung, django_capture_on_commit_callbacks):
    route("polygon")
    series = make_new()
    with django_capture_on_commit_callbacks(execute=True):
        answer = post(client, note="a study")
    assert {name: answer[name] for name in ("widened", "enqueued", "merged", "dropped")} == {
        "widened": 1, "enqueued": 5, "merged": 0, "dropped": 0,
    }  # fmt: skip
    assert rung == ["collector.tasks.drain_backfills"]
    series.refresh_from_db()
    (span,) = series.history
    assert (span.lower, span.upper) == (at("2026-11-09 14:30"), at("2026-11-13 21:00"))
    assert set(Backfill.objects.values_list("lane", "slots")) == {("history", 390)}
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.through, entry.reason) == ("backfill_request", "api", "a study")
    assert entry.filter == {"symbols": ["AAPL"], **WEEK}
    assert entry.counts == {"series": 1, "widened": 1, "slots": SLOTS, "calls": {"polygon": 5}}
    again = post(client)
    assert (again["missing"], again["attended"], again["widened"], again["enqueued"]) == (SLOTS, SLOTS, 0, 0)


def test_range_is_clipped_to_what_is_not_collected_anyway(client):
    route("polygon")
    series = make_series(collect_from=at("2026-11-11 16:00"), collect_until=at("2026-11-12 16:00"))
    post(client)
    series.refresh_from_db()
    assert [(span.lower, span.upper) for span in series.history] == [
        (at("2026-11-09 14:30"), at("2026-11-11 16:00")), (at("2026-11-12 16:00"), at("2026-11-13 21:00")),
    ]  # fmt: skip
    assert sum(Backfill.objects.values_list("slots", flat=True)) == SLOTS


def test_progress_is_read_from_rows(client):
    route("polygon")
    series = make_new()
    post(client)
    monday, tuesday = Backfill.objects.order_by("start")[:2]
    make_coverage(
        series, monday.start.date(),
        held=[(at("2026-11-09 14:30"), at("2026-11-09 20:00"))], empty=[(at("2026-11-09 20:00"), at("2026-11-09 21:00"))],
    )  # fmt: skip
    monday.state = "done"
    monday.save()
    tries = [{"at": "2026-11-20T15:00:00Z", "code": "over_budget", "message": "polygon: 5 of 5 a minute are used"}]
    Backfill.objects.filter(pk=tuesday.pk).update(state="parked", tries=tries)
    assert get(client) == {
        "expected": SLOTS, "held": 330, "empty": 60, "missing": SLOTS - 390, "unattended": 0,
        "jobs": {"queued": 3, "parked": 1}, "said": "polygon: 5 of 5 a minute are used", "is_over": False,
    }  # fmt: skip
    Backfill.objects.exclude(pk=monday.pk).update(state="dead", tries=[])
    assert (get(client)["jobs"], get(client)["is_over"]) == ({"dead": 4}, True)


@pytest.mark.parametrize(
    ("start", "end", "slots"),
    [
        ("2026-11-09T15:00:00Z", "2026-11-09T10:10:00-05:00", 10),
        ("2026-11-09T00:00:00Z", "2026-11-10T00:00:00Z", 390),
        ("2026-11-09", "2026-11-10T15:00:00Z", 390 + 30),
        ("2026-11-09T20:59:00Z", "2026-11-10", 1 + 390),
    ],
)
def test_instants_bound_slots_and_dates_name_sessions(client, start, end, slots):
    route("polygon")
    make_new()
    assert post(client, 200, start=start, end=end, dry_run=True)["missing"] == slots
    assert post(client, start=start, end=end)["missing"] == slots
    assert get(client, start=start, end=end)["expected"] == slots


def test_depth_of_the_only_vendor_is_named_with_the_part_that_can_be_had(client):
    route("yahoo", **SPLIT)
    make_new(**SPLIT)
    code, message = post(client, 422, start="2026-10-01")
    assert code == "beyond_history"
    assert message == (
        "5,850 slots of bars_1m of T0 can't be had: yahoo: yahoo keeps 1m bars of equity for 30 days, asked for older ones. "
        "What can be had begins at 2026-10-23: ask from there on (--from 2026-10-23)"
    )
    assert not Backfill.objects.exists()
    assert not AuditEntry.objects.exists()
    assert post(client, 200, start="2026-10-23", dry_run=True)["cost"]["vendors"][0]["provider"] == "yahoo"
    assert "begins at" not in post(client, 422, start="2026-10-01", end="2026-10-10")[1]


def test_second_choice_that_reaches_back_is_asked_and_the_cost_says_why(client):
    route("yahoo", "polygon", **SPLIT)
    make_new(**SPLIT)
    cost = post(client, 200, start="2026-10-19", end="2026-10-23", dry_run=True)["cost"]
    assert {one["provider"]: one["calls"] for one in cost["vendors"]} == {"polygon": 3, "yahoo": 2}
    assert cost["notes"] == [
        "yahoo is passed over for 1,170 slots: the query is outside its limits: yahoo keeps 1m bars of equity for 30 days, asked for older ones"
    ]


def test_cost_says_when_the_only_provider_can_not_be_asked_at_the_moment(client):
    route("polygon")
    make_new()
    report("polygon", Outcome.VENDOR_ERROR, 5)
    (note,) = post(client, 200, dry_run=True)["cost"]["notes"]
    assert note.startswith(f"polygon can't be asked for {SLOTS:,} slots at the moment: its breaker is open until ")


def test_quota_of_a_day_makes_it_days(client):
    route("polygon", rate_per_day=4)
    make_new()
    seconds = post(client, 200, dry_run=True)["cost"]["seconds"]
    assert 86_400 < seconds < 2 * 86_400, "two calls a day are left of four"


def test_nobody_to_ask_is_an_error_that_says_so(client):
    make_new()
    code, message = post(client, 422)
    assert (code, "no provider in the policy for bars_1m of T0" in message) == ("no_provider", True)


def test_range_outside_of_every_listing_names_the_bounds(client, settings):
    route("polygon")
    settings.BAR_DAYS = 100
    make_new(listed_at=at("2026-11-16 00:00"))
    code, message = post(client, 422)
    assert code == "outside_of_listing"
    assert message == (
        "nothing to fill: AAPL 1m regular raw: no slot of it lies in the range: listed at 2026-11-16 00:00 UTC, "
        "bars are looked for from 2026-08-12 00:00 UTC on (MARKETDATA_BAR_DAYS), it is 2026-11-20 15:30 UTC now"
    )
    make_new("MSFT")
    answer = post(client, symbol=["AAPL", "MSFT"])
    assert (answer["series"], len(answer["outside"]), answer["enqueued"]) == (1, 1, 5)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"symbol": ["NONE"]}, 404, "unknown_symbol"),
        ({"symbol": ["BOTH"]}, 422, "ambiguous_symbol"),
        ({"tier": "T9"}, 404, "unknown_tier"),
        ({"interval": "1d"}, 404, "no_series"),
        ({"start": "2026-11-14"}, 422, "bad_range"),
        ({"start": "2020-11-14"}, 422, "range_too_long"),
        ({"start": "yesterday"}, 422, "invalid_parameter"),
        ({"symbol": None}, 422, "invalid_parameter"),
        ({"dryrun": True}, 422, "invalid_parameter"),
    ],
)
def test_request_that_makes_no_sense_is_refused_by_name(client, asked, status, code):
    route("polygon")
    make_new()
    make_new("BOTH")
    make_new("BOTH", mic="XLON", calendar="XLON")
    assert post(client, status, **asked)[0] == code
    assert not Backfill.objects.exists()


def test_more_series_than_can_be_reckoned_at_once_are_refused(client, monkeypatch):
    monkeypatch.setattr(backfills, "MOST_SERIES", 1)
    route("polygon")
    make_new()
    make_new("MSFT")
    assert post(client, 422, symbol=["AAPL", "MSFT"])[0] == "too_many_series"


def test_staff_needs_the_permission_to_look_and_the_one_to_ask():
    route("polygon")
    make_new()
    user = User.objects.create_user("desk", is_staff=True)
    client = Client(enforce_csrf_checks=False, **ELSEWHERE)
    client.force_login(user)
    asked = {"symbol": ["AAPL"], **WEEK}

    def ask(**more):
        token = "a" * 32
        client.cookies["csrftoken"] = token
        return client.post("/ops/backfill", {**asked, **more}, content_type="application/json", headers={"X-CSRFToken": token})

    assert client.get("/ops/backfill", asked).status_code == 403
    assert ask(dry_run=True).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_backfill"))
    assert ask(dry_run=True).status_code == 200
    assert ask().json()["error"]["message"] == "desk has not the permission collector.request_backfill"
    user.user_permissions.add(Permission.objects.get(codename="request_backfill"))
    assert ask().status_code == 202


def test_jobs_beyond_the_cap_wait_by_series_and_a_dead_one_is_not_paid_for_again(client, settings):
    settings.HISTORY_BACKFILL_CAP = 2
    route("polygon")
    series = make_new()
    make_job(series, at("2026-11-09 14:30"), slots=390, state="dead", lane="history", finished_at=NOW)
    answer = post(client)
    assert (answer["attended"], answer["cost"]["slots"], answer["enqueued"], answer["dropped"]) == (390, 4 * 390, 2, 2)
    assert list(HistoryWait.objects.values_list("pk", flat=True)) == [series.pk]
    assert get(client)["unattended"] == 2 * 390
