"""Why an operator does something, as commands are told."""

from argparse import ArgumentTypeError

MOST_CHARACTERS = 300
"""As much as the audit, a dead letter and a range declared bad keep of it."""


def reason(text: str) -> str:
    """For `add_argument(type=…)`. Raises: ArgumentTypeError for one that is too long to be kept: nothing is cut silently."""
    if len(text) > MOST_CHARACTERS:
        raise ArgumentTypeError(f"expected {MOST_CHARACTERS} characters at most, got {len(text)}")
    return text
