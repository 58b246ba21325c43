"""An outage of many series is one incident: opened once, grown, ended when nothing of it is missing any more."""

from datetime import date

import numpy as np
import pytest
import time_machine
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from collector import tasks
from collector.models import Abandonment, Backfill, Incident, Instrument
from collector.services import incidents
from collector.services.gap_scan import scan_recent
from collector.services.incidents import LOCK, MOST_HEARD, look_all, look_recent
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, Hours, Interval, from_us
from providers.policy import Snapshot
from tests.builders import moment, us
from tests.integration.collector.gaps import cover
from tests.integration.collector.rows import make_series

pytestmark = pytest.mark.django_db

MONDAY, WEDNESDAY = date(2025, 10, 6), date(2025, 10, 8)
EVENING = us("2025-10-08 22:00")


@pytest.fixture(autouse=True)
def _four_are_many(settings):
    settings.INCIDENT_SERIES = 4


def look(now=EVENING):
    look_recent(now=now, snapshot=Snapshot())


def hold(series, *without, first=MONDAY, last=WEDNESDAY):
    """Cover all slots of the sessions but those that start in the spans `without`."""
    starts, days = get_calendar(series.instrument.calendar, Hours(series.hours)).session_slots(
        Interval(series.interval), first, last
    )
    kept = np.ones(len(starts), dtype=bool)
    for start, end in without:
        kept &= (starts < us(f"2025-10-08 {start}"[-16:])) | (starts >= us(f"2025-10-08 {end}"[-16:]))
    cover(series, starts[kept], days[kept])


def make_many(count, *without, prefix="S", **values):
    many = [make_series(f"{prefix}{number:02d}", collect_from=moment("2025-10-06 00:00"), **values) for number in range(count)]
    for one in many:
        hold(one, *without)
    return many


def shown():
    """`14:00 to 14:10, 5 of 5 open`, by number."""
    return [
        f"{row.start:%H:%M} to {row.end:%H:%M}, {row.series_now} of {row.series_worst} {'open' if row.ended_at is None else 'ended'}"
        for row in Incident.objects.order_by("pk")
    ]


def lines(caplog, action):
    return [record.getMessage() for record in caplog.records if getattr(record, "action", "") == action]


def test_outage_opens_one_incident_and_says_so_once(caplog):
    make_many(5, ("14:00", "14:10"), tier="T1")
    hold(make_series("FINE"))
    make_many(3, ("16:00", "16:10"), prefix="FEW")
    for _ in range(3):
        look()
    assert shown() == ["14:00 to 14:10, 5 of 5 open"]
    row = Incident.objects.get()
    assert (row.calendar, row.interval, row.tiers, row.symbols) == ("XNYS", "1m", ["T1"], ["S00", "S01", "S02", "S03", "S04"])
    assert (row.cause, row.providers) == ("pending", {})
    (line,) = lines(caplog, "incident_opened")
    assert "5 series of XNYS 1m miss 2025-10-08T14:00:00+00:00 to 2025-10-08T14:10:00+00:00, e.g. S00, S01, S02" in line


def test_incident_grows_with_the_outage_keeps_the_worst_and_ends_when_it_is_filled(caplog):
    many = make_many(6, ("14:00", "20:00"))
    for minute, now in enumerate(("14:21", "14:22", "14:40")):
        look(us(f"2025-10-08 {now}"))
        assert len(Incident.objects.all()) == 1, minute
    assert shown() == ["14:00 to 14:30, 6 of 6 open"]
    for one in many[:5]:
        hold(one, ("14:10", "20:00"))
    look(us("2025-10-08 14:41"))
    assert shown() == ["14:00 to 14:31, 6 of 6 open"]  # begun at 14:00, whatever of it was filled since
    for one in many[1:]:
        hold(one)
    look()
    assert shown() == [
        "14:00 to 14:31, 1 of 6 open"
    ]  # what is missing of one series alone is no outage any more, and not filled
    hold(many[0], ("14:31", "20:00"))
    look()
    look()
    assert shown() == ["14:00 to 14:31, 0 of 6 ended"]
    assert len(lines(caplog, "incident_ended")) == 1


