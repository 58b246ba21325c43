"""Where a page ends, as text that clients hand back unread."""

import base64
import binascii
import json

from collector.core.symbols import is_symbol
from providers.api_errors import ApiError

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
    if isinstance(key, list) and len(key) == 2 and type(key[1]) is kind and all(map(_is_safe, key)):
        return key[0], key[1]
    raise ApiError("after: expected the `next` of an earlier page", code="bad_cursor", field="after")


def _is_safe(part: object) -> bool:
    """Text that Postgres can take; a forged cursor may hold NUL or half a surrogate pair."""
    return isinstance(part, int) or (isinstance(part, str) and is_symbol(part))
