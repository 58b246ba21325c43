"""`manage.py reload_config`: check the draft as a whole and make it the active version."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata_site.observability import clock
from ops.actors import command_user
from providers.services import policies


class Command(BaseCommand):
    """Prints what changes, each value with its source; exit status 1 and every fault when the draft is refused."""

    help = "Check routing policies, providers and overrides as a whole and make them the active version."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would change, and what is wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError (exit status 1) with the faults, one a line."""
        result = policies.reload(author=command_user(), through="command", now=clock.now(), dry_run=options["dry_run"])
        for change in result.changes:
            self.stdout.write(str(change))
        if not result.ok:
            raise CommandError("\n".join(result.faults))
        if not result.changes:
            self.stdout.write("no value changes")
        if result.policy_version:
            self.stdout.write(f"policy version {result.policy_version} is active")
        else:
            self.stdout.write("dry run: nothing was stored")
