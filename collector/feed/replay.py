"""`GET /ws/replay`: messages by the time they were published, a page at a time. Blocking."""

from dataclasses import dataclass

from collector.feed.batches import Batch, view
from collector.feed.history import History
from collector.feed.position import Position, read_cursor
from collector.feed.ring import Ring, shared_ring
from providers.market.types import Micros

MAX_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Replay:
    """One page: messages as JSON objects, oldest first, and the cursor of the next page, None when this is the newest one."""

    messages: list[bytes]
    next: str | None


def replay_messages(*, since: Micros | None, limit: int, after: str | None = None, ring: Ring | None = None) -> Replay:
    """At most `limit` messages published at or after `since`, or behind the cursor `after`, which then decides alone.

    Pages that follow each other's cursors hold every message once, whatever is published, evicted or flushed in between. With
    neither `since` nor `after`: from the oldest message that is kept.

    Raises: ValueError for a cursor that is none; FeedUnavailable.
    """
    ring = ring or shared_ring()
    history = History(ring)
    position = read_cursor(after) if after is not None else history.kept_from(since or 0)[0]
    return _page(history, position, limit)


def _page(history: History, position: Position, limit: int) -> Replay:
    messages: list[bytes] = []
    while True:
        step = history.step(position, batches=10, messages=limit - len(messages))
        if step.onward is not None:
            position = step.onward
            continue
        if not step.batches:
            return Replay(messages, None)
        for batch in step.batches:
            position = _take(messages, batch, position, limit)
            if len(messages) >= limit:
                return Replay(messages, _next(history, position))


def _take(messages: list[bytes], batch: Batch, position: Position, limit: int) -> Position:
    """Add what is behind `position`; answer where that leads."""
    begin = max(position.seq, batch.seq_from)
    upto = min(batch.seq_to, begin + limit - len(messages))
    messages.extend(view(batch, after=begin, upto=upto).texts)
    return Position(batch.epoch, upto)


def _next(history: History, position: Position) -> str | None:
    """The cursor, unless nothing follows: a full last page has no next one."""
    while True:
        step = history.step(position, batches=1, messages=1)
        if step.onward is None:
            return position.cursor if step.batches else None
        position = step.onward
