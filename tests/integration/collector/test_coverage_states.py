"""What is being done about each missing slot, and why it is missing: each state and cause, and no slot in two of them."""

import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from collector.core.causes import Cause
from collector.core.missing import State, Wait
from collector.models import Abandonment, Absence, Coverage, DeadLetter, RejectedBar, Series
from collector.selectors.coverage_states import states_of
from collector.selectors.jobs_of import Abandoned, JobNews, Said
from collector.selectors.worst_series import worst_first
from collector.services.gap_scan import scan_recent
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, from_us, to_us
from providers.policy import Snapshot
from providers.services import policies
from tests.builders import moment, us
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.gaps import cover
from tests.integration.collector.rows import make_policy, make_provider, make_series, make_tier

pytestmark = pytest.mark.django_db

WEDNESDAY = date(2025, 10, 8)
EVENING = us("2025-10-08 22:00")
numbers = itertools.count()


def session_of(series, *, now=EVENING, day=WEDNESDAY, snapshot=None, **rest):
    ((_, (session,)),) = states_of(series=[series], first=day, last=day, now=now, snapshot=snapshot or Snapshot(), **rest)
    return session


def told(session):
    """`14:00 +10 filling`, by time."""
    return [f"{from_us(part.start):%H:%M} +{part.slots} {part.state.value}" for part in session.missing]


def word(code, *, at="2025-10-08T15:00:00+00:00", provider="polygon", message="it said so"):
    return {"at": at, "provider": provider, "code": code, "message": message, "http_status": None}


def bury(job, reason, **values):
    job.state = "dead"
    job.save()
    DeadLetter.objects.create(
        backfill=job, reason=reason, fingerprint="f", missing_minutes=1, died_at=moment("2025-10-08 15:00"), **values
    )


@pytest.mark.parametrize("state", ["queued", "running", "retry_wait", "parked"])
def test_open_job_fills_its_span_and_says_when_it_is_due(state):
    series = make_series()
    due = moment("2025-10-08 22:05")
    job = make_job(series, state=state, attempts=3, due_at=due, leased_until=due if state == "running" else None)
    session = session_of(series)
    assert told(session) == ["13:30 +30 pending", "14:00 +10 filling", "14:10 +350 pending"]
    about = session.missing[1].about
    assert about == JobNews(job.pk, state, None if state == "running" else due, 3, Cause.PENDING, None)
    assert (session.coverage.missing, session.counts) == (390, {"filling": 10, "dead": 0, "abandoned": 0, "pending": 380})


@pytest.mark.parametrize(
    ("codes", "cause"),
    [
        (["circuit_open"], Cause.VENDOR_OUTAGE),
        (["over_budget"], Cause.RATE_STARVED),
        (["isolated"], Cause.NOT_ENTITLED),
        (["unknown_symbol"], Cause.UNKNOWN_SYMBOL),
        (["unproven"], Cause.UNPROVEN),
        (["internal_error"], Cause.INTERNAL),
        (["worker_lost"], Cause.WORKER_LOST),
        (["requeued"], Cause.PENDING),
    ],
)
def test_newest_try_of_an_open_job_is_the_cause_and_an_older_one_is_not(codes, cause):
    series = make_series()
    old = word("rejected", at="2025-10-08T14:30:00+00:00")
    make_job(series, state="parked", tries=[old, *(word(code) for code in codes)])
    part = session_of(series).missing[1]
    assert (part.cause, part.about.said) == (cause, Said("polygon", codes[-1], "it said so"))


def test_vendors_of_one_try_are_weighed_together():
    series = make_series()
    make_job(
        series, tries=[word("vendor_fault"), word("throttled", provider="alpaca"), word("unknown_symbol", provider="tiingo")]
    )
    part = session_of(series).missing[1]
    assert (part.cause, part.about.said.provider) == (Cause.VENDOR_OUTAGE, "polygon")


def test_row_that_was_refused_within_the_span_of_an_open_job_is_the_cause():
    series, other = make_series(), make_series("MSFT")
    for one in (series, other):
        make_job(one, tries=[word("unproven")])
    for start, of in (("2025-10-08 14:09", series), ("2025-10-08 14:10", other)):
        RejectedBar.objects.create(
            series=of, provider=make_provider(), start=moment(start), reason="high_below_low", raw="{}", fingerprint=start,
            first_seen_at=moment(start), last_seen_at=moment(start),
        )  # fmt: skip
    assert [session_of(one).missing[1].cause for one in (series, other)] == [Cause.REJECTED, Cause.UNPROVEN]


def test_dead_job_says_by_its_letter_why():
    series = make_series()
    job = make_job(series, tries=[word("unproven")])
    bury(job, "rejected", provider="alpaca", message="high below low")
    part = session_of(series).missing[1]
    assert (part.state, part.cause) == (State.DEAD, Cause.REJECTED)
    assert part.about == JobNews(job.pk, "dead", None, 0, Cause.REJECTED, Said("alpaca", "rejected", "high below low"))


