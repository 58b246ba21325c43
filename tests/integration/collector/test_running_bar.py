"""A bar that is still running at the vendor is never stored, however long its answer takes to arrive."""

import numpy as np
import pytest

from collector.schemas import BarsFetchJob, Priority
from collector.services.collecting import collect_bars
from providers.fetching import ProviderAnswer
from providers.loop import EventLoopThread
from providers.market.types import SECOND_US, Interval, from_us
from tests.builders import batch_of, row, us
from tests.integration.collector.reading import held
from tests.integration.collector.rows import make_policy, make_provider, make_series

pytestmark = pytest.mark.usefixtures("database")

OPEN = us("2025-10-08 13:30")
CLOSE = us("2025-10-08 13:31")


def collect(monkeypatch, *, asked_at, received_at, vendor_time, interval=Interval.M1, hours="regular", start=OPEN, end=CLOSE):
    """One job whose vendor answers with the bar of its first slot."""

    async def answer(candidate, **_):
        return ProviderAnswer(
            candidate=candidate,
            batch=batch_of([row(start)]),
            answered=frozenset({"AAPL"}),
            failed={},
            asked_at=asked_at,
            received_at=received_at,
            vendor_time=vendor_time,
            is_delayed=False,
            calls=1,
        )

    make_provider("polygon")
    make_policy("polygon", capability=f"bars_{interval}")
    monkeypatch.setattr("collector.services.collecting.ask_provider", answer)
    job = BarsFetchJob(
        tier="T0",
        priority=Priority.LIVE,
        symbols=["AAPL"],
        interval=interval,
        hours=hours,
        start=from_us(start),
        end=from_us(end),
    )
    with EventLoopThread() as loop:
        collect_bars(job, now=asked_at, loop=loop)


TIMES = [
    (CLOSE, CLOSE + 1, CLOSE, True),
    (CLOSE, CLOSE + 1, None, True),
    (CLOSE - 1, CLOSE + 5 * SECOND_US, None, False),  # asked before the close, answered behind it
    (CLOSE - 1, CLOSE + 5 * SECOND_US, CLOSE - SECOND_US, False),  # `Date` has whole seconds: the vendor's clock may say :59.9
    (CLOSE - 1, CLOSE + 5 * SECOND_US, CLOSE + 2 * SECOND_US, False),  # the vendor's clock is ahead
    (CLOSE + 5 * SECOND_US, CLOSE + 6 * SECOND_US, CLOSE - SECOND_US, False),  # ours is
]


@pytest.mark.parametrize(("asked_at", "received_at", "vendor_time", "is_stored"), TIMES)
def test_bar_is_stored_only_when_it_was_closed_by_both_clocks_as_the_question_left(
    monkeypatch, asked_at, received_at, vendor_time, is_stored
):
    series = make_series()
    collect(monkeypatch, asked_at=asked_at, received_at=received_at, vendor_time=vendor_time)
    assert list(held(series)) == ([OPEN] if is_stored else [])
    assert np.isfinite([bar.close for bar in held(series).values()]).all()


@pytest.mark.parametrize(("asked", "is_stored"), [("2025-01-16 00:30", False), ("2025-01-16 01:00", True)])
def test_daily_bar_is_stored_when_its_session_is_over_that_goes_on_behind_midnight(monkeypatch, asked, is_stored):
    """Extended hours end at 20:00 in New York, in winter an hour behind midnight (UTC)."""
    series = make_series(interval="1d", hours="extended")
    day, asked_at = us("2025-01-15 00:00"), us(asked)
    daily = {"interval": Interval.D1, "hours": "extended", "start": day, "end": asked_at}
    collect(monkeypatch, asked_at=asked_at, received_at=asked_at + 1, vendor_time=None, **daily)
    assert bool(held(series)) is is_stored
