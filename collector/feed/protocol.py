"""Frames of `/ws/feed`: what clients may say, and what the server answers. Pure; docs/feed.md is the specification."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from collector.feed import frames
from collector.feed.frames import CloseCode, ErrorCode, Reason, Seq, ServerFrame
from collector.feed.limits import Limits
from collector.feed.position import Position
from collector.feed.subscriptions import BadChannel, check_channel
from providers.market.types import Micros, from_us

Mode = Literal["every", "latest"]
Id = Annotated[str, msgspec.Meta(max_length=100)]


class ProtocolError(ValueError):
    """A client's frame can't be obeyed; `code` is stable, the text says what was expected. The connection goes on."""

    def __init__(self, code: ErrorCode, message: str, *, frame_id: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.frame_id = code, message, frame_id


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a client stands, or a time from which on it wants everything.

    `at` is the `at` of its last data frame, and only makes a gap's span exact.
    """

    epoch: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    seq: Seq | None = None
    at: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    def __post_init__(self) -> None:
        if (self.time is None) != (self.epoch is not None and self.seq is not None):
            raise ValueError("expected epoch and seq, or time alone")

    @property
    def position(self) -> Position | None:
        """As a position, None for a time."""
        return None if self.epoch is None or self.seq is None else Position(self.epoch, self.seq)


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="subscribe"):
    """Add channels; the first one of a connection may say where to resume."""

    channels: list[str]
    id: Id | None = None
    since: Since | None = None
    mode: str | None = None

    def mode_after(self, before: Mode) -> Mode:
        """The connection's mode from here on: the one that the last subscribe to name one names."""
        return before if self.mode is None else "latest" if self.mode == "latest" else "every"


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="unsubscribe"):
    """Take channels away; ones that are not subscribed are no error."""

    channels: list[str]
    id: Id | None = None


class Pong(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="pong"):
    """Acknowledge everything up to `to`."""

    to: Seq


ClientFrame = Subscribe | Unsubscribe | Pong
_frames: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(Subscribe | Unsubscribe | Pong)


class _Outline(msgspec.Struct, frozen=True):
    op: object = None
    id: object = None


_outlines = msgspec.json.Decoder(_Outline)
_OPS = "subscribe, unsubscribe or pong"


def read_frame(text: str, *, limits: Limits) -> ClientFrame:
    """What a client said. Raises: ProtocolError."""
    if len(text) > limits.max_frame_bytes or len(text.encode(errors="replace")) > limits.max_frame_bytes:
        raise ProtocolError("frame_too_large", f"expected a frame of at most {limits.max_frame_bytes} bytes; send several")
    frame_id = _outline(text)
    try:
        frame = _frames.decode(text)
        if not isinstance(frame, Pong):
            _check(frame)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise ProtocolError("bad_frame", str(error), frame_id=frame_id) from None
    except BadChannel as error:
        raise ProtocolError("bad_channel", str(error), frame_id=frame_id) from None
    return frame


def _outline(text: str) -> str | None:
    """The frame's id, for the answer. Raises: ProtocolError for what is not even a frame."""
    try:
        outline = _outlines.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise ProtocolError("bad_json", f"expected one JSON object with op {_OPS}") from None
    frame_id = outline.id if isinstance(outline.id, str) and len(outline.id) <= 100 else None
    if outline.op not in ("subscribe", "unsubscribe", "pong"):
        raise ProtocolError("unknown_op", f"expected op {_OPS}, got {str(outline.op)[:40]!r}", frame_id=frame_id)
    return frame_id


def _check(frame: Subscribe | Unsubscribe) -> None:
    if not frame.channels:
        raise BadChannel("expected at least one channel, got an empty list")
    for channel in frame.channels:
        check_channel(channel)
    if isinstance(frame, Subscribe) and frame.mode not in (None, "every", "latest"):
        raise ProtocolError("unsupported_mode", f"expected mode every or latest, got {frame.mode[:40]!r}", frame_id=frame.id)


@dataclass(frozen=True, slots=True)
class Missing:
    """What a resume could not bring back: messages published in `[gap_from, gap_to)`; `gap_from` None: not known here."""

    reason: Reason
    gap_from: Micros | None
    gap_to: Micros
    fill_urls: Sequence[str]
    """They list what was recorded meanwhile: of bars, of quotes, as far as the subscription is about them."""


def hello(*, position: Position, limits: Limits) -> str:
    """The first frame of every connection."""
    about = limits.public()
    return _text(frames.Hello(epoch=position.epoch, seq=position.seq, heartbeat_s=limits.heartbeat_s, limits=about))


def subscribed(*, frame_id: str | None, position: Position, channels: int, missing: Missing | None = None) -> str:
    """The answer to `subscribe`; the next data frame's `from` is this position's `seq`."""
    frame = frames.Subscribed(id=frame_id, epoch=position.epoch, seq=position.seq, channels=channels, recovered=missing is None)
    return _text(frame if missing is None else _with_gap(frame, missing))


def _with_gap(frame: frames.Subscribed, missing: Missing) -> frames.Subscribed:
    since = None if missing.gap_from is None else from_us(missing.gap_from)
    urls = tuple(missing.fill_urls)
    gap = frames.Gap(since, from_us(missing.gap_to))
    return replace(frame, reason=missing.reason, gap=gap, fill_url=next(iter(urls), None), fill_urls=urls)


def unsubscribed(*, frame_id: str | None, position: Position, channels: int) -> str:
    """The answer to `unsubscribe`."""
    return _text(frames.Unsubscribed(id=frame_id, epoch=position.epoch, seq=position.seq, channels=channels))


def epoch_began(*, position: Position, previous: Position) -> str:
    """Numbers start anew: everything of `previous` has been sent, and the next data frame's `from` is 0."""
    return _text(frames.EpochBegan(epoch=position.epoch, seq=0, previous=frames.Place(previous.epoch, previous.seq)))


def error(problem: ProtocolError) -> str:
    """The answer to a frame that can't be obeyed."""
    return _text(frames.Error(id=problem.frame_id, code=problem.code, message=problem.message))


def bye(*, code: CloseCode, reason: str, retry_in: float | None, position: Position | None) -> str:
    """The last frame before a close, with the last position that was sent; `retry_in` (seconds) null: don't reconnect."""
    epoch, seq = (UNSET, UNSET) if position is None else (position.epoch, position.seq)
    return _text(frames.Bye(code=code, reason=reason, retry_in=retry_in, epoch=epoch, seq=seq))


def _text(frame: ServerFrame) -> str:
    return msgspec.json.encode(frame).decode()
