"""Somebody who follows the feed through everything, with the Python client, and keeps what he was told."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from marketdata_client import Bar, SyncClient

Key = tuple[str, str, datetime]


class Follower:
    """Bars of a minute as the feed told them: how often each revision came, and each bar's newest."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[Key, int | None]] = Counter()
        self.newest: dict[Key, Bar] = {}
        self.error: Exception | None = None

    def take(self, bar: Bar) -> None:
        """One more."""
        key = bar.symbol, bar.mic, bar.start
        self.seen[key, bar.rev] += 1
        if key not in self.newest or (bar.rev or 0) > (self.newest[key].rev or 0):
            self.newest[key] = bar

    def of(self, start: datetime) -> set[str]:
        """Symbols that have a bar of that minute."""
        return {symbol for symbol, _, begin in list(self.newest) if begin == start}


@contextmanager
def following(url: str, *channels: str) -> Iterator[Follower]:
    """Subscribed when it begins, hung up at its end. Raises what the client raised."""
    follower = Follower()
    with SyncClient(url) as client, client.subscribe(*channels) as feed:
        feed.start()

        def follow() -> None:
            try:
                for message in feed:
                    if isinstance(message, Bar):
                        follower.take(message)
            except Exception as error:  # raised again below, in the thread of the test
                follower.error = error

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield follower
        finally:
            feed.close()
            thread.join()
    if follower.error is not None:
        raise follower.error
