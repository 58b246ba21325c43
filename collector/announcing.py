"""The last step of every write: one `FeedBatch`, told to the feed once the write is committed."""

from collections.abc import Sequence

from django.db import transaction

from collector import store_sql as sql
from collector.core.messages import encode
from collector.feed.publisher import publish
from providers.market.types import Micros, from_us


def announce(messages: Sequence[object], *, recorded_at: Micros) -> int | None:
    """Keep messages in the caller's transaction; returns the batch's id, None when there are none."""
    if not messages:
        return None
    batch_id = sql.add_feed_batch(from_us(recorded_at), len(messages), encode(list(messages)))
    transaction.on_commit(lambda: publish(batch_ids=[batch_id]), robust=True)  # the write is done, whatever comes
    return batch_id
