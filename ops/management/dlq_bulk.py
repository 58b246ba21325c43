"""`manage.py dlq bulk …`: many dead letters at once. Workers do it; the terminal only looks on, and may be closed."""

import json
import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from collector.core.bulk import TICK_SECONDS, told_time
from collector.selectors.dead_letters import LetterFilter
from marketdata_site.observability import clock
from ops.actors import of_command
from ops.bulk import operating, planning, reading
from ops.management.dlq_options import add_asking, add_filters, asking_of, filter_of
from ops.management.reasons import reason
from ops.models import BulkKind, BulkOperation, BulkState

LOOKS_EVERY_S = 1.0
_ACTS = {"pause": operating.pause, "resume": operating.resume, "cancel": operating.cancel}


def add_arguments(parser: ArgumentParser) -> None:
    """What to do, and to which."""
    verbs = parser.add_subparsers(dest="bulk_verb", required=True)
    for kind, text in (("requeue", "let all that fit try anew"), ("discard", "give all that fit up")):
        one = verbs.add_parser(kind, help=f"{text}, chunk by chunk; Ctrl-C leaves it running")
        add_filters(one)
        if kind == "requeue":
            add_asking(one)
        else:
            one.add_argument("--abandon", action="store_true", help="nobody wants the spans: no scan finds the gaps again")
        one.add_argument("--all", action="store_true", help="needed where no filter is given")
        one.add_argument("--why", type=reason, default="", help="kept with the record of it")
        one.add_argument("--dry-run", action="store_true", help="only say what it would be about")
        one.add_argument("--background", action="store_true", help="do not look on")
    verbs.add_parser("list", help="operations, newest first")
    for word, text in (("show", "how far it is"), ("watch", "look on until it ends or pauses")):
        verbs.add_parser(word, help=text).add_argument("operation_id", type=int)
    for word, text in (("pause", "let it rest"), ("resume", "let it go on"), ("cancel", "end it; what is left stays dead")):
        one = verbs.add_parser(word, help=text)
        one.add_argument("operation_id", type=int)
        one.add_argument("--why", type=reason, default="", help="kept with the record of it")
    for word in ("list", "show"):
        verbs.choices[word].add_argument("--json", action="store_true", help="all of it, for programs")


def handle(options: dict[str, Any], *, out: OutputWrapper, now: datetime) -> None:
    """Raises: ApiError, CommandError that says why it can't be done or did not end well."""
    verb = options["bulk_verb"]
    if verb in _ACTS:
        operation = _ACTS[verb](of_command(), operation_id=options["operation_id"], now=now, reason=options["why"])
        out.write(line(operation, now=now))
    elif verb == "list":
        _list(options, out, now)
    elif verb == "show":
        _show(options, out, now)
    elif verb == "watch":
        watch(options["operation_id"], out=out)
    else:
        _start(BulkKind(verb), options, out, now)


def _start(kind: BulkKind, options: dict[str, Any], out: OutputWrapper, now: datetime) -> None:
    fitting = filter_of(options)
    if (fitting == LetterFilter()) != options["all"]:
        raise CommandError("give filters, or --all where every dead job is meant")
    about: dict[str, Any] = {"kind": kind, "fitting": fitting, "now": now}
    about |= {"asking": asking_of(options)} if kind is BulkKind.REQUEUE else {}
    out.write(_plan(planning.preview(of_command(), **about)))
    if options["dry_run"]:
        return
    about |= {"abandon": options["abandon"]} if kind is BulkKind.DISCARD else {}
    number = operating.start(of_command(), reason=options["why"], **about).pk
    out.write(f"bulk operation {number} is started")
    if not options["background"]:
        watch(number, out=out)


def watch(number: int, *, out: OutputWrapper) -> None:
    """Tell each change until it ends. Raises: CommandError when it pauses or is cancelled."""
    told = ""
    try:
        while True:
            now = clock.now()
            operation = reading.show(of_command(), operation_id=number)
            if (said := line(operation, now=now)) != told:
                out.write(said)
                out.flush()
                told = said
            if operation.state != BulkState.RUNNING:
                break
            time.sleep(LOOKS_EVERY_S)
    except KeyboardInterrupt:
        out.write(
            f"\nbulk operation {number} goes on in the background. `manage.py dlq bulk watch {number}` looks on again, "
            f"`manage.py dlq bulk cancel {number}` ends it"
        )
        return
    if operation.state != BulkState.DONE:
        raise CommandError(f"bulk operation {number} is {operation.state}: see `manage.py dlq bulk show {number}`")


def _list(options: dict[str, Any], out: OutputWrapper, now: datetime) -> None:
    page = reading.page(of_command())
    if options["json"]:
        out.write(_json([reading.operation_as_json(one, now=now) for one in page.operations]))
        return
    for operation in page.operations:
        out.write(line(operation, now=now))
    if not page.operations:
        out.write("no bulk operation was ever started")


def _show(options: dict[str, Any], out: OutputWrapper, now: datetime) -> None:
    row = reading.operation_as_json(reading.show(of_command(), operation_id=options["operation_id"]), now=now)
    if options["json"]:
        out.write(_json(row))
        return
    for name, value in row.items():
        if value not in (None, "", [], {}):
            told = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
            out.write(f"{name.replace('_', ' ')}: {told}")


def line(operation: BulkOperation, *, now: datetime) -> str:
    """How far it is, in one line."""
    counts, verb = reading.counts_of(operation), "requeued" if operation.kind == BulkKind.REQUEUE else "discarded"
    parts = [f"{counts['done']:,} of {counts['matched']:,} {verb}"]
    if operation.kind == BulkKind.REQUEUE and operation.done:
        parts[0] += f" ({counts['filled']:,} filled, {counts['dead_again']:,} dead again, {counts['open']:,} open)"
    parts += [f"{count:,} {cause.replace('_', ' ')}" for cause, count in counts["skipped"].items()]
    parts += [f"{counts['left']:,} left"] if counts["left"] else []
    parts += [f"{counts['at_cap']:,} of them at cap"] if counts["at_cap"] else []
    why = reading.why_of(operation, now=now)
    return f"{operation.pk}  {operation.kind} {operation.state}: {', '.join(parts)}{'; ' + why if why else ''}"


def _plan(plan: planning.Plan) -> str:
    skipped = "".join(f", {count:,} {cause.replace('_', ' ')}" for cause, count in plan.skipped.items())
    at_cap = f", {plan.at_cap:,} of them at cap now" if plan.at_cap else ""
    calls = f", {plan.calls:,} vendor calls or more" if plan.calls else ""
    return (
        f"{plan.matched:,} matched: {plan.eligible:,} eligible{at_cap}{skipped}{calls}; "
        f"{plan.chunk:,} jobs every {TICK_SECONDS} s{f', at least {told_time(plan.seconds)} in all' if plan.seconds else ''}"
    )


def _json(body: object) -> str:
    return json.dumps(body, indent=2, default=lambda value: value.isoformat() if isinstance(value, datetime) else str(value))
