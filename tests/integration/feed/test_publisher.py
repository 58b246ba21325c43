"""From rows to the ring: each batch once, in whole, with a range that its row carries."""

import json
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from collector.feed import log, publisher
from collector.feed.position import Position
from collector.feed.publisher import publish, publish_unpublished
from collector.feed.ring import STATE, STREAM, FeedUnavailable, Ring
from collector.models import FeedBatch
from marketdata_site.observability import clock
from tests.feed_support import add_batch, bar, new_ring, valkey


def bars(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [bar(number=first + number) for number in range(count)]


def numbers_in_ring(ring: Ring) -> list[int]:
    """Every sequence number that the ring holds, read from the entries themselves."""
    epoch = ring.look().top.epoch
    _, batches = ring.after(Position(epoch, 0), count=100_000)
    return [number for batch in batches for number in range(batch.seq_from + 1, batch.seq_to + 1)]


def test_publish_gives_ranges_in_order_and_stamps_the_rows() -> None:
    ids = [add_batch(bars(3)), add_batch(bars(2))]
    publish(batch_ids=ids)
    first, second = FeedBatch.objects.order_by("id")
    assert (first.seq_from, first.seq_to, second.seq_from, second.seq_to) == (0, 3, 3, 5)
    assert first.epoch == second.epoch == new_ring().look().top.epoch
    assert first.published_at is not None
    assert second.published_at is not None
    assert first.published_at <= second.published_at
    assert numbers_in_ring(new_ring()) == [1, 2, 3, 4, 5]


def test_publish_changes_nothing_when_the_same_batch_comes_three_times() -> None:
    batch_id = add_batch(bars(3))
    for _ in range(3):
        publish(batch_ids=[batch_id])
    assert numbers_in_ring(new_ring()) == [1, 2, 3]


def test_append_gives_the_same_range_when_its_publisher_died_before_the_stamp() -> None:
    batch_id, ring = add_batch(bars(3), age_s=60), new_ring()
    row = FeedBatch.objects.get()
    arguments = {"batch_id": batch_id, "count": 3, "payload": bytes(row.messages), "keep": 1000}
    places = [ring.append(now=now, **arguments) for now in (1_000, 2_000, 3_000)]
    assert places[0] == places[1] == places[2]
    assert publish_unpublished(older_than_s=10, limit=100) == 1
    row.refresh_from_db()
    assert (row.epoch, row.seq_from, row.seq_to) == (places[0].epoch, 0, 3)
    assert numbers_in_ring(ring) == [1, 2, 3]


def test_publish_by_many_at_once_gives_each_batch_one_range() -> None:
    ids = [add_batch(bars(2, first=2 * number)) for number in range(30)]

    def work() -> None:
        try:
            publish(batch_ids=ids)
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publish(batch_ids=ids)
    ranges = sorted(FeedBatch.objects.values_list("seq_from", "seq_to"))
    assert ranges == [(2 * number, 2 * number + 2) for number in range(30)]
    assert numbers_in_ring(new_ring()) == list(range(1, 61))


def test_ring_keeps_at_least_what_the_setting_says_and_evicts_oldest_whole_batches_first() -> None:
    ring = new_ring()
    for number in range(100):
        ring.append(batch_id=number, count=7, payload=json.dumps(bars(7)).encode(), now=1, keep=50)
        held = numbers_in_ring(ring)
        assert held[-1] == 7 * (number + 1)
        assert len(held) == min(7 * (number + 1), 56)  # whole batches: 50 is inside the eighth
    assert ring.look().first == 700 - 56


def test_times_never_run_backwards_when_publishers_clocks_differ() -> None:
    ring = new_ring()
    times = [ring.append(batch_id=n, count=1, payload=b"[{}]", now=now, keep=10).at for n, now in enumerate([50, 40, 60])]
    assert times == [50, 50, 60]


def test_flush_opens_a_newer_epoch_where_numbers_start_anew() -> None:
    publish(batch_ids=[add_batch(bars(3))])
    before = new_ring().look().top
    valkey().flushall()
    publish(batch_ids=[add_batch(bars(2))])
    after = new_ring().look().top
    assert after.epoch > before.epoch
    assert (before.seq, after.seq) == (3, 2)
    assert numbers_in_ring(new_ring()) == [1, 2]


def test_other_run_id_opens_a_new_epoch_and_empties_the_ring_when_data_outlived_a_restart() -> None:
    publish(batch_ids=[add_batch(bars(3))])
    before = new_ring().look().top
    valkey().hset(STATE, "run_id", "of another run of the server")
    publish(batch_ids=[add_batch(bars(1))])
    assert new_ring().look().top > before
    assert numbers_in_ring(new_ring()) == [1]


def test_new_epoch_sorts_behind_stamped_ones_when_the_clock_of_valkey_went_back() -> None:
    FeedBatch.objects.create(
        recorded_at=clock.now(),
        message_count=1,
        messages=b"[{}]",
        epoch="20000000000-abcdef",
        seq_from=0,
        seq_to=1,
        published_at=clock.now(),
    )
    assert new_ring().look().top.epoch > "20000000000-abcdef"


def test_ring_that_was_deleted_alone_goes_on_with_its_numbers() -> None:
    publish(batch_ids=[add_batch(bars(3))])
    valkey().delete(STREAM)
    publish(batch_ids=[add_batch(bars(2))])
    assert numbers_in_ring(new_ring()) == [4, 5]
    assert new_ring().look().first == 3


def test_publish_leaves_the_write_alone_and_the_batch_to_the_sweeper_when_valkey_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import redis

    away = Ring(redis.Redis.from_url("unix:///nowhere/valkey.sock"))
    monkeypatch.setattr(publisher, "shared_ring", lambda: away)
    with transaction.atomic():
        batch_id = add_batch(bars(3), age_s=60)
        transaction.on_commit(lambda: publish(batch_ids=[batch_id]))
    assert FeedBatch.objects.get().published_at is None
    assert "the sweeper will" in caplog.text
    with pytest.raises(FeedUnavailable):
        publish_unpublished(older_than_s=10, limit=100)
    monkeypatch.undo()
    assert publish_unpublished(older_than_s=10, limit=100) == 1
    assert numbers_in_ring(new_ring()) == [1, 2, 3]


def test_sweeper_publishes_the_oldest_first_up_to_its_limit_and_leaves_fresh_ones_to_their_writers() -> None:
    old = [add_batch(bars(1, first=number), age_s=60) for number in range(5)]
    fresh = add_batch(bars(1))
    assert publish_unpublished(older_than_s=10, limit=3) == 3
    stamped = FeedBatch.objects.exclude(published_at=None).order_by("seq_to").values_list("id", flat=True)
    assert list(stamped) == old[:3]
    assert publish_unpublished(older_than_s=10, limit=100) == 2
    assert FeedBatch.objects.get(published_at=None).pk == fresh


def test_sweeper_stamps_as_it_goes_on_when_much_was_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring may have evicted a batch before the last one is in it: a reader who is behind finds it in its row, or not at all."""
    count = publisher.CHUNK_BATCHES + 1
    for number in range(count):
        add_batch(bars(1, first=number), age_s=60)
    ring, stamped = new_ring(), list[int]()
    append = ring.append

    def look() -> None:
        stamped.append(FeedBatch.objects.exclude(published_at=None).count())
        connection.close()

    def append_and_look(**batch: Any) -> Any:
        place = append(**batch)
        if place.seq_to == count:
            thread = Thread(target=look)
            thread.start()
            thread.join()
        return place

    monkeypatch.setattr(ring, "append", append_and_look)
    monkeypatch.setattr(publisher, "shared_ring", lambda: ring)
    assert publish_unpublished(older_than_s=10, limit=100) == count
    assert stamped == [publisher.CHUNK_BATCHES]


def test_sweeper_answers_none_when_another_one_works() -> None:
    add_batch(bars(1), age_s=60)
    answers: list[int] = []

    def work() -> None:
        answers.append(publish_unpublished(older_than_s=10, limit=100))
        connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [log.LOCK_FEED_SWEEP])
        thread = Thread(target=work)
        thread.start()
        thread.join()
    assert answers == [0]
    assert publish_unpublished(older_than_s=10, limit=100) == 1
