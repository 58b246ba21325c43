"""Writes bars of many series as collecting does, remembers what went out, and forgets old rows as retention does."""

import json
import random
from datetime import date, timedelta

from collector.core.messages import iso
from collector.feed.publisher import delete_batches, publish_unpublished
from collector.feed.ring import shared_ring
from collector.models import Bar, FeedBatch
from collector.store import write_bars
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, Hours, Interval, to_us
from tests.builders import row, us
from tests.faults.churn.proof import Place, Said
from tests.faults.churn.world import NOWHERE
from tests.integration.collector.rows import make_provider, make_series, make_write

FIRST, LAST = date(2025, 8, 4), date(2025, 10, 8)
CORRECTED = 0.3
"""How many of the rows correct an older one."""


class Publisher:
    """One writer. `published` counts messages; `log` holds those whose rows were looked at, by their place."""

    def __init__(self, *, series: int, rng: random.Random) -> None:
        self.published = 0
        self.forgotten = NOWHERE
        self.log: dict[Place, Said] = {}
        self._seen: set[int] = set()
        self._rng = rng
        self._series = [make_series(f"S{number}") for number in range(series)]
        self._provider = make_provider()
        slots, _ = get_calendar("XNYS", Hours.REGULAR).session_slots(Interval.M1, FIRST, LAST)
        self._slots = slots.tolist()
        self._next = [0] * series
        self._asked_at = us("2025-11-01 00:00")
        self._price = 0

    def write(self) -> None:
        """A bar of each series: a new one, or a correction."""
        self._asked_at += MINUTE_US
        rows = [self._row(number) for number in range(len(self._series))]
        result = write_bars(make_write(self._series, rows, provider=self._provider, asked_at=self._asked_at), history_before=0)
        assert result.new + result.replaced == len(rows)
        self.published += len(rows)

    def _row(self, number: int) -> dict[str, object]:
        known = self._next[number]
        place = self._rng.randrange(known) if known and self._rng.random() < CORRECTED else known
        self._next[number] = max(known, place + 1)
        self._price += 1
        return row(self._slots[place], 10 + self._price / 1000, symbol=self._series[number].instrument.symbol)

    @property
    def top(self) -> Place:
        """Where the feed stands."""
        top = shared_ring().look().top
        return Place(top.epoch, top.seq)

    def sweep(self) -> None:
        """Publish what a writer could not."""
        publish_unpublished(older_than_s=0, limit=1_000)

    def remember(self) -> None:
        """Take all published rows into the log."""
        published = FeedBatch.objects.filter(published_at__isnull=False).exclude(pk__in=self._seen)
        for number, epoch, begin, messages in published.values_list("pk", "epoch", "seq_from", "messages"):
            self._seen.add(number)
            for seq, one in enumerate(json.loads(bytes(messages)), begin + 1):
                self.log[Place(epoch, seq)] = Said(one["symbol"], one["start"], one["rev"], one["close"])

    def forget(self, *, keep: int) -> None:
        """Delete published rows, oldest first, but for those with the newest messages."""
        self.remember()
        published, kept = FeedBatch.objects.filter(published_at__isnull=False), 0
        for at, epoch, seq, count in published.order_by("-published_at", "-pk").values_list(
            "published_at", "epoch", "seq_to", "message_count"
        ):
            if kept >= keep:
                delete_batches(before=at + timedelta(microseconds=1), limit=5_000)
                self.forgotten = max(self.forgotten, Place(epoch, seq))
                return
            kept += count

    def held(self) -> set[Said]:
        """What Postgres holds now."""
        names = {one.pk: one.instrument.symbol for one in self._series}
        return {Said(names[bar.series_id], iso(to_us(bar.start)), bar.rev, bar.close) for bar in Bar.objects.all()}
