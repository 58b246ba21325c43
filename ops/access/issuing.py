"""Making and revoking keys, each with its row in the audit."""

from datetime import datetime

from django.db import transaction

from ops.access.scopes import Scope
from ops.access.tokens import Token, new_token
from ops.actors import Actor
from ops.audit import record
from ops.models import ApiKey
from providers.api_errors import ApiError, NotFound

MOST_NAME_CHARACTERS = 60
ADD, EMPOWER, REVOKE = "ops.add_apikey", "ops.empower_apikey", "ops.revoke_apikey"


def issue(
    actor: Actor, *, name: str, scope: Scope, expires_at: datetime | None, now: datetime, reason: str = ""
) -> tuple[ApiKey, Token]:
    """A new key; its text is in the answer and nowhere else. Raises: ApiError."""
    actor.require(ADD, *([] if scope is Scope.READ else [EMPOWER]))
    if not 1 <= len(name.strip()) <= MOST_NAME_CHARACTERS:
        text = f"expected a name that says which program has the key, {MOST_NAME_CHARACTERS} characters at most"
        raise ApiError(text, code="invalid_parameter", field="name")
    if expires_at is not None and expires_at <= now:
        raise ApiError("expected a moment in the future", code="invalid_parameter", field="expires_at")
    token = new_token()
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name.strip(),
            prefix=token.prefix,
            digest=token.digest,
            scope=scope,
            created_at=now,
            created_by=actor.who,
            expires_at=expires_at,
        )
        expiry = None if expires_at is None else f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"
        _record(actor, "api_key_create", key, now=now, reason=reason, scope=scope.value, expires_at=expiry)
    return key, token


def revoke(actor: Actor, *, prefix: str, now: datetime, reason: str = "") -> ApiKey:
    """From now on it opens nothing, and connections that it opened end. A key that is revoked already stays as it is. Raises: ApiError."""
    actor.require(REVOKE)
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().filter(prefix=prefix).first()
        if key is None:
            raise NotFound(f"there is no key {prefix}", code="unknown_key", field="prefix")
        if key.revoked_at is None:
            key.revoked_at = now
            key.save(update_fields=["revoked_at"])
            _record(actor, "api_key_revoke", key, now=now, reason=reason)
    return key


def _record(actor: Actor, action: str, key: ApiKey, *, now: datetime, reason: str, **more: str | None) -> None:
    about = {"name": key.name, "prefix": key.prefix, **{name: text for name, text in more.items() if text is not None}}
    record(who=actor.who, through=actor.through, action=action, now=now, about=about, counts={}, reason=reason)
