"""Mode `latest`: of what a slow reader has not had yet, the newest message of each series, instrument and tier. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from collector.feed.batches import Tail, View, tail
from collector.feed.position import Position
from providers.market.types import Micros


class _Identity(msgspec.Struct, frozen=True):
    """What tells messages of one thing from those of another, and the newer from the older."""

    type: str = ""
    symbol: str = ""
    tier: str = ""
    mic: str = ""
    interval: str = ""
    hours: str = ""
    adjustment: str = ""
    start: str = ""
    at: str = ""
    rev: int = 0
    complete: bool = False


_identities = msgspec.json.Decoder(_Identity)
Key = tuple[str, ...]
Age = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Message:
    """A message with what conflation must know of it."""

    key: Key
    age: Age
    seq: int
    at: Micros
    """When it was published."""
    text: bytes


def messages_of(seen: View, *, channels: frozenset[str]) -> list[Message]:
    """What of a view goes out on any of `channels`."""
    return [_message(seen.seqs[number], seen.ats[number], seen.texts[number]) for number in seen.index.matching(channels)]


def _message(seq: int, at: Micros, text: bytes) -> Message:
    one = _identities.decode(text)
    key = (one.type, one.symbol or one.tier, one.mic, one.interval, one.hours, one.adjustment)
    if one.type == "bar":
        age = (one.start, one.rev)
    elif one.type == "quote":
        age = (one.at.rstrip("Z"), one.rev)  # a time with a fraction sorts behind the same one without
    elif one.type == "mark":
        age = (one.start, int(one.complete))
    else:
        age = ("", 0)  # the later one counts
    return Message(key, age, seq, at, text)


class Conflation:
    """The newest messages that are held back, in the order of `seq`, and how many gave way to them."""

    def __init__(self) -> None:
        self.bytes = 0
        self.upto: Position | None = None
        """Up to where everything is held or skipped; None when nothing is held back."""
        self._at: Micros = 0
        self._held: dict[Key, Message] = {}
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._held)

    def fold(self, messages: Sequence[Message], *, upto: Position, at: Micros) -> int:
        """Hold back messages that follow the ones held; answer how many were skipped for it."""
        before = len(self._held) + len(messages)
        for message in messages:
            old = self._held.get(message.key)
            if old is not None and old.age > message.age:
                continue
            if old is not None:
                del self._held[message.key]  # so that the order is that of `seq`
                self.bytes -= len(old.text)
            self._held[message.key] = message
            self.bytes += len(message.text)
        self.upto, self._at = upto, at
        skipped = before - len(self._held)
        self._skipped += skipped
        return skipped

    def next(self, *, max_bytes: int) -> Tail | None:
        """The next frame, which tells all that was skipped before it and before those cut from it; None when nothing is held back."""
        if self.upto is None:
            return None
        texts: list[bytes] = []
        size, reached, at = 0, 0, self._at
        while self._held:
            message = next(iter(self._held.values()))
            if texts and size + len(message.text) > max_bytes:
                break
            del self._held[message.key]
            texts.append(message.text)
            size, reached, at = size + len(message.text), message.seq, message.at
        self.bytes -= size
        reached, at = (reached, at) if self._held else (self.upto.seq, self._at)
        frame = tail(texts, reached, at, skipped=self._skipped)
        self._skipped = 0
        if not self._held:
            self.upto = None
        return frame
