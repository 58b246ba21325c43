"""What operators say against calendars counts at once, for everybody who asks what is expected, and no longer than the row stands."""

from datetime import date

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from collector.models import Backfill, CalendarOverride, DeadLetter, Tier
from collector.selectors.coverage import coverage_of
from collector.selectors.scopes import Scope
from collector.services.gap_scan import scan
from collector.services.live import plan
from collector.services.quote_plan import plan_quotes
from providers.market.types import SECOND_US, Interval, to_us
from providers.policy import Snapshot
from tests.builders import minutes, moment, us
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.gaps import cover, gaps, texts
from tests.integration.collector.rows import make_override, make_policy, make_provider, make_series
from tests.quotes import make_quote_series

pytestmark = pytest.mark.django_db

WEDNESDAY = date(2025, 10, 8)
EVENING = us("2025-10-08 22:00")
DAY = us("2025-10-08 00:00") // (86_400 * SECOND_US)
NOON = us("2025-10-08 16:00")
HOUR = ("2025-10-08 15:00", "2025-10-08 16:00")


def missing(day=WEDNESDAY, **scope):
    return texts(gaps(start=day, end=day, now=EVENING, **scope))


def look():
    return scan(scope=Scope(), now=EVENING, snapshot=Snapshot(), start=WEDNESDAY)


class TestGaps:
    """What a scan finds."""

    def test_closure_is_no_gap_and_one_again_when_it_is_taken_back(self):
        make_series()
        closure = make_override(*HOUR, calendar="XNYS")
        assert missing() == ["AAPL 10-08 13:30 +90", "AAPL 10-08 16:00 +240"]
        closure.end = moment("2025-10-08 15:30")
        closure.save()
        assert missing() == ["AAPL 10-08 13:30 +90", "AAPL 10-08 15:30 +270"]
        closure.delete()
        assert missing() == ["AAPL 10-08 13:30 +390"]

    def test_each_closure_is_of_those_whom_it_names(self):
        make_series("A")
        make_series("B", calendar="XNAS")  # another name of the same calendar
        halted = make_series("C", mic="ARCX")
        make_series("D", calendar="24/7", mic="XXXX", listed_at=moment("2025-10-08 14:50"))
        make_override("2025-10-08 13:30", "2025-10-08 15:00", calendar="XNAS")
        make_override("2025-10-08 15:00", "2025-10-08 19:00", mic="XNAS")
        make_override("2025-10-08 15:30", "2025-10-09 00:00", kind="halt", instrument=halted.instrument)
        make_override("2025-10-08 00:00", "2025-10-09 00:00", kind="maintenance", provider=make_provider())
        assert sorted(missing()) == ["A 10-08 19:00 +60", "B 10-08 19:00 +60", "C 10-08 15:00 +30", "D 10-08 14:50 +428"]

    def test_closures_of_calendar_venue_and_instrument_take_an_hour_together_and_a_day_only_as_a_whole(self):
        hourly, daily = (make_series(interval=interval) for interval in ("1h", "1d"))
        make_override("2025-10-08 15:00", "2025-10-08 15:20", calendar="XNYS")
        make_override("2025-10-08 15:20", "2025-10-08 15:40", mic="XNAS")
        rest = make_override("2025-10-08 15:40", "2025-10-08 15:59", kind="halt", instrument=hourly.instrument)
        assert missing(interval=Interval.H1) == ["AAPL 10-08 13:00 +7"]
        CalendarOverride.objects.filter(pk=rest.pk).update(end=moment("2025-10-08 16:00"))
        assert missing(interval=Interval.H1) == ["AAPL 10-08 13:00 +2", "AAPL 10-08 16:00 +4"]
        late = us("2025-10-10 01:00")
        of_days = lambda: texts(gaps(now=late, start=date(2025, 10, 7), series_ids=[daily.pk]))  # noqa: E731
        assert of_days() == ["AAPL 10-07 00:00 +3"]
        make_override("2025-10-08 00:00", "2025-10-09 00:00", calendar="XNYS")
        assert of_days() == ["AAPL 10-07 00:00 +2"]  # one gap: no session lies between the two

    def test_jobs_of_which_nothing_is_expected_end_with_the_next_scan_and_the_gap_comes_back_with_the_slots(self):
        halted, other = make_series("HALT"), make_series("ELSE")
        dead = make_job(halted, start=HOUR[0], end=HOUR[1], state="dead")
        DeadLetter.objects.create(backfill=dead, reason="unproven", fingerprint="f", missing_minutes=60, died_at=dead.found_at)
        make_job(halted, start="2025-10-08 16:00", end="2025-10-08 16:10")
        make_job(other, start=HOUR[0], end=HOUR[1])
        halt = make_override("2025-10-08 14:30", "2025-10-08 17:00", kind="halt", instrument=halted.instrument)
        assert look().resolved == 2
        assert DeadLetter.objects.count() == 0
        assert sorted(Backfill.objects.filter(series=halted).values_list("state", flat=True)) == [
            "done",
            "done",
            "queued",
            "queued",
        ]
        assert Backfill.objects.filter(series=other, state="done").count() == 0
        halt.delete()
        look()
        assert sum(Backfill.objects.filter(series=halted, state="queued").values_list("slots", flat=True)) == 390

    def test_scan_reads_overrides_once_however_many_there_are(self, django_assert_num_queries):
        for symbol in "ABCDEFGH":
            series = make_series(symbol, mic=f"X{symbol}XX")
            make_override("2025-10-08 14:00", "2025-10-08 14:10", mic=f"X{symbol}XX")
            make_override("2025-10-07 14:00", "2025-10-08 14:20", kind="halt", instrument=series.instrument)
        with django_assert_num_queries(3):
            assert missing() == [f"{symbol} 10-08 14:20 +340" for symbol in "ABCDEFGH"]


