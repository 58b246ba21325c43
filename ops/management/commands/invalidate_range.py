"""`manage.py invalidate_range AAPL --from … --to … --provider alpaca --reason "…"`: a range of bars is bad, ask for it anew."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.core.times import parse_instant
from marketdata_site.observability import clock
from ops.actors import of_command
from ops.management.reasons import reason
from ops.ranges import RangeOf, invalidate_range
from providers.api_errors import ApiError
from providers.market.types import Adjustment, Hours, Interval


class Command(BaseCommand):
    """The same as `POST /ops/ranges/invalidate`."""

    help = "Take back the bars of a range, keep their values as revisions, and ask for them anew."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which range, and who is asked."""
        parser.add_argument("symbol")
        parser.add_argument("--from", required=True, metavar="WHEN", help="inclusive, such as 2026-11-20T14:30:00Z")
        parser.add_argument("--to", required=True, metavar="WHEN", help="exclusive")
        parser.add_argument("--mic", help="needed where the symbol trades at several venues")
        parser.add_argument("--interval", choices=[one.value for one in Interval], default=Interval.M1.value)
        parser.add_argument("--hours", choices=[one.value for one in Hours])
        parser.add_argument("--adjustment", choices=[one.value for one in Adjustment])
        parser.add_argument("--provider", help="only its values count in the range from now on; default: of whoever is asked")
        parser.add_argument("--reason", type=reason, required=True, help="why the range is bad; kept with it")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError that says why it can't be done."""
        try:
            done = invalidate_range(
                of_command(),
                bad=_range(options),
                provider=options["provider"],
                reason=options["reason"],
                now=clock.now(),
                is_dry=options["dry_run"],
            )
        except (ApiError, ValueError) as error:
            raise CommandError(str(error)) from error
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"{done.bars:,} bars {would}taken back, {done.slots:,} slots {would}asked for anew by {done.jobs:,} jobs"
        )


def _range(options: dict[str, Any]) -> RangeOf:
    return RangeOf(
        symbol=options["symbol"],
        start=parse_instant(options["from"]),
        end=parse_instant(options["to"]),
        mic=options["mic"],
        interval=Interval(options["interval"]),
        hours=options["hours"] and Hours(options["hours"]),
        adjustment=options["adjustment"] and Adjustment(options["adjustment"]),
    )
