"""API keys in every state, and peers that no other test has sent bad keys from."""

import itertools
from datetime import datetime, timedelta

from marketdata_site.observability import clock
from ops.access.scopes import Scope
from ops.access.tokens import new_token
from ops.models import ApiKey

BAD_STATES = ("unknown", "expired", "revoked")
_peers = itertools.count(1)


def make_key(scope: str = "read", *, state: str = "active", name: str = "tests", expires_at: datetime | None = None) -> str:
    """A key's text. `unknown`: there is no row of it."""
    token, now = new_token(), clock.now()
    if state != "unknown":
        made = now - timedelta(days=90)
        expiry = now - timedelta(days=1) if state == "expired" else expires_at
        ApiKey.objects.create(
            name=name,
            prefix=token.prefix,
            digest=token.digest,
            scope=Scope(scope),
            created_at=made,
            created_by="tests",
            expires_at=expiry,
            revoked_at=now if state == "revoked" else None,
        )
    return token.text


def row_of(text: str) -> ApiKey:
    """The row of a key."""
    return ApiKey.objects.get(prefix=text[:11])


def bearer(text: str) -> dict[str, str]:
    """Headers with it."""
    return {"Authorization": f"Bearer {text}"}


def new_peer() -> str:
    """An address elsewhere that was not used before."""
    number = next(_peers)
    return f"198.18.{number // 250}.{number % 250 + 1}"


def elsewhere() -> dict[str, str]:
    """For Django's test client."""
    return {"REMOTE_ADDR": new_peer()}
