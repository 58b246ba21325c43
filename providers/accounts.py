"""Reading an account's row on behalf of an adapter. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from providers.adapter import Account, Adapter, Option
from providers.errors import AuthFailed, UnsupportedRequest

SYMBOLS_PER_CALL = "symbols_per_call"
"""Option of vendors whose quota counts symbols, not requests."""


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


def optional_credential(account: Account, name: str) -> str | None:
    """A credential that the vendor may do without. Raises: AuthFailed when no header may hold it."""
    return credential(account, name) if account.credentials.get(name, "").strip() else None


def secrets_of(account: Account) -> tuple[str, ...]:
    """What must not be in any message about this account."""
    return tuple(account.credentials.values())


def is_plain_address(base_url: str) -> bool:
    """Whether a base URL is free of the places in which secrets are written: before an @, behind a ?."""
    parts = urlsplit(base_url)
    return "@" not in parts.netloc and not parts.query and not parts.fragment


def endpoint(account: Account, *, default: str, path: str) -> str:
    """Absolute URL of an encoded `path` (which may carry a query) below the account's base URL.

    A path that already starts with the base URL's own path is not prefixed twice: vendors name next pages absolutely.
    """
    base = (account.base_url or default).rstrip("/")
    prefix = urlsplit(base).path
    return base + (path.removeprefix(prefix) if prefix and path.startswith(prefix + "/") else path)


def known_options(adapter: Adapter) -> Mapping[str, Option]:
    """The options that an account of this vendor may set; an adapter without any need not say so."""
    options: Mapping[str, Option] = getattr(adapter, "options", {})
    return options


def option_text(value: object) -> str:
    """An option's value as a row holds it, `true` or 7 included, as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_options(adapter: Adapter, options: Mapping[str, object]) -> None:
    """Raises: ValueError that names the known options, or what the value of one may be."""
    known = known_options(adapter)
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"unknown option {name!r}, {adapter.name} knows {', '.join(sorted(known)) or 'none'}")
        if not re.fullmatch(known[name].pattern, option_text(value)):
            raise ValueError(f"option {name!r} must be {known[name].meaning}, got {option_text(value)!r}")


def option(account: Account, name: str, *, known: Mapping[str, Option]) -> str:
    """What an account says, or the default. Raises: UnsupportedRequest when a row holds what the adapter does not know."""
    value = account.options.get(name, known[name].default)
    if not re.fullmatch(known[name].pattern, value):
        raise UnsupportedRequest(f"{account.provider}: option {name!r} must be {known[name].meaning}, got {value!r}")
    return value


def symbols_per_call(adapter: Adapter, account: Account, *, most: int | None = None) -> int:
    """How many symbols one call may name: `most` (that of bars unless given), less where the account says so."""
    most = adapter.limits.max_symbols_per_call if most is None else most
    known = known_options(adapter)
    return min(most, int(option(account, SYMBOLS_PER_CALL, known=known))) if SYMBOLS_PER_CALL in known else most
