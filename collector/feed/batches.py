"""A published batch, and the data frames it becomes. Pure."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from collector.core.messages import iso
from collector.feed.position import Position
from collector.feed.subscriptions import ChannelIndex, MessageHead
from providers.market.types import Micros

logger = logging.getLogger(__name__)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_heads = msgspec.json.Decoder(list[MessageHead])


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages with `seq` in `(seq_from, seq_to]` of one epoch; `payload` is their JSON array, without `seq`."""

    epoch: str
    seq_from: int
    seq_to: int
    at: Micros
    """When it was published."""
    payload: bytes
    committed: Micros = 0
    """When its rows were written, 0 when that is not told."""

    @property
    def end(self) -> Position:
        """Where a reader of it stands."""
        return Position(self.epoch, self.seq_to)


@dataclass(frozen=True, slots=True)
class View:
    """Consecutive batches, taken apart: message i of `texts` has the sequence number `seqs[i]` and carries it."""

    at: Micros
    seqs: Sequence[int]
    ats: Sequence[Micros]
    """When each message was published: a frame that is cut tells the time of its own end, not of what is still to come."""
    texts: Sequence[bytes]
    index: ChannelIndex
    committed: Micros = 0
    """When the oldest of the batches was written."""


def view(*batches: Batch, after: int = -1, upto: int | None = None) -> View:
    """Take apart the messages with `after < seq <= upto` of batches that follow each other in one epoch."""
    seqs: list[int] = []
    ats: list[Micros] = []
    texts: list[bytes] = []
    heads: list[MessageHead] = []
    for batch in batches:
        raws, some = _decode(batch)
        first = max(batch.seq_from, after)
        last = min(batch.seq_from + len(raws), batch.seq_to if upto is None else upto)
        chosen = slice(first - batch.seq_from, max(last - batch.seq_from, 0))
        numbers = range(first + 1, max(first, last) + 1)
        texts += [bytes(raw)[:-1] + b',"seq":%d}' % seq for raw, seq in zip(raws[chosen], numbers, strict=True)]
        heads += some[chosen]
        seqs += numbers
        ats += [batch.at] * len(numbers)
    committed = min(batch.committed for batch in batches)
    return View(max(batch.at for batch in batches), seqs, ats, texts, ChannelIndex(heads), committed)


def _decode(batch: Batch) -> tuple[list[msgspec.Raw], list[MessageHead]]:
    """Messages and their heads.

    A payload that is no JSON array of as many messages as its range is long would stop every reader at the same place for ever: it
    is logged, and what can be read of it goes out.
    """
    try:
        raws, heads = _raws.decode(batch.payload), _heads.decode(batch.payload)
    except msgspec.DecodeError:
        raws, heads = [], []
    count = batch.seq_to - batch.seq_from
    if len(raws) != count:
        logger.error(
            "A feed batch does not hold the messages that it says",
            extra={"action": "feed_batch_malformed", "epoch": batch.epoch, "seq_from": batch.seq_from, "held": len(raws)},
        )
    return raws[:count], heads[:count]


@dataclass(frozen=True, slots=True)
class Tail:
    """A data frame but for its `from`, which may differ between connections."""

    seq_to: int
    text: str
    count: int

    def frame(self, seq_from: int) -> str:
        """The whole frame."""
        return f'{{"op":"data","from":{seq_from},{self.text}'


def tails(seen: View, *, channels: frozenset[str], upto: int, max_bytes: int) -> Iterator[Tail]:
    """The frames of what matches `channels`, cut at about `max_bytes`; the last one reaches to `upto`. None when nothing matches."""
    chosen: list[bytes] = []
    size, reached, at = 0, 0, seen.at
    for number in seen.index.matching(channels):
        text = seen.texts[number]
        if chosen and size + len(text) > max_bytes:
            yield tail(chosen, reached, at)
            chosen, size = [], 0
        chosen.append(text)
        size += len(text)
        reached, at = seen.seqs[number], seen.ats[number]
    if chosen:
        yield tail(chosen, upto, seen.at)


def empty_tail(*, upto: int, at: Micros) -> Tail:
    """A frame without messages: a heartbeat, or the end of a range in which nothing matched."""
    return tail([], upto, at)


def tail(texts: Sequence[bytes], upto: int, at: Micros, *, skipped: int = 0) -> Tail:
    """The frame of these messages; `skipped`: how many more its range had."""
    told = f'"skipped":{skipped},' if skipped else ""
    return Tail(upto, f'"to":{upto},"at":"{iso(at)}",{told}"messages":[{b",".join(texts).decode()}]}}', len(texts))
