"""`GET /ws/replay`: pages over ring and rows, without a hole or a repeat."""

import json
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.test import RequestFactory
from ninja import NinjaAPI

from collector.feed import api, log, publisher
from collector.feed.publisher import publish
from collector.feed.replay import replay_messages
from collector.feed.ring import PENDING, STATE, STREAM
from collector.models import FeedBatch
from marketdata_site import api_errors
from marketdata_site.observability import clock
from providers.market.types import from_us, to_us
from tests.feed_support import PATIENCE_SECONDS, add_batch, bar, new_ring, valkey
from tests.waiting import wait_until


def publish_bars(count: int, *, first: int, size: int = 3) -> None:
    numbers = range(first, first + count)
    ids = [add_batch([bar(number=n) for n in numbers[begin : begin + size]]) for begin in range(0, count, size)]
    publish(batch_ids=ids)


def evict(keep: int) -> None:
    """Make the ring forget its oldest messages."""
    ring = new_ring()
    top = ring.look().top
    opened = int(top.epoch.partition("-")[0], 16)
    valkey().xtrim(STREAM, minid=f"{opened}-{top.seq - keep + 1}", approximate=False)


def all_pages(*, limit: int, since: int | None = 0) -> list[int]:
    """`trade_count` of every message, following `next`."""
    found, after = [], None
    while True:
        page = replay_messages(since=since, limit=limit, after=after)
        assert len(page.messages) <= limit
        found += [json.loads(message)["trade_count"] for message in page.messages]
        if page.next is None:
            return found
        assert len(page.messages) == limit
        after = page.next


@pytest.mark.parametrize("limit", [1, 2, 7, 20, 100])
def test_pages_hold_every_message_once_when_they_span_rows_ring_and_epochs(limit: int) -> None:
    publish_bars(10, first=0)
    valkey().flushall()
    publish_bars(10, first=10)
    evict(4)
    assert new_ring().look().first > 0
    assert all_pages(limit=limit) == list(range(20))


def test_pages_hold_every_message_once_when_the_ring_alone_has_them() -> None:
    publish_bars(10, first=0)
    FeedBatch.objects.all().delete()
    assert all_pages(limit=4) == list(range(10))


def test_pages_go_on_behind_a_cursor_when_valkey_is_flushed_in_between() -> None:
    publish_bars(6, first=0)
    page = replay_messages(since=0, limit=4)
    valkey().flushall()
    publish_bars(3, first=6)
    rest = replay_messages(since=None, limit=100, after=page.next)
    assert [json.loads(message)["trade_count"] for message in rest.messages] == [4, 5, 6, 7, 8]
    assert rest.next is None


def test_page_waits_for_a_stamp_under_way_when_the_ring_has_let_go_of_its_batch() -> None:
    publish_bars(3, first=0)
    batch_id = add_batch([bar(number=n) for n in range(3, 6)])
    scripted, may_commit, found = Event(), Event(), list[list[int]]()

    def slow_publisher() -> None:
        with transaction.atomic():
            log.hold_stamp_lock()
            publisher._publish_row(new_ring(), FeedBatch.objects.get(pk=batch_id))
            scripted.set()
            may_commit.wait(PATIENCE_SECONDS)
        connection.close()

    def read() -> None:
        found.append(all_pages(limit=2))
        connection.close()

    writing, reading = Thread(target=slow_publisher), Thread(target=read)
    writing.start()
    scripted.wait(PATIENCE_SECONDS)
    evict(0)
    publish_bars(3, first=6)
    reading.start()
    try:
        wait_until(
            lambda: not reading.is_alive() or _somebody_waits(), seconds=PATIENCE_SECONDS, what="a reader that waits or ends"
        )
    finally:
        may_commit.set()
    writing.join()
    reading.join()
    assert found == [list(range(9))]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone() is not None


@pytest.mark.parametrize("kept_in_ring", [1000, 5, 1])
def test_page_begins_at_the_time_asked_for_wherever_it_is_read_from(kept_in_ring: int) -> None:
    ring, start = new_ring(), to_us(clock.now()) - 1_000_000
    for number in range(8):
        row = FeedBatch.objects.get(pk=add_batch([bar(number=2 * number), bar(number=2 * number + 1)]))
        place = ring.append(batch_id=row.pk, count=2, payload=bytes(row.messages), now=start + 10 * number, keep=kept_in_ring)
        row.epoch, row.seq_from, row.seq_to, row.published_at = place.epoch, place.seq_from, place.seq_to, from_us(place.at)
        row.save()
    for number in range(8):
        assert all_pages(limit=100, since=start + 10 * number) == list(range(2 * number, 16))
        assert all_pages(limit=100, since=start + 10 * number - 5) == list(range(2 * number, 16))
    assert all_pages(limit=100, since=start + 71) == []


def test_endpoint_answers_the_contract_when_asked_over_http() -> None:
    publish_bars(5, first=0)
    service = NinjaAPI(urls_namespace="feed-test")
    service.add_router("", api.router)
    api_errors.install(service)
    since = (clock.now() - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    request = RequestFactory().get("/ws/replay", {"since": since, "limit": "2"})
    view = next(pattern for pattern in service.urls[0] if str(pattern.pattern) == "ws/replay").callback
    body = json.loads(view(request).content)
    assert set(body) == {"messages", "next"}
    assert [message["seq"] for message in body["messages"]] == [1, 2]
    assert body["messages"][0]["provider"] == "polygon"
    refused = view(RequestFactory().get("/ws/replay", {"after": "nonsense"}))
    assert refused.status_code == 422
    assert json.loads(refused.content)["error"] == {
        "code": "bad_cursor",
        "message": "after: expected a cursor such as 19aabdd537b-3f2a91.1234, got 'nonsense'",
        "field": "after",
    }


def test_feed_is_empty_and_not_broken_when_nothing_was_ever_published() -> None:
    assert replay_messages(since=0, limit=10) == replay_messages(since=to_us(clock.now()), limit=10)
    assert valkey().exists(STATE) == 1
    assert valkey().exists(PENDING) == 0
