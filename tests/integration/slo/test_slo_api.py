"""`GET /ops/slo` and the dashboard's part: the newest run, and a history in stretches."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ops.models import SloCount
from ops.slo.board import COLUMN_WIDTH, COLUMNS, HEIGHT, board, picture
from ops.slo.reading import Point, history, step_of
from tests.builders import moment
from tests.integration.collector.rows import TIERS, make_tier
from tests.integration.slo.samples import PERIOD, make_run, make_sample

pytestmark = pytest.mark.django_db
NOW = moment("2025-10-08 15:00:40")
RUN = moment("2025-10-08 15:00:30")


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketdata_site.observability.clock.now", lambda: NOW)
    for code in TIERS:
        make_tier(code)


def get(client: Client, status: int = 200, **parameters: Any) -> dict[str, Any]:
    response = client.get("/ops/slo", parameters)
    assert response.status_code == status, response.content
    body: dict[str, Any] = response.json()
    return body if status == 200 else body["error"]


def test_newest_run_is_shown_with_the_counts_of_all_runs(client: Client) -> None:
    make_run(RUN)
    make_sample(RUN - PERIOD, violating=50)
    worst = [{"symbol": "TSLA", "mic": "XNAS", "last": "2025-10-08T14:50:00Z"}]
    make_sample(RUN, violating=3, interior_missing=4, worst=worst)
    make_sample(RUN, tier="T1", interval="1d")
    make_sample(RUN, tier="T1")
    SloCount.objects.create(tier="T0", interval="1m", counted_through=RUN, expected=900, good=890)
    body = get(client)
    assert body["at"] == body["ran_at"] == "2025-10-08T15:00:30Z"
    assert not body["stale"]
    assert [(one["tier"], one["interval"]) for one in body["objectives"]] == [("T0", "1m"), ("T1", "1m"), ("T1", "1d")]
    assert body["objectives"][0] == {
        "tier": "T0", "interval": "1m", "objective": 0.005, "sampled": 200, "violating": 3, "rate": 0.015, "met": False,
        "interior_missing": 4, "expected_slots_total": 900, "good_slots_total": 890, "worst": worst,
    }  # fmt: skip


def test_nothing_has_run_yet(client: Client) -> None:
    assert get(client) == {"at": None, "ran_at": None, "stale": True, "objectives": [], "step_seconds": 30, "history": []}


def test_run_of_long_ago_is_called_stale(client: Client) -> None:
    make_run(NOW - timedelta(seconds=121))
    assert get(client)["stale"]


def test_history_adds_up_the_runs_of_each_stretch_and_shows_the_worst_of_them(client: Client) -> None:
    make_run(RUN)
    for number in range(8):
        make_sample(RUN - number * PERIOD, violating=number, expected=10, good=10 - number, interior_missing=number)
    make_sample(RUN - timedelta(hours=25))
    body = get(client, hours=24)
    assert body["step_seconds"] == 120
    (one,) = body["history"]
    assert [
        (point["at"][11:19], point["rate"], point["highest"], point["good"], point["interior_missing"])
        for point in one["points"]
    ] == [
        ("14:56:00", 13 / 400, 7 / 200, 7, 7),
        ("14:58:00", 14 / 800, 5 / 200, 26, 5),
        ("15:00:00", 1 / 400, 1 / 200, 19, 1),
    ]


@pytest.mark.parametrize(("hours", "seconds"), [(1, 30), (6, 30), (24, 120), (90 * 24, 10_800)])
def test_stretches_are_as_long_as_a_chart_needs(hours: int, seconds: int) -> None:
    assert step_of(timedelta(hours=hours)) == timedelta(seconds=seconds)


def test_tier_and_interval_choose(client: Client) -> None:
    make_run(RUN)
    for tier, interval in (("T0", "1m"), ("T0", "5m"), ("T1", "1m")):
        make_sample(RUN, tier=tier, interval=interval)
    for parameters, count in (({"tier": "T0"}, 2), ({"interval": "1m"}, 2), ({"tier": "T0", "interval": "5m"}, 1), ({}, 3)):
        body = get(client, **parameters)
        assert (len(body["objectives"]), len(body["history"])) == (count, count)
    assert get(client, 404, tier="T9")["code"] == "unknown_tier"
    for wrong in ({"hours": 0}, {"hours": 2_161}, {"interval": "2m"}, {"bogus": 1}):
        get(client, 422, **wrong)


def test_sample_of_a_tier_that_is_gone_has_no_objective(client: Client) -> None:
    make_run(RUN)
    make_sample(RUN, tier="T7", violating=200)
    (one,) = get(client)["objectives"]
    assert (one["objective"], one["met"]) == (None, True)


def page(client: Client) -> str:
    client.force_login(User.objects.create_superuser("operator"))
    return client.get("/admin/").content.decode()


def test_dashboard_shows_objective_rate_and_last_hour(client: Client) -> None:
    make_run(RUN)
    make_sample(RUN, violating=3, worst=[{"symbol": "TSLA", "mic": "XNAS", "last": None}])
    make_sample(RUN - timedelta(minutes=30), violating=1)
    shown = board(now=NOW)
    (row,) = shown["rows"]
    assert (row.objective, row.rate, row.is_met, row.last_hour, row.worst) == ("0.5 %", "1.5 %", False, "1 %", ["TSLA"])
    assert shown["idle"] == ["T1", "T2"]
    text = page(client)
    assert "Nothing is collected at present in T1, T2." in text
    assert "above the objective in 1 of 2 stretches" in text
    assert "since they were looked at" not in text


def test_dashboard_says_that_the_monitor_stands_still_or_has_not_run(client: Client) -> None:
    assert "The monitor has not run yet" in page(client)
    make_run(RUN - timedelta(hours=2))
    text = client.get("/admin/").content.decode()
    assert "since they were looked at" in text
    assert "No active series is collected at present." in text


def _point(at: datetime, behind: int) -> Point:
    return Point(at, 1_000, behind, 1.0, 0, 0, 0)


def test_picture_stays_within_its_bounds_whatever_the_rates() -> None:
    points = [
        _point(NOW - timedelta(hours=24) + n * timedelta(minutes=20), behind) for n, behind in enumerate((0, 4, 6, 1_000))
    ]
    drawn = picture(points, objective=0.005, now=NOW)
    assert [column.look for column in drawn.columns] == ["good", "good", "bad", "bad"]
    assert all(column.y >= 0 and column.y + column.height <= HEIGHT and column.height > 0 for column in drawn.columns)
    newest = picture([_point(NOW, 0)], objective=0.005, now=NOW).columns[0]
    assert newest.x == (COLUMNS - 1) * COLUMN_WIDTH
    assert picture([], objective=0.0, now=NOW).says == "no runs in the last 24 hours"


def test_picture_has_a_column_for_each_stretch_of_the_day() -> None:
    samples = [make_sample(RUN - n * timedelta(minutes=5)) for n in range(24 * 12)]
    found = history(span=timedelta(hours=24), step=timedelta(minutes=20), now=NOW)
    places = [column.x for column in picture(found["T0", "1m"], objective=0.005, now=NOW).columns]
    assert len(samples) == 288
    assert places == sorted(set(places)), "no two stand at one place"
    assert (min(places), max(places)) == (0, (COLUMNS - 1) * COLUMN_WIDTH)
