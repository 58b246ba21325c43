"""`manage.py care --dry-run`: what tables hold, what of it is past its age; without `--dry-run` that is dropped, as beat does it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata_site.observability import clock
from ops.actors import of_command
from ops.audit import record
from ops.care.kinds import KINDS
from ops.care.looking import look
from ops.care.table import look_as_data, look_as_text, turn_as_data, turn_as_text
from ops.care.turn import Turn, take_care


class Command(BaseCommand):
    """May be interrupted, given again, and run beside beat at any time."""

    help = "Make partitions ahead and drop what is past its age: docs/retention.md. Says first what there is; counts no table."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What of it, and how it is told."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--table", choices=[kind.name for kind in KINDS], help="only of this kind")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError (exit status 1) where something could not be looked after."""
        kinds = [kind for kind in KINDS if options["table"] in {None, kind.name}]
        now, is_json = clock.now(), options["json"]
        found = look(now=now, kinds=kinds)
        if not is_json:
            self._tell(look_as_text(found))
        turn = None if options["dry_run"] else take_care(now=now, kinds=kinds)
        if turn is not None:
            _record(turn, options["table"])
            if not is_json:
                self._tell(turn_as_text(turn))
        if is_json:
            done = {} if turn is None else turn_as_data(turn)
            self.stdout.write(json.dumps(look_as_data(found) | done, indent=2))
        if turn is not None and (faults := _faults(turn)):
            raise CommandError("; ".join(faults))

    def _tell(self, lines: Any) -> None:
        for line in lines:
            self.stdout.write(line)


def _faults(turn: Turn) -> list[str]:
    kinds = [one.kind for one in turn.dropped if one.fault]
    return [*([turn.fault] if turn.fault else []), *([f"could not be looked after: {', '.join(kinds)}"] if kinds else [])]


def _record(turn: Turn, table: str | None) -> None:
    """Who had something dropped. What was dropped is gone whether or not this is written."""
    dropped = [size.table for one in turn.dropped for size in one.partitions]
    rows = {one.kind: one.rows for one in turn.dropped if one.rows}
    if not dropped and not rows:
        return
    actor = of_command()
    about = {"table": table} if table else {}
    counts = {"partitions": dropped, "rows": rows}
    record(who=actor.who, through=actor.through, action="care", now=clock.now(), about=about, counts=counts)
