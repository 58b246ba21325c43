"""Where in the feed somebody stands. Pure."""

import re
from dataclasses import dataclass

from providers.market.types import Micros

_EPOCH = re.compile(r"[0-9a-f]{11}-[0-9a-f]{6}")
MAX_SEQ = 2**53 - 1
"""Above it JavaScript and Lua lose whole numbers."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Everything up to and including `seq` of `epoch`. Positions compare in the order of the feed: epochs sort by their age."""

    epoch: str
    seq: int

    @property
    def cursor(self) -> str:
        """As text, for URLs."""
        return f"{self.epoch}.{self.seq}"


def read_cursor(text: str) -> Position:
    """The position behind a cursor. Raises: ValueError for anything that `Position.cursor` does not write."""
    epoch, _, seq = text.partition(".")
    if not _EPOCH.fullmatch(epoch) or not (seq.isascii() and seq.isdigit()) or int(seq) > MAX_SEQ:
        raise ValueError(f"expected a cursor such as 19aabdd537b-3f2a91.1234, got {text[:60]!r}")
    return Position(epoch, int(seq))


def epoch_opened_ms(epoch: str) -> int | None:
    """When an epoch was opened (epoch milliseconds, Valkey's clock), None for text that no publisher could have written."""
    return int(epoch.partition("-")[0], 16) if _EPOCH.fullmatch(epoch) else None


def epoch_opened_us(epoch: str) -> Micros | None:
    """`epoch_opened_ms` in microseconds."""
    opened = epoch_opened_ms(epoch)
    return None if opened is None else opened * 1000
