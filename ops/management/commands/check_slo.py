"""`manage.py check_slo`: whether the objectives are met. Exit status 0: they are; 1: some are not; 2: it can't be told."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from collector.core.times import parse_instant
from collector.models import Tier
from collector.selectors.kept import months_kept_from
from marketdata_site.observability import clock
from ops.slo.checking import Report, check
from ops.slo.table import as_json, as_text
from providers.market.types import from_us, to_us
from providers.services import policies

MISSED, CANT_TELL = 1, 2


class Command(BaseCommand):
    """Looks, and changes nothing."""

    help = "Show what share of each tier's series is behind, and whether that is more than its objective."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which tiers, how thoroughly, when."""
        parser.add_argument("--tier", nargs="+", metavar="TIER", help="such as T0; default: all")
        parser.add_argument("--exact", action="store_true", help="look at all series, not at a sample")
        parser.add_argument("--at", metavar="WHEN", help="how it stood then, by what is held now, such as 2026-11-20T15:00:00Z")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError (exit status 2) that says why it can't be told."""
        try:
            report = _report(options)
        except Error as error:
            raise CommandError(
                f"the database does not answer as it should: {str(error).strip()}", returncode=CANT_TELL
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json(report, is_exact=options["exact"]), indent=2))
        else:
            self.stdout.write("\n".join(as_text(report)))
        if report.is_missed:
            sys.exit(MISSED)
        if not report.standings:
            raise CommandError("no active series is collected: there is nothing to look at", returncode=CANT_TELL)
        if report.faults:
            raise CommandError("some series could not be looked at", returncode=CANT_TELL)
        if options["tier"] and report.idle:
            raise CommandError(f"nothing to look at in {', '.join(report.idle)}", returncode=CANT_TELL)


def _report(options: dict[str, Any]) -> Report:
    known = list(Tier.objects.values_list("code", flat=True))
    tiers = options["tier"] or known
    if wrong := [one for one in tiers if one not in known]:
        there = ", ".join(known) or "none"
        raise CommandError(f"unknown tier {', '.join(map(repr, wrong))}; known: {there}", returncode=CANT_TELL)
    now = clock.now_us()
    at = now if options["at"] is None else _instant(options["at"], now=now)
    return check(tiers=tiers, is_exact=options["exact"], at=at, is_past=options["at"] is not None, snapshot=policies.current())


def _instant(text: str, *, now: int) -> int:
    try:
        at = to_us(parse_instant(text))
    except ValueError as error:
        raise CommandError(f"--at: {error}", returncode=CANT_TELL) from None
    if at > now:
        raise CommandError(f"--at: expected a past time, got {text}", returncode=CANT_TELL)
    kept = months_kept_from(now)
    if kept is not None and at < kept:  # what was deleted would count as never held
        said = f"bars are kept from {from_us(kept):%Y-%m-%d} on (MARKETDATA_BAR_KEEP_DAYS), got {text}"
        raise CommandError(f"--at: {said}", returncode=CANT_TELL)
    return at
