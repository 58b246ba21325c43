"""`manage.py backfill AAPL MSFT --from 2024-11-20 --to 2026-11-20`: have a range filled, see what it costs first and how far it is."""

import shlex
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.core.times import parse_bound
from collector.history_table import cost_as_text, progress_as_text, scanned_as_text, time_text
from collector.selectors.range_progress import RangeProgress
from marketdata_site.observability import clock
from ops import backfills
from ops.actors import of_command
from ops.backfills import Estimate, Range
from ops.management.reasons import reason
from providers.api_errors import ApiError
from providers.market.types import Interval

REDRAW_S = 1.0
LOOKS_SHARE = 5
"""A look that takes long is followed by a pause of so many times as long: watching must not be work for the database."""
STILL_S = 30.0
"""After so long without a change there may be nobody at work."""
INTERRUPTED = 130
GOES_ON = "The workers go on without this command. Give it again to see how far they are."


class Command(BaseCommand):
    """Can be interrupted and given again at any time: jobs are rows, and what is missing is found from rows."""

    help = "Fill what is missing of a range, also of history before a series was collected. Says what that costs, then how far it is."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which range of which series."""
        parser.add_argument("symbol", nargs="*", metavar="SYMBOL", help="or --tier")
        parser.add_argument("--tier", help="only of this tier; without symbols all of it")
        parser.add_argument("--mic", help="of these symbols' venues this one only")
        parser.add_argument("--interval", choices=[one.value for one in Interval], help="default: all that are collected")
        parser.add_argument(
            "--from", required=True, type=_bound, metavar="WHEN", help="first session date, or the first instant"
        )
        parser.add_argument(
            "--to",
            required=True,
            type=_bound,
            metavar="WHEN",
            help="last session date, or the instant before which slots start",
        )
        parser.add_argument("--why", type=reason, default="", help="kept with the record of it")
        parser.add_argument("--dry-run", action="store_true", help="only say what it would cost")
        parser.add_argument("--no-wait", action="store_true", help="ask, and leave the rest to the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError (exit status 1) that says why it can't be had, or that jobs died."""
        asked, is_asked = _range(options), False
        try:
            self._tell(backfills.estimate(of_command(), asked=asked, now=clock.now()))
            if options["dry_run"]:
                return
            made = backfills.request(of_command(), asked=asked, now=clock.now(), reason=options["why"])
            is_asked = True
            self.stdout.write(scanned_as_text(made.scanned))
            if not options["no_wait"]:
                self._watch(asked)
        except ApiError as error:
            raise CommandError(error.message) from error
        except KeyboardInterrupt:
            self.stdout.write("")
            self.stdout.write(
                GOES_ON if is_asked else "Interrupted before the range was asked for. Give the command again to ask for it."
            )
            raise SystemExit(INTERRUPTED) from None

    def _tell(self, found: Estimate) -> None:
        """The cost."""
        for sentence in found.windows.outside:
            self.stderr.write(sentence)
        self.stdout.write(f"{found.missing:,} slots of {len(found.windows.within):,} series are missing")
        if found.attended:
            self.stdout.write(f"{found.attended:,} of them somebody sees to already")
        for line in cost_as_text(found.cost):
            self.stdout.write(line)
        if found.cost.slots:
            self.stdout.write(f"at least {time_text(found.cost.time)} in {found.cost.gaps:,} jobs")

    def _watch(self, asked: Range) -> None:
        """Until nothing more comes by itself. Raises: CommandError where something is left that an operator has to see to."""
        drawn, changed_at, told = "", time.monotonic(), ""
        while True:
            begun = time.monotonic()
            progress = backfills.progress(of_command(), asked=asked, now=clock.now())
            if (line := progress_as_text(progress)) != drawn:
                self._draw(line, over="" if told else drawn)
                drawn, changed_at, told = line, time.monotonic(), ""
            if progress.is_over:
                break
            if time.monotonic() - changed_at > STILL_S and (hint := _hint(progress)) != told:
                self._draw(hint, over=told)
                told = hint
            time.sleep(max(REDRAW_S, LOOKS_SHARE * (time.monotonic() - begun)))
        self._end(progress, asked)

    def _draw(self, line: str, *, over: str) -> None:
        """Over the line before on a terminal, else below it."""
        if over and self.stdout.isatty():
            self.stdout.write("\x1b[1A\x1b[2K", ending="")
        self.stdout.write(line)
        self.stdout.flush()

    def _end(self, progress: RangeProgress, asked: Range) -> None:
        if progress.dead:
            of = f" --symbol {shlex.quote(asked.symbols[0])}" if len(asked.symbols) == 1 else ""
            raise CommandError(f"{progress.dead:,} jobs are dead: see manage.py dlq list{of}")
        if progress.missing:
            self.stdout.write("what is missing is abandoned, or so young that live collection still asks for it")


def _hint(progress: RangeProgress) -> str:
    still = f"Nothing has changed for {STILL_S:.0f} s"
    if progress.said:
        return f"{still}. A job that waits was told: {progress.said}"
    if progress.jobs.get("running"):
        return f"{still}, but jobs are running"
    return f"{still}. Is there a worker of the queue backfill? make run starts one"


def _range(options: dict[str, Any]) -> Range:
    interval = options["interval"]
    return Range(
        symbols=tuple(dict.fromkeys(options["symbol"])),
        tier=options["tier"],
        mic=options["mic"],
        interval=Interval(interval) if interval else None,
        start=options["from"],
        end=options["to"],
    )


def _bound(text: str) -> date:
    try:
        return parse_bound(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
