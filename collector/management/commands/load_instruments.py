"""`manage.py load_instruments FILE.csv`: create and update instruments and their series, all or nothing."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.core.instrument_file import InstrumentFileError
from collector.services.instruments import load_instruments
from marketdata_site.observability import clock

MOST_ERRORS_SHOWN = 50


class Command(BaseCommand):
    """See the module."""

    help = (
        "Create and update instruments and their series from a CSV file (- for standard input), all or nothing. Columns: symbol and "
        "calendar; optional mic, name, asset_class, tier, interval, hours, adjustment, feed_scope, listed_at, delisted_at, "
        "collect_from, collect_until, vendor:<provider>. Several intervals or hours are separated by ;."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One file."""
        parser.add_argument("file", help="path of a CSV file with a header line, UTF-8; - for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        """Load, or show every fault of the file."""
        try:
            data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as error:
            raise CommandError(f"cannot read {file}: {error.strerror}") from error
        try:
            counts = load_instruments(data=data, now=clock.now())
        except InstrumentFileError as error:
            raise CommandError(_message(file, error)) from error
        self.stdout.write(f"{counts.created} created, {counts.updated} updated, {counts.unchanged} unchanged")


def _message(file: str, error: InstrumentFileError) -> str:
    shown = [f"  {fault}" for fault in error.errors[:MOST_ERRORS_SHOWN]]
    if more := len(error.errors) - len(shown):
        shown.append(f"  and {more} more")
    return "\n".join([f"{file}: nothing was loaded", *shown])
