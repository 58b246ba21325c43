"""Whether a key opens. Rows are the truth; what they said is believed for a second, so that a busy key costs one query a second."""

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from ops.access.failures import FailedKeys
from ops.access.scopes import Scope
from ops.access.tokens import digest_of, prefix_of
from ops.models import ApiKey
from providers.api_errors import ApiError

log = logging.getLogger(__name__)
FRESH = timedelta(seconds=1)
"""How long a row's word is believed: a revoked key opens nothing in any process after this."""
USE_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is."""
MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that opened, as its row said at `seen_at`."""

    id: int
    name: str
    prefix: str
    scope: Scope
    expires_at: datetime | None
    seen_at: datetime

    def __str__(self) -> str:
        return f"key {self.name} ({self.prefix})"

    def is_fresh(self, *, now: datetime) -> bool:
        """Its row need not be asked again."""
        return timedelta(0) <= now - self.seen_at < FRESH and (self.expires_at is None or now < self.expires_at)


class KeyRefused(ApiError):
    """401: the key opens nothing."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, code=code, status=401)


class TooManyBadKeys(ApiError):
    """429: so many keys of this peer opened nothing that its next ones are not looked at for a while."""

    def __init__(self, *, retry_after: int) -> None:
        text = f"too many keys that open nothing came from your address; try again in {retry_after} seconds"
        super().__init__(text, code="too_many_bad_keys", status=429)
        self.retry_after = retry_after


class KeyCheck:
    """One a process. `failures` may be shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, KnownKey] = OrderedDict()
        self._failures = FailedKeys()

    def check(self, text: str, *, peer: str, now: datetime) -> KnownKey:
        """The key. Raises: KeyRefused, TooManyBadKeys.

        Keys that opened here before are always looked at: another program behind the same address can't lock them out.
        """
        digest = digest_of(text)
        with self._lock:
            known = self._known.get(digest)
        if known is not None and known.is_fresh(now=now):
            return known
        if known is None and (seconds := self._failures.wait_seconds(peer, now=now)):
            raise TooManyBadKeys(retry_after=seconds)
        try:
            known = _look(text, digest, now=now)
        except KeyRefused as error:
            self._failures.add(peer, now=now)
            self._forget(digest)
            about = {"action": "key_refused", "code": error.code, "peer": peer}
            log.warning("A key from %s opened nothing: %s", peer or "somewhere", error.message, extra=about)
            raise
        self._remember(digest, known)
        return known

    def _remember(self, digest: str, known: KnownKey) -> None:
        with self._lock:
            self._known[digest] = known
            self._known.move_to_end(digest)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    def _forget(self, digest: str) -> None:
        with self._lock:
            self._known.pop(digest, None)


def _look(text: str, digest: str, *, now: datetime) -> KnownKey:
    """Ask the row. It is found by the part that is no secret, so that how long the search takes tells nothing."""
    prefix = prefix_of(text)
    row = None if prefix is None else ApiKey.objects.filter(prefix=prefix).first()
    if row is None or not secrets.compare_digest(row.digest, digest):
        raise KeyRefused("there is no such key", code="unknown_key")
    state = row.state(now=now)
    if state == "revoked":
        raise KeyRefused(f"{row} was revoked at {row.revoked_at:%Y-%m-%dT%H:%M:%SZ}", code="revoked_key")
    if state == "expired":
        raise KeyRefused(f"{row} expired at {row.expires_at:%Y-%m-%dT%H:%M:%SZ}", code="expired_key")
    _note_use([row], now=now)
    return KnownKey(row.pk, row.name, row.prefix, Scope(row.scope), row.expires_at, now)


def opening(ids: Collection[int], *, now: datetime) -> set[int]:
    """Those of the keys that still open, and their use: for connections that last."""
    rows = list(ApiKey.objects.filter(pk__in=ids, revoked_at=None).exclude(expires_at__lte=now))
    _note_use(rows, now=now)
    return {row.pk for row in rows}


def _note_use(rows: Collection[ApiKey], *, now: datetime) -> None:
    """At most once a minute, whichever processes are at it."""
    before = now - USE_EVERY
    stale = [row.pk for row in rows if row.last_used_at is None or row.last_used_at <= before]
    if stale:
        unused = Q(last_used_at=None) | Q(last_used_at__lte=before)
        ApiKey.objects.filter(unused, pk__in=stale).update(last_used_at=now)


key_check = KeyCheck()
