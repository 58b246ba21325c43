"""Where a page ends, as text that clients hand back unread."""

import base64
import binascii
import json
from datetime import datetime

from collector.core.symbols import is_symbol
from collector.core.times import parse_instant
from providers.api_errors import ApiError

MOST_ID = 2**63 - 1

Key = tuple[str, int | str]


def encode(key: Key) -> str:
    """Opaque text of a key, safe in an address."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(text: str, *, kind: type[int] | type[str]) -> Key:
    """The key of a cursor whose second part is of `kind`. Raises: ApiError for any other text."""
    try:
        key = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        key = None
    if isinstance(key, list) and list(map(type, key)) == [str, kind] and all(map(_is_safe, key)):
        return key[0], key[1]
    raise ApiError("after: expected the `next` of an earlier page", code="bad_cursor", field="after")


def decode_moment(text: str) -> tuple[datetime, int]:
    """The key of a cursor of a moment and a row's number. Raises: ApiError for any other text."""
    first, number = decode(text, kind=int)
    try:
        moment = parse_instant(first)
    except ValueError:
        moment = None
    if moment is None or not isinstance(number, int) or not 0 <= number <= MOST_ID:
        raise ApiError("after: expected the `next` of an earlier page", code="bad_cursor", field="after")
    return moment, number


def _is_safe(part: object) -> bool:
    """Text that Postgres can take; a forged cursor may hold NUL or half a surrogate pair."""
    return isinstance(part, int) or (isinstance(part, str) and is_symbol(part))
