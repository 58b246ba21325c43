"""Marks: an interval of a tier is complete, or overdue. Once each, and behind the bars that they speak of."""

import json
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction

from collector.feed import publisher
from collector.feed.position import Position
from collector.feed.publisher import publish_unpublished
from collector.feed.ring import FeedUnavailable
from collector.models import FeedBatch, FeedMark, Series
from collector.services import marks as marks_service
from collector.services.marks import tell_all_marks, tell_marks
from collector.store import write_bars
from providers.market.days import day_of
from providers.market.types import MINUTE_US, SECOND_US, Interval, from_us
from providers.policy import Snapshot
from tests.builders import minutes, moment, row, us
from tests.feed_support import new_ring, valkey
from tests.integration.collector.gaps import cover
from tests.integration.collector.rows import make_provider, make_series, make_write
from tests.waiting import wait_until

OPEN = us("2025-10-08 13:30")
AT = OPEN + MINUTE_US + 3 * SECOND_US
"""The first minute of the session is over."""
OVERDUE = OPEN + MINUTE_US + (90 + 120) * SECOND_US


def tell(*, now: int = AT, interval: Interval = Interval.M1) -> int:
    return tell_marks(tier="T0", interval=interval, snapshot=Snapshot(), now=now)


def write(series: list[Series], *starts: int) -> None:
    rows = [row(start, symbol=one.instrument.symbol) for one in series for start in starts]
    write_bars(make_write(series, rows, provider=make_provider(), asked_at=AT), history_before=0)


def fill(series: Series, *starts: int, column: str = "held") -> None:
    """Coverage of one session without rows."""
    cover(series, np.array(starts, dtype=np.int64), np.full(len(starts), day_of(from_us(OPEN).date())), column=column)


def told() -> list[dict[str, Any]]:
    """All messages of the ring in the order of `seq`, this epoch's."""
    ring = new_ring()
    _, batches = ring.after(Position(ring.look().top.epoch, 0), count=1_000)
    return [message for batch in batches for message in json.loads(batch.payload)]


def marks() -> list[tuple[str, bool, int, int, int]]:
    return [(m["start"][11:16], m["complete"], m["expected"], m["held"], m["empty"]) for m in told() if m["type"] == "mark"]


@pytest.fixture
def pair() -> list[Series]:
    return [make_series("AAA"), make_series("BBB")]


def test_slot_is_told_once_when_the_last_of_its_series_has_it(pair: list[Series]) -> None:
    write(pair[:1], OPEN)
    assert tell() == 0
    write(pair[1:], OPEN)
    assert (tell(), tell()) == (1, 0)
    assert [m["type"] for m in told()] == ["bar", "bar", "mark"]
    assert told()[-1] == {
        "type": "mark",
        "tier": "T0",
        "interval": "1m",
        "start": "2025-10-08T13:30:00Z",
        "end": "2025-10-08T13:31:00Z",
        "complete": True,
        "expected": 2,
        "held": 2,
        "empty": 0,
    }


def test_series_that_provably_had_no_trade_are_counted_apart(pair: list[Series]) -> None:
    write(pair[:1], OPEN)
    fill(pair[1], OPEN, column="empty")
    assert tell() == 1
    assert marks() == [("13:30", True, 2, 1, 1)]


def test_slot_that_is_not_over_is_not_told(pair: list[Series]) -> None:
    write(pair, OPEN)
    assert tell(now=OPEN + MINUTE_US - 1) == 0
    assert tell(now=OPEN + MINUTE_US) == 1


def test_only_series_whose_venue_trades_and_that_are_collected_must_have_it(pair: list[Series]) -> None:
    make_series("LON", mic="XLON", calendar="XLON", collect_from=moment("2025-10-08 13:31"))
    make_series("TKS", mic="XTKS", calendar="XTKS")
    make_series("OFF", is_active=False)
    make_series("OTHER", tier="T1")
    write(pair, OPEN)
    assert tell() == 1
    assert marks() == [("13:30", True, 2, 2, 0)]


def test_series_of_all_venues_are_counted_together(pair: list[Series]) -> None:
    london = make_series("LON", mic="XLON", calendar="XLON", collect_from=from_us(OPEN))
    write(pair, OPEN)
    assert tell() == 0
    write([london], OPEN)
    assert tell() == 1
    assert marks() == [("13:30", True, 3, 3, 0)]


