"""What was published behind a position: from the ring while it holds it, from the rows behind it otherwise. Blocking.

A walk is a sequence of steps, each of which looks anew: nothing is held while a slow client reads, and a ring that moves on, a flush
or a deleted row in between shows up as a batch that does not join, never as a silent hole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from collector.feed import log
from collector.feed.batches import Batch
from collector.feed.frames import Reason
from collector.feed.log import EpochSpan
from collector.feed.position import Position, epoch_opened_us
from collector.feed.ring import Ring
from providers.market.types import Micros

PAGE_BATCHES, PAGE_MESSAGES = 50, 5_000


@dataclass(frozen=True, slots=True)
class Step:
    """The next batches of a position's epoch, or, with none, where to go on: another epoch's beginning, or None at the end."""

    batches: Sequence[Batch]
    onward: Position | None = None


class History:
    """Reads behind positions. Raises FeedUnavailable (Valkey) and Django's database errors."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._settled = ""

    def settle(self, epoch: str) -> None:
        """Make sure that the rows of all epochs before `epoch` are final; once an epoch and process."""
        if self._settled != epoch:
            log.wait_for_stamps()
            self._settled = epoch

    def step(self, position: Position, *, batches: int = PAGE_BATCHES, messages: int = PAGE_MESSAGES) -> Step:
        """What follows `position`. The first batch may begin before it; it begins behind it where something is not there any more."""
        epoch, held = self._ring.after(position, count=batches)
        if epoch == position.epoch:
            if held and held[0].seq_from <= position.seq:
                return Step(held)
            found = _before(held, position, messages)
            if found and found[0].seq_from > position.seq:
                log.wait_for_stamps()  # the ring may have let go of a batch whose stamp is still under way
                found = _before(held, position, messages)
            return Step(found)
        self.settle(epoch)
        rows = log.rows_after(position, max_messages=messages)
        return Step(rows) if rows else Step([], Position(log.next_epoch(after=position.epoch, before=epoch), 0))

    def judge(self, position: Position, *, now: Micros, max_messages: int) -> Reason | None:
        """None when everything published behind `position` can be read, else why not. Reads no message."""
        state = self._ring.look()
        if position.epoch == state.top.epoch:
            if position.seq > state.top.seq:
                return "ahead"
            if state.top.seq - position.seq > max_messages:
                return "too_many"
            if position.seq >= state.first:
                return None
        elif not self._is_known(position, before=state.top.epoch, now=now):
            return "epoch_changed"
        self.settle(state.top.epoch)
        begin = Position(state.top.epoch, state.first)
        spans = log.spans_between(after=position, upto=begin)
        if not joins(spans, after=position, upto=begin):
            log.wait_for_stamps()  # the ring may have let go of a batch whose stamp is still under way
            spans = log.spans_between(after=position, upto=begin)
            if not joins(spans, after=position, upto=begin):
                return "too_old"
        behind = sum(span.messages for span in spans) + state.top.seq - state.first
        return "too_many" if behind > max_messages else None

    def kept_from(self, at: Micros) -> tuple[Position, bool]:
        """The position before everything kept that was published at or after a time; and whether older things are kept as well."""
        position, reaches_back = self._ring.locate(at=at)
        if reaches_back:
            return position, True
        kept = log.position_at(at)
        return position if kept is None else min(kept, position), log.is_kept_before(at)

    def begin_at(self, at: Micros, *, now: Micros) -> tuple[Position, bool]:
        """The position before everything published at or after a time; False when some of that may be deleted.

        What is deleted is older than what is kept. Where nothing older is kept, it may be that there never was anything: then the
        time lies in the hours for which rows are kept, and the first one of them began an epoch.
        """
        position, reaches_back = self.kept_from(at)
        return position, reaches_back or (position.seq == 0 and at > now - _kept_us())

    def _is_known(self, position: Position, *, before: str, now: Micros) -> bool:
        """True when rows prove that nothing later is deleted; or nothing was published yet in an epoch that is younger than the rows."""
        opened = epoch_opened_us(position.epoch)
        if opened is None or position.epoch > before:
            return False
        return log.has_epoch(position.epoch) or (position.seq == 0 and opened > now - _kept_us())

    def known_since(self, position: Position) -> Micros | None:
        """A time before which nothing is missing behind `position`: when its batch, or at least its epoch, came about."""
        published = log.published_at(position) if epoch_opened_us(position.epoch) is not None else None
        return published or epoch_opened_us(position.epoch)


def _before(held: Sequence[Batch], position: Position, messages: int) -> Sequence[Batch]:
    """Rows that lead from a position to what the ring held, or that itself where there are none."""
    rows = log.rows_after(position, max_messages=messages)
    return [row for row in rows if not held or row.seq_to <= held[0].seq_from] or held


def _kept_us() -> Micros:
    return timedelta(hours=settings.FEED_BATCH_HOURS) // timedelta(microseconds=1)


def joins(spans: Sequence[EpochSpan], *, after: Position, upto: Position) -> bool:
    """True when the spans cover everything from `after` to `upto` without a hole.

    The end of an epoch that is over may be lacking: what was not stamped when it ended has gone out again in a later one.
    """
    for span in spans:
        begin = after.seq if span.epoch == after.epoch else 0
        if span.seq_from > begin or span.messages != span.seq_to - span.seq_from:
            return False
    reached = {span.epoch: span.seq_to for span in spans}
    reached.setdefault(after.epoch, after.seq)
    return reached.get(upto.epoch, 0) >= upto.seq
