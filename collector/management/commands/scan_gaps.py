"""`manage.py scan_gaps --tier T0 --from 2026-11-16`: what is missing; with `--enqueue`, made jobs."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.core.times import parse_bound
from collector.gap_table import as_json, as_text
from collector.models import Instrument, Tier
from collector.selectors.gaps import find_gaps
from collector.selectors.scopes import Scope, reach_of
from collector.services.gap_scan import scan
from marketdata_site.observability import clock
from providers.market.types import Interval
from providers.services import policies

LINES_SHOWN = 200


class Command(BaseCommand):
    """Looks, and changes nothing unless it is told to."""

    help = (
        "List what is missing: slots that should have a bar, have none, and were not proven empty. Or make jobs that fill it."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to scan."""
        parser.add_argument("--tier", nargs="+", metavar="TIER", help="such as T0; default: all")
        parser.add_argument("--symbol", nargs="+", metavar="SYMBOL", help="default: all")
        parser.add_argument("--mic", help="of these symbols' venues this one only")
        parser.add_argument("--interval", choices=[one.value for one in Interval], help="default: all that are collected")
        parser.add_argument(
            "--from", metavar="WHEN", help="first session date, or the first instant; default: all that is expected"
        )
        parser.add_argument(
            "--to", metavar="WHEN", help="last session date, or the instant before which slots start; default: now"
        )
        parser.add_argument("--limit", type=int, default=LINES_SHOWN, help=f"most lines of the table; default: {LINES_SHOWN}")
        parser.add_argument("--json", action="store_true", help="every gap, for programs")
        parser.add_argument(
            "--enqueue", action="store_true", help="make backfill jobs of the gaps that nobody sees to, instead of listing them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError (exit status 1) that names what is wrong. Gaps are no error: exit status 0."""
        start, end = _bound("--from", options["from"]), _bound("--to", options["to"])
        _refuse_bad_order(start, end)
        if options["limit"] < 1:
            raise CommandError(f"--limit: expected 1 or more, got {options['limit']}")
        scope = _scope(options)
        reach = reach_of(scope)
        if not reach.series:
            raise CommandError("no active series fits: see manage.py load_instruments, or the admin's list of series")
        for fault in reach.faults:
            self.stderr.write(fault)
        now, snapshot = clock.now_us(), policies.current()
        if options["enqueue"]:
            scanned = scan(scope=scope, now=now, snapshot=snapshot, lane=None, start=start, end=end)
            self.stdout.write(json.dumps(asdict(scanned), indent=2) if options["json"] else scanned.as_sentence())
            return
        gaps = list(find_gaps(scope=scope, snapshot=snapshot, now=now, start=start, end=end))
        if options["json"]:
            counts = {"series_scanned": reach.series, "spans": len(gaps), "slots": sum(gap.slots for gap in gaps)}
            self.stdout.write(json.dumps({**counts, "not_scanned": reach.faults, "gaps": as_json(gaps)}, indent=2))
        elif gaps:
            self.stdout.write("\n".join(as_text(gaps, limit=options["limit"])))
        else:
            limits = ", as far as they could be scanned" if reach.faults else ""
            self.stdout.write(f"Nothing is missing of {reach.series:,} active series{limits}.")


def _scope(options: dict[str, Any]) -> Scope:
    tiers, symbols, mic, interval = (options[name] for name in ("tier", "symbol", "mic", "interval"))
    _refuse_unknown("tier", tiers, Tier.objects.values_list("code", flat=True))
    there = Instrument.objects.filter(mic=mic) if mic else Instrument.objects.all()
    known = there.filter(symbol__in=symbols or ()).values_list("symbol", flat=True)
    _refuse_unknown(f"symbol at {mic}" if mic else "symbol", symbols, known, is_listed=False)
    return Scope(tiers=tiers, symbols=symbols, mic=mic, interval=Interval(interval) if interval else None)


def _refuse_unknown(what: str, asked: list[str] | None, known: Any, *, is_listed: bool = True) -> None:
    there = set(known) if asked else set()
    if wrong := [one for one in asked or () if one not in there]:
        hint = f"; known: {', '.join(sorted(there)) or 'none'}" if is_listed else ""
        raise CommandError(f"unknown {what} {', '.join(map(repr, wrong))}{hint}")


def _bound(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return parse_bound(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from None


def _refuse_bad_order(start: date | None, end: date | None) -> None:
    """Of a date and an instant neither is before the other for sure: a session may trade on the day before its date."""
    if start and end and isinstance(start, datetime) == isinstance(end, datetime) and end < start:
        raise CommandError(f"--to: expected nothing before --from ({start}), got {end}")
