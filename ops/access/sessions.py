"""Which sessions let staff in, asked for many at once: for connections that last, which no request looks at again."""

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare


def opening(keys: Collection[str], *, now: datetime) -> set[str]:
    """Those of the sessions that still open: not ended, of an active member of staff whose password is still the same. Two queries."""
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=now)
    held = {row.session_key: row.get_decoded() for row in rows}
    ids = {data[SESSION_KEY] for data in held.values() if SESSION_KEY in data}
    staff = {str(user.pk): user for user in User.objects.filter(pk__in=ids, is_active=True, is_staff=True)}
    return {key for key, data in held.items() if _is_of(staff.get(data.get(SESSION_KEY, "")), data.get(HASH_SESSION_KEY, ""))}


def _is_of(user: User | None, digest: str) -> bool:
    """Whether a session with this digest of a password was opened with the user's present one, as Django itself looks at it."""
    if user is None:
        return False
    return any(
        constant_time_compare(digest, one) for one in (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    )
