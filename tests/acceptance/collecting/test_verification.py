"""Whole sessions read again after their close: corrections, late and withdrawn bars, and vendors that lie about them."""

import pytest

from collector.models import Absence, BarRevision, Coverage
from collector.services.backfill.draining import drain
from collector.services.gap_scan import scan_recent
from collector.services.verification import plan_verifications, read_session_again
from marketdata_site.observability.clock import now_us
from providers.market.types import MINUTE_US
from providers.services import policies
from tests.acceptance.collecting.world import names
from tests.builders import minutes, moment, us
from tests.integration.collector.reading import coverage, held, messages, void
from tests.integration.collector.rows import make_series

OPEN, CLOSE = us("2025-10-08 13:30"), us("2025-10-08 20:00")
HOLE = us("2025-10-08 15:00"), us("2025-10-08 15:03")
SESSION = {"start": "2025-10-08 13:30", "end": "2025-10-08 20:00"}


@pytest.fixture
def read_again(world):
    """At a moment, run what is planned; returns the jobs."""

    def at(text):
        world.set_clock(text)
        world.control.forget_calls()
        jobs = plan_verifications(now=now_us())
        for job in jobs:
            read_session_again(job, now=now_us(), loop=world.loop)
        return jobs

    return at


@pytest.fixture
def session(world):
    """A session of one series, collected in time."""

    def collected(*symbols, at="2025-10-08 20:01:30"):
        series = [make_series(symbol, collect_from=moment("2025-10-08 00:00")) for symbol in symbols or ("AAPL",)]
        world.set_clock(at)
        world.collect(*(one.instrument.symbol for one in series), **SESSION)
        return series

    return collected


def verified():
    return sorted(Coverage.objects.values_list("verified", flat=True))


def test_session_is_read_once_after_its_close_and_once_the_next_morning(world, session, read_again):
    world.policy("alpaca")
    session(*names("DN", 30))
    assert read_again("2025-10-08 20:19:00") == []
    (job,) = read_again("2025-10-08 20:21:00")
    assert (len(job.symbols), job.start, job.end) == (
        30,
        *[Coverage.objects.first().held[0].lower, Coverage.objects.first().held[0].upper],
    )
    assert (len(world.control.calls()) >= 1, set(verified())) == (True, {1})
    assert read_again("2025-10-09 07:59:00") == []
    assert len(read_again("2025-10-09 08:01:00")) == 1
    assert set(verified()) == {2}
    assert read_again("2025-10-09 12:00:00") == []
    assert not BarRevision.objects.exists()


def test_late_correction_becomes_a_revision_and_a_late_bar_arrives(world, session, read_again):
    world.policy("polygon")
    number = world.control.set_fault("withdrawn", vendor="polygon", start=CLOSE - 3 * MINUTE_US, end=CLOSE)
    (series,) = session()
    assert len(held(series)) == 387
    world.control.clear_faults(number)
    world.control.set_fault("late_correction", vendor="polygon", start=HOLE[0], end=HOLE[1])
    read_again("2025-10-08 20:21:00")
    bars = held(series)
    assert (len(bars), [bars[start].rev for start in minutes(HOLE[0], 3)]) == (390, [2, 2, 2])
    assert BarRevision.objects.count() == 3
    assert coverage(series) == ([[OPEN, CLOSE]], [])


