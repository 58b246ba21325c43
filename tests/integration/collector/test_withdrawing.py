"""The write path where bars were taken back or are another provider's to say."""

import numpy as np
import pytest
from django.db import connection, transaction

from collector.core.spans import spans_of
from collector.models import Bar, BarAlternate, RangeInvalidation, Withdrawal
from collector.selectors.evidence import sent_before
from collector.store import write_bars
from collector.withdrawing import HeldSlots, take_back
from providers.market.days import day_of
from providers.market.types import MINUTE_US, Interval, from_us
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


def test_bars_that_were_taken_back_are_no_longer_what_a_provider_sent():
    series, provider = make_series(), make_provider()
    write(series, [row(FIRST), row(SECOND)])

    def has_sent(start):
        window = {"interval": Interval.M1, "start": start, "end": start + MINUTE_US}
        return bool(sent_before(series_ids=[series.pk], provider_id=provider.pk, **window))

    assert (has_sent(FIRST), has_sent(SECOND)) == (True, True)
    write(series, [row(SECOND)], asked_at=ASKED + MINUTE_US, withdrawn=gone(series, FIRST))
    assert (has_sent(FIRST), has_sent(SECOND)) == (False, True)


def test_taking_back_reads_the_bars_of_its_spans_and_no_others():
    several = [make_series(symbol) for symbol in "ABCDEFGH"]
    for series in several:
        write(series, [row(start, symbol=series.instrument.symbol) for start in minutes(OPEN, 300)])
    slots = [part for series in several for part in gone(series, FIRST, SECOND)]
    with transaction.atomic(), connection.cursor() as cursor:
        before = _tuples_read(cursor)
        found = take_back(Interval.M1, slots, by=Withdrawal.VENDOR, asked_at=ASKED + MINUTE_US, recorded_at=ASKED + MINUTE_US)
        whole, by_key = (now - then for now, then in zip(_tuples_read(cursor), before, strict=True))
    assert (len(found), Bar.objects.filter(withdrawn_by="vendor").count()) == (16, 16)
    assert (whole, by_key <= 3 * len(found)) == (0, True)


def _tuples_read(cursor) -> tuple[int, int]:
    """Of all partitions of bars, by whole scans and by keys: in this transaction, and in earlier ones that Postgres has not put down yet."""
    cursor.execute(
        """SELECT coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
           FROM pg_stat_xact_user_tables WHERE relname ~ '^collector_bar_[0-9]'"""
    )
    return cursor.fetchone()
