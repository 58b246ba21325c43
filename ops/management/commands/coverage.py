"""`manage.py coverage revoke --provider X --from … --to …`: do not believe any more that what X did not send had no trade."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.core.times import parse_instant
from collector.services.evidence_revoking import Span
from marketdata_site.observability import clock
from ops.actors import of_command
from ops.management.reasons import reason
from ops.ranges import revoke_silence
from providers.api_errors import ApiError


class Command(BaseCommand):
    """What is believed of empty slots, taken back."""

    help = "Take back the belief that slots had no trade; they are asked for again."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose silence, and when."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        revoke = verbs.add_parser("revoke", help="slots that a provider's silence proved empty are missing again")
        revoke.add_argument("--provider", required=True)
        revoke.add_argument("--from", required=True, metavar="WHEN", help="inclusive, such as 2026-11-20T14:30:00Z")
        revoke.add_argument("--to", required=True, metavar="WHEN", help="exclusive")
        revoke.add_argument("--symbol", nargs="+", help="default: of all series")
        revoke.add_argument("--why", type=reason, default="", help="kept with the record of it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError that says why it can't be done."""
        try:
            done = revoke_silence(
                of_command(),
                provider=options["provider"],
                span=Span(parse_instant(options["from"]), parse_instant(options["to"])),
                symbols=options["symbol"],
                reason=options["why"],
                now=clock.now(),
            )
        except (ApiError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.minutes:,} minutes in {done.sessions:,} sessions of {len(done.series_ids):,} series are not believed to be "
            "empty any more"
        )