def test_withdrawn_bar_is_marked_and_told_and_comes_back_when_its_vendor_sends_it_again(world, session, read_again):
    world.policy("polygon")
    (series,) = session()
    number = world.control.set_fault("withdrawn", vendor="polygon", start=HOLE[0], end=HOLE[1])
    read_again("2025-10-08 20:21:00")
    bars = held(series)
    gone = [bars[start] for start in minutes(HOLE[0], 3)]
    assert [(bar.withdrawn_by, bar.rev) for bar in gone] == [("vendor", 2)] * 3
    assert sum(bar.withdrawn_by is not None for bar in bars.values()) == 3
    assert [
        (old.rev, old.withdrawn_by, old.close == bar.close)
        for old, bar in zip(BarRevision.objects.order_by("start"), gone, strict=True)
    ] == [(1, None, True)] * 3
    assert coverage(series) == ([[OPEN, HOLE[0]], [HOLE[1], CLOSE]], [list(HOLE)])
    assert [(m["start"][11:16], m["rev"]) for m in messages() if m.get("withdrawn")] == [
        ("15:00", 2),
        ("15:01", 2),
        ("15:02", 2),
    ]
    assert Absence.objects.get().why == "withdrawn"

    world.control.clear_faults(number)
    read_again("2025-10-09 08:01:00")
    back = [held(series)[start] for start in minutes(HOLE[0], 3)]
    assert [(bar.withdrawn_by, bar.rev) for bar in back] == [(None, 3)] * 3
    assert (coverage(series), void(series)) == (([[OPEN, CLOSE]], []), [])
    assert list(BarRevision.objects.filter(rev=2).values_list("withdrawn_by", flat=True)) == ["vendor"] * 3


@pytest.mark.parametrize("fault", [{"kind": "mute"}, {"kind": "partial_page"}, {"kind": "server_error"}, {"kind": "html"}])
def test_bad_answer_withdraws_nothing_and_the_session_is_read_again_later(world, session, read_again, fault):
    world.policy("polygon")
    (series,) = session()
    number = world.control.set_fault(fault["kind"], vendor="polygon")
    assert len(read_again("2025-10-08 20:21:00")) == 1
    assert coverage(series) == ([[OPEN, CLOSE]], [])
    assert (verified(), BarRevision.objects.count()) == ([0], 0)
    world.control.clear_faults(number)
    assert len(read_again("2025-10-08 20:26:00")) == 1
    assert verified() == [1]


def test_reading_is_done_whatever_is_refused_or_missing_beside_the_held_bars(world, session, read_again):
    world.policy("polygon")
    world.control.set_fault("bad_row", vendor="polygon")
    (series,) = session()
    missing = 390 - len(held(series))
    assert missing > 0
    read_again("2025-10-08 20:21:00")
    assert (verified(), 390 - len(held(series))) == ([1], missing)


def test_reading_that_nobody_may_serve_is_not_asked_for_again_and_again(world, session, read_again):
    world.policy("polygon")
    session()
    world.control.set_fault("forbidden_entitlement", vendor="polygon")
    read_again("2025-10-08 20:21:00")
    assert (verified(), read_again("2025-10-08 20:26:00")) == ([1], [])


def test_vendor_that_proves_nothing_for_two_hours_is_asked_no_more_until_the_next_reading(world, session, read_again):
    world.policy("polygon")
    (series,) = session()
    world.control.set_fault("mute", vendor="polygon")
    assert (len(read_again("2025-10-08 22:19:00")), verified()) == (1, [0])
    assert (len(read_again("2025-10-08 22:20:00")), verified()) == (1, [1])
    assert (read_again("2025-10-08 22:25:00"), coverage(series)) == ([], ([[OPEN, CLOSE]], []))


def test_bars_of_another_provider_are_not_taken_back_by_the_one_that_lacks_them(world, session, read_again):
    polygon, _ = world.policy("polygon", "alpaca")
    number = world.control.set_fault("server_error", vendor="polygon")
    (series,) = session()
    world.control.clear_faults(number)
    world.control.set_fault("withdrawn", vendor="polygon", start=HOLE[0], end=HOLE[1])
    read_again("2025-10-08 21:00:00")
    bars = held(series)
    assert all(bar.withdrawn_by is None for bar in bars.values())
    assert {bars[start].provider_id == polygon.pk for start in minutes(HOLE[0], 3)} == {False}
    assert verified() == [1]


def test_slot_of_a_withdrawn_bar_is_no_gap(world, session, read_again):
    world.policy("polygon")
    (series,) = session()
    world.control.set_fault("withdrawn", vendor="polygon", start=HOLE[0], end=HOLE[1])
    read_again("2025-10-09 08:01:00")
    scanned = scan_recent(now=now_us(), snapshot=policies.current())
    assert scanned.found == 0
    assert drain(worker="me", loop=world.loop) == 0
    assert [slot for slot in minutes(HOLE[0], 3) if held(series)[slot].withdrawn_by] == minutes(HOLE[0], 3)