def test_two_outages_apart_are_two_and_one_when_the_time_between_goes_missing_too(caplog):
    many = make_many(5, ("14:00", "14:10"), ("15:00", "15:10"))
    look()
    assert shown() == ["14:00 to 14:10, 5 of 5 open", "15:00 to 15:10, 5 of 5 open"]
    for one in many:
        one.delete()
    make_many(5, ("14:00", "15:10"), prefix="N")
    look()
    assert shown() == ["14:00 to 15:10, 5 of 5 open", "15:00 to 15:10, 0 of 5 ended"]
    first, second = Incident.objects.order_by("pk")
    assert second.part_of == first
    assert len(lines(caplog, "incident_absorbed")) == 1


def test_outage_over_a_lunch_break_or_a_night_is_one_and_each_calendar_and_interval_has_its_own():
    make_many(4, ("03:50", "05:10"), prefix="HK", calendar="XHKG", mic="XHKG")
    make_many(4, ("03:50", "05:10"), prefix="HK", calendar="XHKG", mic="XHKG", interval="5m")
    make_many(4, ("2025-10-07 19:50", "2025-10-08 13:40"), prefix="NY")
    look()
    assert shown() == ["03:50 to 05:10, 4 of 4 open"] * 2 + ["19:50 to 13:40, 4 of 4 open"]


def test_what_is_still_live_collections_or_was_given_up_is_no_incident():
    many = make_many(4, ("14:00", "14:10"))
    look(us("2025-10-08 14:10"))
    assert shown() == []
    look(us("2025-10-08 14:15"))
    assert shown() == ["14:00 to 14:05, 4 of 4 open"]
    Abandonment.objects.bulk_create(
        Abandonment(series=one, start=moment("2025-10-08 13:00"), end=moment("2025-10-08 14:10"), who="me", why="halt",
                    created_at=moment("2025-10-08 15:00"))
        for one in many
    )  # fmt: skip
    look(us("2025-10-08 16:00"))
    assert shown() == ["14:00 to 14:05, 0 of 4 ended"]


def test_cause_is_the_commonest_among_its_jobs_and_vendors_are_counted_by_what_they_said():
    make_many(6, ("14:00", "14:10"))
    scan_recent(now=EVENING, snapshot=Snapshot())
    jobs = list(Backfill.objects.order_by("pk"))
    at = "2025-10-08T15:00:00+00:00"
    for number, job in enumerate(jobs[:5]):
        code = "unknown_symbol" if number < 2 else "circuit_open"
        old = {"at": "2025-10-08T14:50:00+00:00", "provider": "alpaca", "code": "throttled", "message": "", "http_status": 429}
        job.tries = [old, {"at": at, "provider": "polygon", "code": code, "message": "", "http_status": None}]
        job.save()
    look()
    row = Incident.objects.get()
    assert row.cause == "vendor_outage"
    assert row.providers == {"alpaca": {"throttled": 5}, "polygon": {"circuit_open": 3, "unknown_symbol": 2}}
    Backfill.objects.all().delete()
    look()
    assert Incident.objects.get().providers == row.providers  # what was heard stays


def test_look_at_many_incidents_hears_the_jobs_of_a_few_and_of_each_in_its_turn():
    make_many(4, *((f"{hour}:{minute}0", f"{hour}:{minute}1") for hour in (14, 15, 16) for minute in range(6)))
    scan_recent(now=EVENING, snapshot=Snapshot())
    said = {"at": "2025-10-08T15:00:00+00:00", "provider": "polygon", "code": "vendor_fault", "message": "", "http_status": 500}
    Backfill.objects.update(tries=[said])
    with CaptureQueriesContext(connection) as queries:
        look()
    assert Incident.objects.count() == 18
    assert sum("collector_backfill" in query["sql"] for query in queries) == 2 * MOST_HEARD
    assert Incident.objects.filter(cause="vendor_outage", providers={"polygon": {"vendor_fault": 4}}).count() == MOST_HEARD
    for _ in range(100):
        if not Incident.objects.filter(cause="pending").exists():
            break
        look()
    assert set(Incident.objects.values_list("cause", flat=True)) == {"vendor_outage"}


