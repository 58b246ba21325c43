"""What a connection may ask for and hold. Pure."""

from dataclasses import dataclass

import msgspec


class PublicLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The bounds that `hello` tells: those that a client can keep to."""

    max_frame_bytes: int
    max_channels: int
    max_replay_messages: int
    max_outstanding_bytes: int
    latest_outstanding_bytes: int
    max_frames_per_s: float
    frame_burst: int
    max_connections: int
    subscribe_timeout_s: float
    idle_timeout_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection; `hello` tells clients the ones that concern them."""

    heartbeat_s: float = 10.0
    max_frame_bytes: int = 32_768
    """Of a client's frame. Half of what the server takes: between the two a client gets an `error`, above it loses the socket."""
    max_channels: int = 5_000
    """Of a connection, over all its subscribes. Many symbols are better asked for by a wildcard."""
    max_replay_messages: int = 50_000
    """Of a resume, counted before the filter: what must be read is bounded, not only what is sent."""
    max_outstanding_bytes: int = 8_388_608
    """Queued or sent and not acknowledged. Some 25,000 bars: a minute of a large exchange, or seconds of a reader's pause."""
    latest_outstanding_bytes: int = 1_048_576
    """The same in mode `latest`, where it begins to conflate: who wants the newest has no use for 8 MiB of what is older."""
    max_frames_per_s: int = 20
    """Of a client, in the long run. Pongs that acknowledge something new are free: there are no more of them than data frames."""
    frame_burst: int = 200
    """How many may come at once: 5,000 channels in frames of 25 each. Also how many wait behind a resume."""
    max_connections: int = 1_000
    """Of one API key, or address without one, in a process. Programs on one machine share an address."""
    subscribe_timeout_s: float = 30.0
    idle_timeout_s: float = 120.0
    """Without a frame from the client. Twelve heartbeats, each of which asks for a pong."""
    data_frame_bytes: int = 262_144
    """A longer data frame is cut: many clients refuse frames above 1 MiB."""
    outbox_frames: int = 2_000
    """Queued and not yet sent: frames of a few bytes cost memory too."""
    concurrent_replays: int = 3
    """In a process; the others wait, so that a thousand clients that come back at once don't hold a thousand histories."""
    ready_timeout_s: float = 5.0
    close_grace_s: float = 2.0
    """How long a closing connection may take to send its last frame."""

    @property
    def frame_bytes(self) -> int:
        """How long data frames get, about: a history waits until half of what may be outstanding is free, and must then fit."""
        return min(self.data_frame_bytes, self.max_outstanding_bytes // 4)

    def public(self) -> PublicLimits:
        """What `hello` says."""
        return PublicLimits(**{name: getattr(self, name) for name in PublicLimits.__struct_fields__})
