"""What a closure takes away: slots whose trading time lies wholly inside, of those whom it is about."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.closures import Closure, Closures, vanished
from collector.core.spans import inside, minus, union
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Hours, Interval, from_us
from tests.builders import us

WEEK = us("2025-10-06 00:00")
VENUES = [("XNYS", Hours.REGULAR), ("XNYS", Hours.EXTENDED), *((name, Hours.REGULAR) for name in ("XHKG", "CME", "FX", "24/7"))]


def spans(*pairs: tuple[str, str]):
    return np.array([(us(start), us(end)) for start, end in pairs], dtype=np.int64).reshape(-1, 2)


def lost(name: str, interval: Interval, *closed: tuple[str, str]) -> list[str]:
    """Slots of the week that vanish."""
    calendar, end = get_calendar(name), WEEK + 7 * DAY_US
    slots = calendar.slots(interval, WEEK, end)
    gone = vanished(calendar, interval, closed=union(spans(*closed)), start=WEEK, end=end)
    return [f"{from_us(slot):%d %H:%M}" for slot in slots[inside(slots, gone)].tolist()]


def overlap(a, b) -> int:
    return sum(max(0, min(y, w) - max(x, v)) for x, y in a for v, w in b)


@settings(max_examples=80)
@given(
    venue=st.sampled_from(VENUES),
    interval=st.sampled_from([Interval.M1, Interval.M15, Interval.H1, Interval.D1]),
    begin=st.integers(0, 48 * 60),
    hours=st.integers(1, 60),
    given_spans=st.lists(
        st.tuples(st.integers(-1440, 5 * 1440), st.integers(1, 2 * 1440), st.sampled_from([0, 0, 30])), max_size=4
    ),
)
def test_slot_vanishes_exactly_when_no_moment_of_its_trading_time_is_left(venue, interval, begin, hours, given_spans):
    calendar = get_calendar(*venue)
    start = WEEK + begin * MINUTE_US
    end = start + (hours * 60 * MINUTE_US if interval is not Interval.D1 else 6 * DAY_US)
    rows = [(WEEK + a * MINUTE_US, WEEK + (a + length) * MINUTE_US + more * SECOND_US) for a, length, more in given_spans]
    closed = union(np.array(rows, dtype=np.int64).reshape(-1, 2))
    gone = vanished(calendar, interval, closed=closed, start=start, end=end)
    slots = calendar.slots(interval, start, end)
    sessions = calendar.sessions(date(2025, 10, 1), date(2025, 10, 20))
    for slot, is_gone in zip(slots.tolist(), inside(slots, gone).tolist(), strict=True):
        if interval is Interval.D1:
            traded = [part for one in sessions if one.date == from_us(slot).date() for part in one.segments]
        else:
            cell = [(slot, slot + interval.us)]
            traded = [
                (max(a, slot), min(b, slot + interval.us))
                for one in sessions
                for a, b in one.segments
                if overlap([(a, b)], cell)
            ]
        assert is_gone == (overlap(traded, closed.tolist()) == sum(b - a for a, b in traded)), from_us(slot)
    assert not len(minus(gone, union(np.column_stack((slots, slots + interval.us)))))  # nothing but slots


@pytest.mark.parametrize(
    ("name", "interval", "closed", "expected"),
    [
        ("XNYS", "1h", [("2025-10-08 17:30", "2025-10-08 20:00")], ["08 18:00", "08 19:00"]),  # an early close: 17:00 traded
        ("XNYS", "1h", [("2025-10-08 13:30", "2025-10-08 15:10")], ["08 13:00", "08 14:00"]),  # a late open: 13:00 trades from 13:30
        ("XNYS", "1d", [("2025-10-08 13:30", "2025-10-08 19:59")], []),
        ("XNYS", "1d", [("2025-10-08 13:30", "2025-10-08 20:00")], ["08 00:00"]),
        ("XHKG", "1h", [("2025-10-08 02:00", "2025-10-08 05:00")], ["08 02:00", "08 03:00"]),  # 04:00 is lunch
        ("XHKG", "1d", [("2025-10-08 01:30", "2025-10-08 04:00")], []),
        ("XHKG", "1d", [("2025-10-08 01:30", "2025-10-08 04:00"), ("2025-10-08 05:00", "2025-10-08 08:00")], ["08 00:00"]),
        ("CME", "1d", [("2025-10-08 00:00", "2025-10-09 00:00")], []),  # it opened at 22:00 of the day before
        ("CME", "1d", [("2025-10-07 22:00", "2025-10-08 00:00"), ("2025-10-08 00:00", "2025-10-08 21:00")], ["08 00:00"]),
        ("FX", "1h", [("2025-10-07 23:00", "2025-10-08 01:00")], ["07 23:00", "08 00:00"]),
        ("24/7", "1h", [("2025-10-08 00:10", "2025-10-08 03:10")], ["08 01:00", "08 02:00"]),
        ("24/7", "1d", [("2025-10-08 00:00", "2025-10-09 00:00")], ["08 00:00"]),
        ("XNYS", "1m", [("2025-10-07 20:00", "2025-10-08 13:30")], []),  # a night
    ],
)  # fmt: skip
def test_what_vanishes_of_each_venue(name, interval, closed, expected):
    assert lost(name, Interval(interval), *closed) == expected


def test_all_that_is_about_an_instrument_is_taken_together_and_costs_nobody_else():
    about = [{"calendar": "XNYS"}, {"mic": "XNAS"}, {"calendar": "XNYS", "mic": "XNAS", "instrument": 7}]
    rows = [
        Closure(us(f"2025-10-08 14:{20 * i:02d}"), us(f"2025-10-08 14:{20 * i + 19:02d}") + MINUTE_US, **one)
        for i, one in enumerate(about)
    ]
    found = Closures(tuple(rows)).vanished(get_calendar("XNYS"), Interval.H1, start=WEEK, end=WEEK + 7 * DAY_US)
    hour = spans(("2025-10-08 14:00", "2025-10-08 15:00")).tolist()
    assert found.of(mic="XNAS", instrument=7).tolist() == hour
    assert [found.of(mic=mic, instrument=8).tolist() for mic in ("XNAS", "XNYS")] == [[], []]
    elsewhere = Closures(tuple(rows)).vanished(get_calendar("XLON"), Interval.M1, start=WEEK, end=WEEK + 7 * DAY_US)
    assert (len(elsewhere.of_all), len(elsewhere.by_instrument)) == (0, 0)


def test_who_is_closed_at_an_instant():
    start, end = us("2025-10-08 14:00"), us("2025-10-08 15:00")
    xnys = get_calendar("XNYS")
    for row, expected in (
        (Closure(start, end, calendar="XNYS"), [True, True, True]),
        (Closure(start, end, mic="XNAS"), [True, True, False]),
        (Closure(start, end, calendar="XNYS", mic="XNAS", instrument=7), [True, False, False]),
        (Closure(start, end, calendar="XLON"), [False, False, False]),
    ):
        who = [("XNAS", 7), ("XNAS", 8), ("ARCX", 9)]
        at = lambda ts: [Closures((row,)).is_closed(ts, calendar=xnys, mic=m, instrument=i) for m, i in who]  # noqa: B023, E731
        assert at(start) == expected
        assert (at(start - 1), at(end)) == ([False] * 3, [False] * 3)