def test_look_that_can_not_take_in_all_gaps_says_so_and_ends_nothing(caplog, monkeypatch):
    make_many(5, ("14:00", "14:10"), ("16:00", "16:10"))
    look()
    monkeypatch.setattr(incidents, "MOST_GAPS", 2)  # of one series
    look()
    assert shown() == ["14:00 to 14:10, 1 of 5 open", "16:00 to 16:10, 1 of 5 open"]
    monkeypatch.setattr(incidents, "MOST_GAPS", 1)
    look()
    assert shown() == ["14:00 to 14:10, 1 of 5 open", "16:00 to 16:10, 1 of 5 open"]
    assert ["more than 2 gaps" in line for line in lines(caplog, "incidents_cut")] == [True, False]
    monkeypatch.undo()
    look()
    assert shown() == ["14:00 to 14:10, 5 of 5 open", "16:00 to 16:10, 5 of 5 open"]


def test_incident_older_than_the_recent_hours_is_ended_by_the_look_at_all(settings):
    many = make_many(4, ("14:00", "14:10"))
    look()
    settings.RECENT_SCAN_HOURS = 1
    for one in many:
        hold(one)
    later = EVENING + DAY_US
    look(later)
    assert shown() == ["14:00 to 14:10, 4 of 4 open"]
    look_all(now=later, snapshot=Snapshot())
    assert shown() == ["14:00 to 14:10, 0 of 4 ended"]


def test_recent_look_does_not_end_what_it_sees_a_part_of(settings):
    many = make_many(4, ("14:00", "14:10"))
    look()
    settings.RECENT_SCAN_HOURS = 8
    for one in many:
        hold(one, ("14:00", "14:05"))
    look(us("2025-10-08 22:05"))
    look_all(now=us("2025-10-08 22:05"), snapshot=Snapshot())
    assert shown() == ["14:00 to 14:10, 4 of 4 open"]


def test_incident_on_a_calendar_that_can_not_be_had_any_more_is_not_ended_unseen():
    many = make_many(5, ("14:00", "14:10"))
    look()
    Instrument.objects.filter(pk__in=[one.instrument_id for one in many]).update(calendar="NOWHERE")
    Incident.objects.update(calendar="NOWHERE")
    look()
    assert shown() == ["14:00 to 14:10, 5 of 5 open"]


def test_database_holds_one_open_incident_for_a_time():
    make_many(4, ("14:00", "14:10"))
    look()
    row = Incident.objects.get()
    values = {"series_worst": 1, "series_now": 1, "tiers": [], "symbols": [], "cause": "pending", "found_at": row.found_at}
    span = {"start": moment("2025-10-08 14:09"), "end": moment("2025-10-08 14:20"), "last_seen_at": row.found_at}
    with pytest.raises(IntegrityError, match="incident_once_while_open"), transaction.atomic():
        Incident.objects.create(calendar="XNYS", interval="1m", **values, **span)
    Incident.objects.create(calendar="XNYS", interval="1h", **values, **span)
    Incident.objects.create(calendar="XLON", interval="1m", **values, **span)
    Incident.objects.create(calendar="XNYS", interval="1m", **values, **span | {"start": row.end})


def test_look_is_left_out_while_another_process_is_at_it():
    make_many(4, ("14:00", "14:10"))
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    look()
    other.close()
    assert shown() == []


def test_scan_keeps_its_jobs_and_tells_when_looking_for_incidents_fails(monkeypatch):
    def broken(**_):
        raise RuntimeError("no incidents today")

    make_many(1, ("14:00", "14:10"))
    monkeypatch.setattr(tasks, "look_recent", broken)
    with time_machine.travel(from_us(EVENING), tick=False), pytest.raises(RuntimeError, match="no incidents today"):
        tasks.scan_recent()
    assert Backfill.objects.count() == 1
    monkeypatch.undo()
    with time_machine.travel(from_us(EVENING), tick=False):
        make_many(4, ("14:00", "14:10"), prefix="M")
        tasks.scan_recent()
    assert shown() == ["14:00 to 14:10, 5 of 5 open"]
