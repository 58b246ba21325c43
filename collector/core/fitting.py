"""Which accounts' bars a series is made of. Pure."""

from providers.adapter import Account


def is_made_of(account: Account, *, adjustment: str, feed_scope: str) -> bool:
    """Whether an account's prices and feed are those of a series; an empty `feed_scope` takes any."""
    return adjustment == account.adjustment and feed_scope in {"", account.feed_scope}