@pytest.mark.parametrize("state", ["done", "discarded"])
def test_job_that_is_over_has_nothing_any_more(state):
    series = make_series()
    make_job(series, state=state)
    assert told(session_of(series)) == ["13:30 +390 pending"]


def test_abandoned_span_names_who_why_and_until_when_and_loses_to_a_job():
    series = make_series()
    span = {"start": moment("2025-10-08 14:05"), "end": moment("2025-10-08 14:20"), "created_at": moment("2025-10-08 14:30")}
    Abandonment.objects.create(series=series, who="me", why="halt", expires_at=from_us(EVENING + 1), **span)
    make_job(series)
    session = session_of(series)
    assert told(session) == ["13:30 +30 pending", "14:00 +10 filling", "14:10 +10 abandoned", "14:20 +340 pending"]
    assert (session.missing[2].cause, session.missing[2].about) == (None, Abandoned("me", "halt", from_us(EVENING + 1)))
    assert told(session_of(series, now=EVENING + 1))[2] == "14:10 +350 pending"


def waits(series, **values):
    """`next_scan 10`, by time."""
    return [f"{part.about.value} {part.slots}" for part in session_of(series, **values).missing]


def test_slot_that_nobody_has_says_what_it_waits_for():
    make_provider(settle_after_seconds=120)
    make_policy("polygon")
    series = make_series()
    assert waits(series, now=us("2025-10-08 14:00"), snapshot=policies.current()) == ["next_scan 20", "live 8", "settling 2"]
    assert waits(make_series("OFF", is_active=False)) == ["inactive 390"]


def test_daily_slot_settles_from_its_sessions_close():
    series = make_series(interval="1d", calendar="CME", mic="XCME")
    day = {"day": WEDNESDAY, "now": us("2025-10-09 00:01")}
    assert waits(series, **day) == ["settling 1"]
    assert waits(series, **day | {"now": us("2025-10-09 00:02")}) == ["live 1"]
    assert waits(series, **day | {"now": us("2025-10-10 00:01")}) == ["next_scan 1"]