def test_coverage_counts_no_slot_of_a_closure_and_keeps_what_is_held_there():
    series = make_series()
    held = minutes(us("2025-10-08 14:30"), 60)
    cover(series, np.array(held), [DAY] * 60)
    closure = make_override("2025-10-08 15:00", "2025-10-08 20:00", calendar="XNYS")

    def counts():
        ((_, sessions),) = coverage_of(series=[series], first=WEDNESDAY, last=WEDNESDAY, now=EVENING)
        return [(one.expected, one.held, one.missing) for one in sessions]

    assert counts() == [(90, 30, 60)]
    closure.delete()
    assert counts() == [(390, 60, 330)]


class TestPlans:
    """What live collection asks for."""

    def test_nothing_is_asked_for_in_a_closure_and_from_its_end_on_behind_it(self):
        make_provider("polygon", overlap_seconds=900)
        make_policy("polygon")
        make_series("A")
        halted = make_series("B")
        make_override("2025-10-08 15:30", "2025-10-08 16:01", calendar="XNYS")
        make_override("2025-10-08 16:01", "2025-10-08 16:03", kind="halt", instrument=halted.instrument)
        assert plan(now=NOON + 2 * SECOND_US) == []
        (job,) = plan(now=us("2025-10-08 16:02:02"))
        assert (job.symbols, to_us(job.start)) == (["A"], us("2025-10-08 16:01"))
        jobs = plan(now=us("2025-10-08 16:04:02"))
        assert [(one.symbols, to_us(one.start)) for one in jobs] == [(["A", "B"], us("2025-10-08 16:01"))]
        assert plan(now=us("2025-10-08 16:04:02")) == []

    def test_quotes_are_asked_for_of_what_trades_alone(self):
        for symbol in "AB":
            make_quote_series(symbol)
        Tier.objects.update(quote_cadence_seconds=60)
        make_override(*HOUR, kind="halt", instrument=make_series("B").instrument)
        due = lambda text: [symbol for job in plan_quotes(now=us(text)) for symbol in job.symbols]  # noqa: E731
        assert due("2025-10-08 15:59") == ["A"]
        assert due(HOUR[1]) == ["A", "B"]


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({}, "override_is_about_one_thing"),
        ({"calendar": "XNYS", "mic": "XNAS"}, "override_is_about_one_thing"),
        ({"kind": "halt", "mic": "XNAS"}, "override_halt_is_of_an_instrument"),
        ({"kind": "maintenance", "mic": "XNAS"}, "override_of_a_provider_is_maintenance"),
        ({"mic": "XNAS", "kind": "strike"}, "override_kind_known"),
        ({"mic": "XNAS", "end": "2025-10-08 15:00"}, "override_runs_forwards"),
    ],
)
def test_row_that_says_nothing_sensible_is_refused_by_name(values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make_override(**{"start": HOUR[0], "end": HOUR[1], **values})
