"""Embedded servers: a Postgres and a Valkey out of wheels, for a machine that has none.

Two ways to use them. `ensure(home)`: shared by all processes of one home; the servers live on their own, are found by whoever
comes next, and are stopped by the last one that leaves. `private()`: in a temporary folder, dying with us; for tests and tools.

A user that is killed leaves no trace but the running servers; the next command finds them, takes them over and, if it is the
last to leave, stops them.
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketdata_site.embedded import places
from marketdata_site.embedded.errors import EmbeddedServerError
from marketdata_site.embedded.locks import Presence, alone
from marketdata_site.embedded.places import Place
from marketdata_site.embedded.postgres import Postgres
from marketdata_site.embedded.valkey import Valkey

__all__ = ["EmbeddedServerError", "Servers", "ensure", "known", "private"]


@dataclass(frozen=True, slots=True)
class Servers:
    """A running pair, or the half of it that was asked for. URLs are those of `settings`."""

    postgres: Postgres | None
    valkey: Valkey | None

    @classmethod
    def of(cls, place: Place, *, postgres: bool = True, valkey: bool = True, is_private: bool = False) -> "Servers":
        """The servers of a place, running or not."""
        return cls(
            postgres=Postgres(place=place, is_private=is_private) if postgres else None,
            valkey=Valkey(place=place, is_private=is_private) if valkey else None,
        )

    def start(self) -> None:
        """Make sure that they run. One starter at a time. Raises: EmbeddedServerError."""
        for server in (self.postgres, self.valkey):
            if server is not None:
                server.start()

    def stop(self) -> None:
        """Stop them and wait until they are gone."""
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()

    def environment(self) -> dict[str, str]:
        """The variables that point the service at them."""
        variables = {}
        if self.postgres is not None:
            variables["DATABASE_URL"] = self.postgres.url
        if self.valkey is not None:
            variables |= {"REDIS_URL": self.valkey.url, "CELERY_BROKER_URL": self.valkey.broker_url}
        return variables


def ensure(home: Path, *, postgres: bool = True, valkey: bool = True) -> Servers:
    """Make sure that a home's servers run until this process ends; the last user that ends normally stops them.

    Raises: EmbeddedServerError.
    """
    place = places.of_home(home)
    servers = Servers.of(place, postgres=postgres, valkey=valkey)
    with ExitStack() as undo:
        with alone(place.root / "start.lock"):
            presence = Presence(place.root / "users.lock")
            undo.callback(_leave, place, presence)
            servers.start()
        undo.pop_all()
    atexit.register(_leave, place, presence)
    return servers


def known(home: Path, *, postgres: bool = True, valkey: bool = True) -> Servers | None:
    """A home's servers, running or not; None where none were ever made. Nothing is made or started."""
    return Servers.of(places.of_home(home), postgres=postgres, valkey=valkey) if places.is_made(home) else None


@contextmanager
def private() -> Iterator[Servers]:
    """A pair of our own in a temporary folder, as fast as can be, gone with us even when we are killed."""
    place = places.temporary()
    servers = Servers.of(place, is_private=True)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()
        places.remove(place)


def _leave(place: Place, presence: Presence) -> None:
    """Stop whatever runs in the place if we are the last: another user may have started the half that we did not ask for."""
    with presence.leave() as is_last:
        if is_last:
            Servers.of(place).stop()