def test_empty_slots_name_their_witnesses_and_missing_ones_those_who_were_not_believed():
    series = make_series()
    spans = {"long": ("2025-10-08 14:00", "2025-10-08 14:10"), "short": ("2025-10-08 14:05", "2025-10-08 14:15")}
    for provider, span, rule, is_believed in (
        ("polygon", "long", "settled", True),
        ("alpaca", "short", "second_witness", True),
        ("polygon", "short", "mute_answer", False),
    ):
        Absence.objects.create(
            series=series, session=WEDNESDAY, provider=make_provider(provider), feed_scope="consolidated", why=rule,
            is_believed=is_believed, spans=Multirange([Range(*map(moment, spans[span]))]), asked_at=moment("2025-10-08 15:00"),
        )  # fmt: skip
    starts = np.arange(us("2025-10-08 14:00"), us("2025-10-08 14:12"), MINUTE_US)
    cover(series, starts, starts // DAY_US, column="empty")
    session = session_of(series)
    assert [(part.slots, [(one.provider, one.rule) for one in part.by]) for part in session.empty] == [
        (5, [("polygon", "settled")]),
        (5, [("polygon", "settled"), ("alpaca", "second_witness")]),
        (2, [("alpaca", "second_witness")]),
    ]
    assert [[one.rule for one in part.doubted] for part in session.missing] == [[], ["mute_answer"]]
    assert session_of(series, with_witnesses=False).empty[0].by == ()


def test_rows_that_were_taken_back_are_counted_and_missing():
    series = make_series()
    cover(series, np.array([us("2025-10-08 14:00")]), np.array([us("2025-10-08 14:00") // DAY_US]))
    span = Multirange([Range(moment("2025-10-08 14:01"), moment("2025-10-08 14:03"))])
    Coverage.objects.update(void=span)
    coverage = session_of(series).coverage
    assert (coverage.held, coverage.missing, coverage.withdrawn) == (1, 389, 2)


def test_any_number_of_series_costs_the_same_queries(django_assert_num_queries):
    def look(count):
        many = [make_series(f"Q{next(numbers)}") for _ in range(count)]
        for one in many:
            make_job(one, tries=[word("circuit_open")])
        loaded = list(Series.objects.select_related("instrument").filter(pk__in=[one.pk for one in many]))
        with django_assert_num_queries(6):
            states_of(
                series=loaded,
                first=WEDNESDAY - timedelta(days=9),
                last=WEDNESDAY,
                now=EVENING,
                snapshot=Snapshot(),
            )

    with django_assert_num_queries(0):
        states_of(series=[], first=WEDNESDAY, last=WEDNESDAY, now=EVENING, snapshot=Snapshot())
    look(2)
    look(12)


def test_series_that_lack_most_come_first_and_broken_calendars_are_named():
    for symbol, slots in (("FULL", 390), ("SOME", 380), ("NONE", 0)):
        starts = us("2025-10-08 13:30") + np.arange(slots) * MINUTE_US
        cover(make_series(symbol), starts, starts // DAY_US)
    make_series("LOST", calendar="GONE")

    def page(**values):
        given = {"only_missing": False, "offset": 0, "limit": 10, **values}
        found = worst_first(Series.objects.all(), first=WEDNESDAY, last=WEDNESDAY, now=EVENING, snapshot=Snapshot(), **given)
        return [one.instrument.symbol for one in found.series], found.has_more, len(found.unusable)

    assert page() == (["NONE", "SOME", "FULL"], False, 1)
    assert page(only_missing=True) == (["NONE", "SOME"], False, 1)
    assert page(limit=1) == (["NONE"], True, 1)
    assert page(limit=2, offset=1) == (["SOME", "FULL"], False, 1)
    assert page(limit=1, offset=2) == (["FULL"], False, 1)


CLAIMS = st.lists(
    st.tuples(
        st.sampled_from(
            ["queued", "running", "retry_wait", "parked", "dead", "done", "discarded", "abandoned", "expired", "scan"]
        ),
        st.integers(0, 1_400),
        st.integers(1, 200),
    ),
    max_size=8,
)


@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    history=st.lists(st.tuples(st.sampled_from(["held", "empty", "missing"]), st.integers(1, 300)), min_size=1, max_size=12),
    claims=CLAIMS,
    seen=st.integers(1, 1_600),
)
def test_held_empty_filling_dead_abandoned_and_pending_are_disjoint_and_together_what_is_expected(history, claims, seen):
    make_tier()
    begin = us("2025-10-07 00:00")
    now = begin + seen * MINUTE_US + 30 * SECOND_US
    series = make_series(f"P{next(numbers)}", mic="XXXX", calendar="24/7", collect_from=from_us(begin))
    starts = np.arange(begin, begin + 1_440 * MINUTE_US, MINUTE_US)
    states = np.resize(np.repeat([state for state, _ in history], [length for _, length in history]), len(starts)).tolist()
    for column in ("held", "empty"):
        mine = starts[[state == column for state in states]]
        cover(series, mine, mine // DAY_US, column=column)
    claimed = _claim(series, begin, claims, now)
    expected = [
        state if state != "missing" else claimed.get(number, "pending")
        for number, state in enumerate(states)
        if begin + (number + 1) * MINUTE_US <= now
    ]
    found = _slot_by_slot(series, starts, now)
    assert found == expected


def _claim(series, begin, claims, now):
    """Rows of jobs and abandonments, as far as a scan lets them be; slot number → whose it is, jobs before abandonments."""
    jobs, given_up, free = {}, set(), 0
    for state, start, length in claims:
        span = {"start": from_us(begin + start * MINUTE_US), "end": from_us(begin + (start + length) * MINUTE_US)}
        slots = range(start, start + length)
        if state in ("abandoned", "expired"):
            until = from_us(now) if state == "expired" else None
            Abandonment.objects.create(series=series, who="me", why="", created_at=span["end"], expires_at=until, **span)
            given_up |= set(slots) if state == "abandoned" else set()
        elif state != "scan" and start >= free:  # no slot has two jobs
            texts = {name: f"{at:%Y-%m-%d %H:%M}" for name, at in span.items()}
            job = make_job(series, state=state, leased_until=from_us(now) if state == "running" else None, **texts)
            free = start + length
            if state == "dead":
                bury(job, "unknown_symbol")
            if state not in ("done", "discarded"):
                jobs |= dict.fromkeys(slots, "dead" if state == "dead" else "filling")
    return dict.fromkeys(given_up, "abandoned") | jobs


def _slot_by_slot(series, starts, now):
    """The state of each slot that has closed; each of the numbers that are shown is the count of its state."""
    ((_, sessions),) = states_of(series=[series], first=date(2025, 10, 7), last=date(2025, 10, 7), now=now, snapshot=Snapshot())
    if not sessions:
        return []
    (session,) = sessions
    found = dict.fromkeys(session.coverage.expected_starts.tolist(), "held")
    for state, part in [("empty", one) for one in session.empty] + [(one.state.value, one) for one in session.missing]:
        for start in range(part.start, part.end, MINUTE_US):
            assert found[start] == "held", "a slot in two states"
            found[start] = state
    counts = {"held": session.coverage.held, "empty": session.coverage.empty} | dict(session.counts)
    assert {state: list(found.values()).count(state) for state in counts} == counts
    assert sum(counts.values()) == session.coverage.expected
    return [found[start] for start in starts.tolist() if start in found]


def test_scan_makes_pending_slots_those_of_a_job():
    series = make_series(collect_from=moment("2025-10-08 13:30"))
    assert waits(series) == [f"{Wait.NEXT_SCAN.value} 390"]
    scan_recent(now=EVENING, snapshot=Snapshot())
    (part,) = session_of(series).missing
    assert (part.state, part.cause, to_us(part.about.due_at)) == (State.FILLING, Cause.PENDING, EVENING)
