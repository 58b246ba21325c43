"""Reading an account's row on behalf of an adapter. Pure."""

from urllib.parse import urlsplit

from providers.adapter import Account
from providers.errors import AuthFailed


def credential(account: Account, name: str) -> str:
    """A credential fit for a header.

    Raises: AuthFailed when it is missing or holds what no header may hold (a line break pasted with the key); the value is
    not shown.
    """
    value = account.credentials.get(name, "").strip()
    if not value:
        raise AuthFailed(f"{account.provider} has no credential {name!r}")
    if not value.isascii() or not value.isprintable():
        raise AuthFailed(f"the credential {name!r} of {account.provider} holds characters that no header may hold")
    return value


def secrets_of(account: Account) -> tuple[str, ...]:
    """What must not be in any message about this account."""
    return tuple(account.credentials.values())


def endpoint(account: Account, *, default: str, path: str) -> str:
    """Absolute URL of an encoded `path` (which may carry a query) below the account's base URL.

    A path that already starts with the base URL's own path is not prefixed twice: vendors name next pages absolutely.
    """
    base = (account.base_url or default).rstrip("/")
    prefix = urlsplit(base).path
    return base + (path.removeprefix(prefix) if prefix and path.startswith(prefix + "/") else path)
