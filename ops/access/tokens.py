"""The text of a key: `md_`, eight digits that may be shown, and 256 random bits. Pure but for the system's randomness.

Only a SHA-256 of the text is stored. A slow hash (argon2, bcrypt) protects passwords, which people choose from a few million; of 2**256 random
texts nobody tries a noticeable part, however fast the hash is, and a slow one would cost each request what it costs an attacker.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

_SHAPE = re.compile(r"(md_[0-9a-f]{8})_[\w-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A new key: `text` is shown once and kept nowhere."""

    text: str
    prefix: str
    digest: str


def new_token() -> Token:
    """Made at random."""
    prefix = f"md_{secrets.token_hex(4)}"
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    return Token(text, prefix, digest_of(text))


def digest_of(text: str) -> str:
    """What is stored of a key: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def prefix_of(text: str) -> str | None:
    """The part that may be shown, None of what was never a key of ours."""
    shape = _SHAPE.fullmatch(text)
    return None if shape is None else shape[1]
