"""Who acts, through what, and what they may: the same for a request, an admin page and a command."""

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest

from ops.auth import LOCAL, caller_of, forbidden, name_of
from ops.models import AuditEntry

Through = AuditEntry.Through


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who asks for something."""

    who: str
    through: Through
    may: Callable[[str], bool]

    def require(self, *permissions: str) -> None:
        """Raises: ApiError (403) that names the first permission that is missing."""
        for permission in permissions:
            if not self.may(permission):
                raise forbidden(self.who, permission)

    def __str__(self) -> str:
        return f"{self.who} through {self.through}"


def of_request(request: HttpRequest) -> Actor:
    """Whoever `ops.auth.guard` let through: staff may what its permissions say, the others what the endpoint is for."""
    caller = caller_of(request) or LOCAL
    return Actor(who=name_of(request, caller), through=Through.API, may=caller.may)


def of_page(request: HttpRequest) -> Actor:
    """Whoever is logged in to the admin."""
    return Actor(who=str(request.user.get_username()), through=Through.ADMIN, may=request.user.has_perm)


def of_command() -> Actor:
    """Whoever can run commands has the database's password anyway."""
    return Actor(who=command_user(), through=Through.COMMAND, may=_everything)


def command_user() -> str:
    """Whoever runs the command; a container's user may have no name."""
    try:
        return getpass.getuser()[:150]
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _everything(_: str) -> bool:
    return True