def test_overdue_slot_is_told_once_and_again_when_it_is_complete(pair: list[Series]) -> None:
    write(pair[:1], OPEN)
    assert tell(now=OVERDUE - 1) == 0
    assert tell(now=OVERDUE) == 1
    assert tell(now=OVERDUE) == 0
    write(pair[1:], OPEN)
    assert (tell(now=OVERDUE), tell(now=OVERDUE)) == (1, 0)
    assert marks() == [("13:30", False, 2, 1, 0), ("13:30", True, 2, 2, 0)]


def test_slot_that_loses_a_bar_after_it_was_complete_is_not_told_again(pair: list[Series]) -> None:
    write(pair, OPEN)
    tell()
    connection.cursor().execute("UPDATE collector_coverage SET held = '{}' WHERE series_id = %s", [pair[0].pk])
    assert tell(now=OVERDUE) == 0


def test_bars_that_are_not_published_yet_come_before_the_mark(pair: list[Series], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(publisher, "_publish_chunk", _refuse)
        write(pair, OPEN)
        assert tell() == 0, "the feed can't be written, so nothing may be said"
    assert (FeedMark.objects.count(), told()) == (0, [])
    assert tell() == 1
    assert [m["type"] for m in told()] == ["bar", "bar", "mark"]


def test_mark_waits_for_bars_that_another_process_is_publishing(pair: list[Series], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(publisher, "_publish_chunk", _refuse)
        write(pair, OPEN)
    numbers: list[int] = []
    thread = Thread(target=_tell_elsewhere, args=(numbers,))
    with transaction.atomic():
        FeedBatch.objects.select_for_update().get()  # as a publisher that has not stamped it yet
        thread.start()
        wait_until(_is_waited_for, seconds=30, what="somebody who waits for the row")
        assert not FeedMark.objects.exists()
        publisher._publish_row(new_ring(), FeedBatch.objects.get())
    thread.join()
    assert numbers == [1]
    assert [m["type"] for m in told()] == ["bar", "bar", "mark"]


def test_many_that_have_seen_the_same_at_once_tell_it_once(pair: list[Series], monkeypatch: pytest.MonkeyPatch) -> None:
    write(pair, OPEN)
    monkeypatch.setattr(marks_service, "publish_committed", Barrier(4).wait)
    numbers: list[int] = []
    threads = [Thread(target=_tell_elsewhere, args=(numbers,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [0, 0, 0, 1]
    assert len(marks()) == 1


def test_mark_that_could_not_be_published_comes_behind_its_bars_in_a_new_epoch(
    pair: list[Series], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(publisher, "publish", lambda *, batch_ids: None)
        patched.setattr("collector.announcing.publish", lambda *, batch_ids: None)
        write(pair, OPEN)
        tell()
    valkey().flushall()
    publish_unpublished(older_than_s=0, limit=10)
    assert [row.message_count for row in FeedBatch.objects.order_by("epoch", "seq_to")] == [2, 1]
    assert FeedBatch.objects.filter(published_at=None).count() == 0


def test_daily_bars_are_told_when_their_session_is_over() -> None:
    daily = make_series("DAY", interval="1d", collect_from=moment("2025-10-08 00:00"))
    fill(daily, us("2025-10-08 00:00"))
    assert tell(now=us("2025-10-08 23:59"), interval=Interval.D1) == 0
    assert tell(now=us("2025-10-09 00:00"), interval=Interval.D1) == 1
    assert marks() == [("00:00", True, 1, 1, 0)]


def test_all_tiers_and_intervals_are_told(pair: list[Series]) -> None:
    other = make_series("CCC", tier="T1")
    five = make_series("DDD", tier="T2", interval="5m")
    for series in (*pair, other):
        fill(series, *minutes(OPEN, 5))
    fill(five, OPEN)
    assert tell_all_marks(snapshot=Snapshot(), now=OPEN + 5 * MINUTE_US) == 5 + 5 + 1


def test_tier_that_is_gone_has_nothing_to_tell() -> None:
    assert tell_marks(tier="T9", interval=Interval.M1, snapshot=Snapshot(), now=AT) == 0


def _refuse(batch_ids: Any, **rest: Any) -> int:
    raise FeedUnavailable("it is away")


def _tell_elsewhere(numbers: list[int]) -> None:
    try:
        numbers.append(tell())
    finally:
        connection.close()


def _is_waited_for() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0
