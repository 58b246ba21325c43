"""Options that `manage.py dlq` has in several places."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from collector.core.times import parse_instant
from collector.selectors.dead_letters import LetterFilter
from collector.services.dead_letters import Asking

_FILTERS = ("tier", "interval", "symbol", "provider", "reason", "fingerprint", "older_than", "newer_than")


def add_filters(parser: ArgumentParser) -> None:
    """Which dead letters."""
    for name in _FILTERS:
        is_time = name.endswith("_than")
        text = f"died {'before' if name == 'older_than' else 'at or after'}, such as 2026-11-20T14:30:00Z" if is_time else None
        parser.add_argument(f"--{name.replace('_', '-')}", type=_instant if is_time else str, help=text)


def filter_of(options: dict[str, Any]) -> LetterFilter:
    """What `add_filters` read."""
    return LetterFilter(**{name: options[name] for name in _FILTERS})


def add_asking(parser: ArgumentParser) -> None:
    """Whom requeued jobs ask."""
    parser.add_argument("--pin", help="ask only this provider; empty: as routing says again")
    parser.add_argument("--exclude", action="append", help="never ask this provider")


def asking_of(options: dict[str, Any]) -> Asking:
    """What `add_asking` read."""
    return Asking(pin=options["pin"], exclude=options["exclude"])


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
