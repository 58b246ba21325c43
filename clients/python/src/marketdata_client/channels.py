"""Which messages a set of channels is about: addresses that fill a gap may list more than was subscribed to."""

import json
from collections.abc import Iterable

from marketdata_client.models import Bar, Quote

MOST_BYTES = 32_000
"""A resume names all its channels in one frame, and the server takes frames of 32,768 bytes."""


class Channels:
    """`bars.<interval>.<symbol>`, `quotes.<symbol>` and `marks.<interval>.<tier>`, where `*` stands for a whole part behind the first.

    The grammar is the server's to judge: a newer one may know more.
    """

    def __init__(self, channels: Iterable[str]) -> None:
        self.names = tuple(channels)
        if not self.names:
            raise ValueError("expected at least one channel")
        if not all(isinstance(name, str) for name in self.names):
            raise TypeError(f"expected each channel as a text of its own, got {self.names!r:.100}")
        if len(json.dumps(self.names)) > MOST_BYTES:
            raise ValueError(f"expected channels of at most {MOST_BYTES} bytes in all; ask for many symbols by a wildcard")
        self._wanted = frozenset(self.names)

    def match(self, one: Bar | Quote) -> bool:
        """True when a bar or quote goes out on any of them. Nothing that fills a gap is a mark."""
        if isinstance(one, Quote):
            return not self._wanted.isdisjoint((f"quotes.{one.symbol}", "quotes.*"))
        pairs = ((interval, symbol) for interval in (one.interval, "*") for symbol in (one.symbol, "*"))
        return any(f"bars.{interval}.{symbol}" in self._wanted for interval, symbol in pairs)
