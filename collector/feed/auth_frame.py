"""The frame by which a client that can't send headers says who it is. Pure; whether the key opens is decided elsewhere."""

import msgspec

from collector.feed.protocol import ProtocolError

EXPECTED = '{"op": "auth", "key": "…"}'


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="auth"):
    """A connection's first frame, if any."""

    key: str


class _Outline(msgspec.Struct, frozen=True):
    op: object = None


_frames = msgspec.json.Decoder(Auth)
_outlines = msgspec.json.Decoder(_Outline)


def read_auth(text: str | None) -> Auth | None:
    """The frame, None when it is another one. Raises: ProtocolError for one that wants to be it."""
    try:
        if text is None or _outlines.decode(text).op != "auth":
            return None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    try:
        return _frames.decode(text)
    except msgspec.ValidationError:  # not told: it may name what is in the frame
        raise ProtocolError("bad_frame", f"expected {EXPECTED}") from None
