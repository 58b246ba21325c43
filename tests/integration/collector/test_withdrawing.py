"""The write path where bars were taken back or are another provider's to say."""

import numpy as np
import pytest

from collector.core.spans import spans_of
from collector.models import BarAlternate, RangeInvalidation
from collector.store import write_bars
from collector.withdrawing import HeldSlots
from providers.market.days import day_of
from providers.market.types import MINUTE_US, from_us
from tests.builders import minutes, moment, row, us
from tests.integration.collector.reading import coverage, held, void
from tests.integration.collector.rows import make_provider, make_series, make_write

pytestmark = pytest.mark.usefixtures("database")

OPEN = us("2025-10-08 13:30")
ASKED = us("2025-10-08 14:00")
FIRST, SECOND, THIRD = minutes(OPEN, 3)
DAY = day_of(moment("2025-10-08 00:00").date())


def write(series, rows, *, provider="polygon", asked_at=ASKED, **rest):
    return write_bars(make_write([series], rows, provider=make_provider(provider), asked_at=asked_at, **rest), history_before=0)


def gone(series, *starts):
    return [HeldSlots(series.pk, DAY, spans_of(np.array(starts), MINUTE_US), is_proven=True)]


def test_bar_that_was_asked_for_after_the_answer_that_lacks_it_stays():
    series = make_series()
    write(series, [row(FIRST)])
    write(series, [row(SECOND)], asked_at=ASKED + MINUTE_US)
    result = write(series, [row(THIRD)], asked_at=ASKED + MINUTE_US // 2, withdrawn=gone(series, FIRST, SECOND))
    assert (result.withdrawn, [bar.withdrawn_by for bar in held(series).values()]) == (1, ["vendor", None, None])
    assert (coverage(series), void(series)) == (([[SECOND, THIRD + MINUTE_US]], [[FIRST, SECOND]]), [[FIRST, SECOND]])


def test_withdrawal_that_is_written_again_changes_nothing_more():
    series = make_series()
    write(series, [row(FIRST), row(SECOND)])
    for later in (1, 2):
        write(series, [row(SECOND)], asked_at=ASKED + later * MINUTE_US, withdrawn=gone(series, FIRST))
    assert [(bar.withdrawn_by, bar.rev) for bar in held(series).values()] == [("vendor", 2), (None, 1)]


def test_void_slot_is_held_again_by_whoever_sends_its_bar_after_that():
    series = make_series()
    write(series, [row(FIRST), row(SECOND)])
    write(series, [row(SECOND)], asked_at=ASKED + MINUTE_US, withdrawn=gone(series, FIRST))
    write(series, [row(FIRST, 10.4)], provider="alpaca", asked_at=ASKED + 2 * MINUTE_US)
    assert next((bar.close, bar.withdrawn_by, bar.rev) for bar in held(series).values()) == (10.4, None, 3)
    assert (coverage(series), void(series)) == (([[FIRST, THIRD]], []), [])


def test_bar_of_a_slot_that_is_another_providers_is_kept_beside_it_and_covers_nothing():
    series = make_series()
    about = {"who": "ada", "why": "bad prints", "bars": 0, "created_at": from_us(ASKED)}
    pinned = make_provider("alpaca")
    RangeInvalidation.objects.create(series=series, start=from_us(FIRST), end=from_us(SECOND), provider=pinned, **about)
    result = write(series, [row(FIRST), row(SECOND)])
    assert (result.new, result.alternates, result.disregarded) == (1, 1, {series.pk})
    assert (list(held(series)), coverage(series)) == ([SECOND], ([[SECOND, THIRD]], []))
    assert BarAlternate.objects.get().start == from_us(FIRST)
    assert write(series, [row(FIRST)], provider="alpaca").new == 1
