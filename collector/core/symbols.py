"""What may be a symbol. Pure.

Symbols are separated by commas in addresses and follow the first dots of a channel's name, so a symbol may hold dots, slashes,
carets and letters of any script, but no comma, white space or control character.
"""

import re

MOST_CHARACTERS = 40
SYMBOL_PATTERN = r"^[^\x00-\x20,\x7f]{1,40}$"
MIC_PATTERN = r"^[A-Z0-9]{4}$"
_SYMBOL = re.compile(SYMBOL_PATTERN)
_MIC = re.compile(MIC_PATTERN)


def is_symbol(text: str) -> bool:
    """True for 1 to 40 characters without commas, white space and control characters."""
    return _SYMBOL.fullmatch(text) is not None and not any(c.isspace() or not c.isprintable() for c in text)


def is_mic(text: str) -> bool:
    """True for four capital letters or digits (the form of an ISO 10383 code; whether it is assigned is not checked)."""
    return _MIC.fullmatch(text) is not None
