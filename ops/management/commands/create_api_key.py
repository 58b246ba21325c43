"""`manage.py create_api_key grafana --scope read --expires 90d`: a key for a program; also lists and revokes them."""

import re
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata_site.observability import clock
from ops.access.issuing import issue, revoke
from ops.access.scopes import Scope
from ops.actors import of_command
from ops.management.reasons import reason
from ops.models import ApiKey
from providers.api_errors import ApiError

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
_COLUMNS = "{:<11}  {:<5}  {:<7}  {:<16}  {:<16}  {}"


class Command(BaseCommand):
    """The key alone goes to standard output, so that it can be put where it belongs without being shown."""

    help = "Make an API key, which is printed once; --list shows those there are, --revoke ends one."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A name, or one of two options instead."""
        parser.add_argument("name", nargs="?", help="which program will have the key")
        parser.add_argument("--scope", choices=[one.value for one in Scope], default=Scope.READ.value)
        parser.add_argument("--expires", default="90d", metavar="90d", help="hours (12h), days (90d) or never; default: 90d")
        parser.add_argument("--reason", type=reason, default="", help="kept in the audit")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--list", action="store_true", help="list the keys by their beginnings")
        instead.add_argument("--revoke", metavar="PREFIX", help="end a key; connections that it opened end too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError that says why it can't be done."""
        now = clock.now()
        if (options["name"] is not None) == bool(options["list"] or options["revoke"]):
            raise CommandError("expected a name, or --list, or --revoke PREFIX")
        try:
            if options["list"]:
                self._list(now)
            elif options["revoke"]:
                key = revoke(of_command(), prefix=options["revoke"], now=now, reason=options["reason"])
                self.stdout.write(f"The {key} opens nothing any more.")
            else:
                self._make(options, now)
        except ApiError as error:
            raise CommandError(error.message) from error

    def _make(self, options: dict[str, Any], now: datetime) -> None:
        lifetime = _lifetime(options["expires"])
        key, token = issue(
            of_command(),
            name=options["name"],
            scope=Scope(options["scope"]),
            expires_at=None if lifetime is None else now + lifetime,
            now=now,
            reason=options["reason"],
        )
        until = "until it is revoked" if key.expires_at is None else f"until {key.expires_at:%Y-%m-%d %H:%M} UTC"
        self.stderr.write(f"The {key} opens what asks for {key.scope}, {until}. It is shown this once:")
        self.stdout.write(token.text)

    def _list(self, now: datetime) -> None:
        self.stdout.write(_COLUMNS.format("PREFIX", "SCOPE", "STATE", "EXPIRES (UTC)", "USED (UTC)", "NAME"))
        for key in ApiKey.objects.order_by("-id").iterator(1_000):
            times = (_minute(key.expires_at), _minute(key.last_used_at))
            self.stdout.write(_COLUMNS.format(key.prefix, key.scope, key.state(now=now), *times, key.name))


def _lifetime(text: str) -> timedelta | None:
    """Raises: CommandError."""
    if text == "never":
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})([hd])", text, re.ASCII)
    if found is None:
        raise CommandError(f"--expires: expected hours (12h), days (90d) or never, got {text!r}")
    return int(found[1]) * _UNITS[found[2]]


def _minute(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M}"
