"""The first administrator: made once with a random password, which is shown once and kept in a file only its owner can read."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth.models import User

USERNAME = "admin"
PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class Login:
    """A fresh administrator's login."""

    username: str
    password: str = field(repr=False)


def ensure_administrator(*, kept_in: Path) -> Login | None:
    """Make an administrator if there is none; None when there was one.

    The file is written first: a password that nobody can read is worse than a file that is written twice.
    """
    if User.objects.filter(is_superuser=True, is_active=True).exists():
        return None
    login = Login(username=USERNAME, password=secrets.token_urlsafe(PASSWORD_BYTES))
    _write_private(kept_in, f"username: {login.username}\npassword: {login.password}\n")
    user, _ = User.objects.get_or_create(username=login.username)
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_password(login.password)
    user.save()
    return login


def _write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by others, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
