"""`manage.py dlq list|show|requeue|discard|undo|stats|bulk`: jobs that gave up filling a gap, and what is done about them."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.core.requeued import Requeued
from collector.models import BackfillState
from collector.selectors.dead_letters import LetterFilter, letter_as_json, letter_in_full
from marketdata_site.observability import clock
from ops import dead_letters
from ops.actors import of_command
from ops.management import dlq_bulk
from ops.management.dlq_options import add_asking, add_filters, asking_of, filter_of
from ops.management.reasons import reason
from providers.api_errors import ApiError


class Command(BaseCommand):
    """The same as `/ops/dlq` and the admin. Exit status 1 when something can't be done."""

    help = "Look at dead letters, requeue and discard them."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and to which."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="dead letters, newest first")
        add_filters(listing)
        listing.add_argument("--discarded", action="store_true", help="those that were discarded instead")
        listing.add_argument("--limit", type=_positive, default=dead_letters.LIMIT)
        show = verbs.add_parser("show", help="one dead letter with its tries")
        show.add_argument("job_id", type=int)
        _add_requeue(verbs.add_parser("requeue", help="let dead jobs try anew"))
        discard = verbs.add_parser("discard", help="give dead jobs up")
        discard.add_argument("job_id", type=int, nargs="+")
        discard.add_argument("--why", type=reason, default="", help="kept with the record of it")
        discard.add_argument("--abandon", action="store_true", help="nobody wants the spans: no scan finds the gaps again")
        undo = verbs.add_parser("undo", help="make a discarded job dead again")
        undo.add_argument("job_id", type=int)
        stats = verbs.add_parser("stats", help="how many are dead, since when, and of what")
        dlq_bulk.add_arguments(verbs.add_parser("bulk", help="many at once, in the background"))
        for one in (listing, show, stats):
            one.add_argument("--json", action="store_true", help="all of it, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError that says why it can't be done."""
        try:
            getattr(self, f"_{options['verb']}")(options, clock.now())
        except ApiError as error:
            raise CommandError(error.message) from error

    def _list(self, options: dict[str, Any], now: datetime) -> None:
        state = BackfillState.DISCARDED if options["discarded"] else BackfillState.DEAD
        page = dead_letters.page(of_command(), fitting=filter_of(options), state=state, limit=options["limit"])
        rows = [letter_as_json(letter) for letter in page.letters]
        if options["json"]:
            self._print(rows)
            return
        for row in rows:
            self.stdout.write(_line(row))
        self.stdout.write("there are more" if page.next else f"{len(rows)} dead letters")

    def _show(self, options: dict[str, Any], now: datetime) -> None:
        row = letter_in_full(dead_letters.show(of_command(), job_id=options["job_id"]))
        if options["json"]:
            self._print(row)
            return
        for name, value in row.items():
            if name != "tries" and value not in (None, "", []):
                self.stdout.write(f"{name.replace('_', ' ')}: {value}")
        for one in row["tries"]:
            self.stdout.write(f"  {one['at']}  {one['provider'] or '-'}  {one['code']}  {one['message']}")

    def _requeue(self, options: dict[str, Any], now: datetime) -> None:
        which = _which(options)
        if options["dry_run"]:
            result = dead_letters.preview(of_command(), which=which, limit=options["limit"], now=now)
        else:
            result = dead_letters.requeue_many(
                of_command(),
                which=which,
                limit=options["limit"],
                now=now,
                asking=asking_of(options),
                reason=options["why"],
            )
        self.stdout.write(_said(result, is_dry=options["dry_run"]))
        if result.requeued < len(set(options["job_id"])):
            raise CommandError("the others are not dead, or can't be requeued now: see `manage.py dlq show`")

    def _discard(self, options: dict[str, Any], now: datetime) -> None:
        count = dead_letters.discard_many(
            of_command(), job_ids=options["job_id"], now=now, reason=options["why"], abandon=options["abandon"]
        )
        self.stdout.write(f"{count} discarded")
        if count < len(set(options["job_id"])):
            raise CommandError("the others are not dead: see `manage.py dlq show`")

    def _undo(self, options: dict[str, Any], now: datetime) -> None:
        dead_letters.undo_discard(of_command(), job_id=options["job_id"], now=now)
        self.stdout.write(f"job {options['job_id']} is dead again")

    def _stats(self, options: dict[str, Any], now: datetime) -> None:
        kinds, causes = dead_letters.stats(of_command(), now=now)
        rows = [dead_letters.kind_as_json(kind, now=now) for kind in kinds]
        if options["json"]:
            self._print({"kinds": rows, "fingerprints": [dead_letters.cause_as_json(cause) for cause in causes]})
            return
        for row in rows:
            age = row["oldest_age_seconds"]
            since = "" if age is None else f", the oldest for {age / 3600:,.1f} h"
            self.stdout.write(
                f"{row['tier']} {row['interval']}: {row['depth']:,} dead{since}, {row['missing_minutes']:,} bar-minutes missing, "
                f"{row['in_last_hour']:,} in and {row['out_last_hour']:,} out within the hour"
            )
        for cause in causes:
            self.stdout.write(
                f"  {cause.depth:,} of {cause.fingerprint} {cause.reason} {cause.provider or '-'}: {cause.message}"
            )
        if not rows:
            self.stdout.write("no job is dead")

    def _bulk(self, options: dict[str, Any], now: datetime) -> None:
        dlq_bulk.handle(options, out=self.stdout, now=now)

    def _print(self, body: object) -> None:
        self.stdout.write(json.dumps(body, indent=2, default=_text))


def _add_requeue(parser: ArgumentParser) -> None:
    parser.add_argument("job_id", type=int, nargs="*", help="which; or --all with filters")
    parser.add_argument("--all", action="store_true", help="all that fit the filters")
    add_filters(parser)
    parser.add_argument("--limit", type=_positive, default=dead_letters.LIMIT, help="most at once, those that died first first")
    add_asking(parser)
    parser.add_argument("--why", type=reason, default="", help="kept with the record of it")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be requeued")


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= dead_letters.MOST_AT_ONCE):
        raise ArgumentTypeError(f"expected 1 to {dead_letters.MOST_AT_ONCE}, got {text!r}")
    return int(text)


def _which(options: dict[str, Any]) -> LetterFilter | Sequence[int]:
    wanted = filter_of(options)
    if bool(options["job_id"]) == options["all"] or (options["job_id"] and wanted != LetterFilter()):
        raise CommandError("name jobs, or --all with or without filters")
    return wanted if options["all"] else options["job_id"]


def _said(result: Requeued, *, is_dry: bool) -> str:
    skipped = "".join(f", {count:,} {cause.replace('_', ' ')}" for cause, count in result.skipped.items())
    verb = "would be requeued" if is_dry else "requeued"
    return f"{result.matched:,} matched: {result.requeued:,} {verb}, {result.at_cap:,} at cap{skipped}"


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['job_id']}  died {row['died_at']:%Y-%m-%d %H:%M:%S}  {row['tier']} {row['symbol']} {row['interval']}  "
        f"{row['start']:%Y-%m-%d %H:%M} to {row['end']:%Y-%m-%d %H:%M}, {row['slots']} slots  "
        f"{row['reason']} ({row['fingerprint']}) {row['provider'] or '-'}: {row['message']}"
    )


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
