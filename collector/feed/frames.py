"""What the server says on `/ws/feed`: a schema for every frame, and the codes in them. Pure; docs/feed.md is the specification.

`collector.feed.protocol` encodes frames from these, but for `data`, which is joined from messages that are encoded already
(`collector.feed.batches`): its schema says what must come of that.
"""

from enum import IntEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from collector.feed.limits import PublicLimits
from collector.feed.messages import Message, Time
from collector.feed.position import MAX_SEQ

Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
Epoch = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
FillUrl = Annotated[str, msgspec.Meta(pattern=r"^/(bars|quotes)\?")]
Reason = Literal["epoch_changed", "too_old", "too_many", "ahead"]
ErrorCode = Literal[
    "bad_json",
    "binary_frame",
    "unknown_op",
    "bad_frame",
    "bad_channel",
    "too_many_channels",
    "frame_too_large",
    "since_not_first",
    "unsupported_mode",
    "never_sent",
]


class CloseCode(IntEnum):
    """Why the server closed. 4000 to 4499: reconnect with the last position; 4500 and up: don't, the answer will be the same."""

    RESTARTING = 4000
    SLOW_READER = 4008
    LOST_PLACE = 4009
    """The server can't go on without a hole from where the connection stood; a resume finds out what is missing."""
    TRY_AGAIN = 4013
    """Valkey or Postgres can't be reached now."""
    TOO_SILENT = 4408
    """No subscribe in time, or no frame for long."""
    TOO_MUCH = 4429
    """Too many connections of one client, frames, bad keys of one peer, or connections that have not said who they are."""
    NOT_ALLOWED = 4401
    WRONG_ORIGIN = 4403
    NO_SUCH_PATH = 4504


class _Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op"):
    pass


class Hello(_Frame, frozen=True, kw_only=True, tag="hello"):
    """The first frame of every connection."""

    epoch: Epoch
    seq: Seq
    heartbeat_s: float
    limits: PublicLimits


class Gap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is missing was published in `[since, upto)`; `since` None: not known here."""

    since: Time | None = msgspec.field(name="from")
    upto: Time = msgspec.field(name="to")


class Subscribed(_Frame, frozen=True, kw_only=True, tag="subscribed"):
    """The answer to `subscribe`; the next data frame's `from` is this `seq`. The last four are there when not `recovered`."""

    id: str | None
    epoch: Epoch
    seq: Seq
    channels: int
    recovered: bool
    reason: Reason | UnsetType = UNSET
    gap: Gap | UnsetType = UNSET
    fill_url: FillUrl | UnsetType | None = UNSET
    fill_urls: tuple[FillUrl, ...] | UnsetType = UNSET


class Unsubscribed(_Frame, frozen=True, kw_only=True, tag="unsubscribed"):
    """The answer to `unsubscribe`."""

    id: str | None
    epoch: Epoch
    seq: Seq
    channels: int


class Data(_Frame, frozen=True, kw_only=True, tag="data"):
    """Every message of the subscription with `after < seq <= upto`, or, with `skipped`, the newest of them."""

    after: Seq = msgspec.field(name="from")
    upto: Seq = msgspec.field(name="to")
    at: Time
    skipped: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET
    messages: tuple[Message, ...]


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position, as frames tell it."""

    epoch: Epoch
    seq: Seq


class EpochBegan(_Frame, frozen=True, kw_only=True, tag="epoch"):
    """Numbers start anew: everything of `previous` has been sent, and the next data frame's `from` is 0."""

    epoch: Epoch
    seq: Literal[0]
    previous: Place


class Error(_Frame, frozen=True, kw_only=True, tag="error"):
    """The answer to a frame that can't be obeyed."""

    id: str | None
    code: ErrorCode
    message: str


class Bye(_Frame, frozen=True, kw_only=True, tag="bye"):
    """The last frame before a close, with the last position that was sent; `retry_in` (seconds) None: don't reconnect."""

    code: CloseCode
    reason: str
    retry_in: float | None
    epoch: Epoch | UnsetType = UNSET
    seq: Seq | UnsetType = UNSET


ServerFrame = Hello | Subscribed | Unsubscribed | Data | EpochBegan | Error | Bye
