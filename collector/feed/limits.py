"""What a connection may ask for and hold. Pure."""

from dataclasses import dataclass


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
    data_frame_bytes: int = 262_144
    """A longer data frame is cut: many clients refuse frames above 1 MiB."""
    outbox_frames: int = 2_000
    outbox_bytes: int = 8_388_608
    concurrent_replays: int = 3
    """In a process; the others wait, so that a thousand clients that come back at once don't hold a thousand histories."""
    ready_timeout_s: float = 5.0
    close_grace_s: float = 2.0
    """How long a closing connection may take to send its last frame."""

    def public(self) -> dict[str, int]:
        """What `hello` says."""
        return {
            "max_frame_bytes": self.max_frame_bytes,
            "max_channels": self.max_channels,
            "max_replay_messages": self.max_replay_messages,
        }
