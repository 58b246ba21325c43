"""A published batch, and the data frames it becomes. Pure."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from collector.feed.position import Position
from collector.feed.protocol import iso
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

    @property
    def end(self) -> Position:
        """Where a reader of it stands."""
        return Position(self.epoch, self.seq_to)


@dataclass(frozen=True, slots=True)
class View:
    """A batch, taken apart: message i of `texts` has the sequence number `seqs[i]` and carries it."""

    batch: Batch
    seqs: range
    texts: Sequence[bytes]
    index: ChannelIndex


def view(batch: Batch, *, after: int = -1, upto: int | None = None) -> View:
    """Take apart the messages with `after < seq <= upto`.

    A payload that is no JSON array of as many messages as its range is long would stop every reader at the same place for ever: it
    is logged, and what can be read of it goes out.
    """
    first = max(batch.seq_from, after)
    last = batch.seq_to if upto is None else min(batch.seq_to, upto)
    try:
        raws, heads = _raws.decode(batch.payload), _heads.decode(batch.payload)
    except msgspec.DecodeError:
        raws, heads = [], []
    if len(raws) != batch.seq_to - batch.seq_from:
        logger.error(
            "A feed batch does not hold the messages that it says",
            extra={"action": "feed_batch_malformed", "epoch": batch.epoch, "seq_from": batch.seq_from, "held": len(raws)},
        )
    chosen = slice(first - batch.seq_from, max(last - batch.seq_from, 0))
    raws, heads = raws[chosen], heads[chosen]
    seqs = range(first + 1, first + 1 + len(raws))
    texts = [bytes(raw)[:-1] + b',"seq":%d}' % seq for raw, seq in zip(raws, seqs, strict=True)]
    return View(batch, seqs, texts, ChannelIndex(heads))


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
    size, reached = 0, 0
    for number in seen.index.matching(channels):
        text = seen.texts[number]
        if chosen and size + len(text) > max_bytes:
            yield _tail(chosen, reached, seen.batch.at)
            chosen, size = [], 0
        chosen.append(text)
        size += len(text)
        reached = seen.seqs[number]
    if chosen:
        yield _tail(chosen, upto, seen.batch.at)


def empty_tail(*, upto: int, at: Micros) -> Tail:
    """A frame without messages: a heartbeat, or the end of a range in which nothing matched."""
    return _tail([], upto, at)


def _tail(texts: Sequence[bytes], upto: int, at: Micros) -> Tail:
    return Tail(upto, f'"to":{upto},"at":"{iso(at)}","messages":[{b",".join(texts).decode()}]}}', len(texts))
