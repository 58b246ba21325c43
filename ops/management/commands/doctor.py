"""`manage.py doctor`: what is wrong with this installation, and how to mend it."""

import json
import logging
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand

from marketdata_site.observability.redaction import redact_log
from ops.health.checking import run
from ops.health.finding import Result, Severity, worst
from ops.health.installation import everything


class Command(BaseCommand):
    """A line for each check. Exit status: 0 all is well, 1 there are warnings, 2 there are errors. Starts and changes nothing."""

    help = "Say what is wrong with this installation and how to mend it. Exit status 0: nothing, 1: warnings, 2: errors."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For people or for programs."""
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: SystemExit with the status."""
        logging.getLogger("ops.health").setLevel(logging.CRITICAL)  # what a check meets is in its line
        logging.getLogger("celery").setLevel(logging.CRITICAL)
        results = run(everything())
        verdict = worst([result.finding for result in results])
        self.stdout.write(_document(results, verdict) if options["json"] else _lines(results, verdict))
        raise SystemExit(verdict.rank)


def _lines(results: Sequence[Result], verdict: Severity) -> str:
    counts = {severity: sum(one.finding.severity is severity for one in results) for severity in Severity}
    total = f"{len(results)} checks: {counts[Severity.ERROR]} errors, {counts[Severity.WARNING]} warnings"
    return "\n".join([*map(_line, results), total])


def _line(result: Result) -> str:
    finding = result.finding
    detail = f" ({redact_log(finding.detail)})" if finding.detail else ""
    advice = f". To mend: {finding.advice}" if finding.advice else ""
    return f"{finding.severity:<8} {result.name:<15} {finding.found}{detail}{advice}"


def _document(results: Sequence[Result], verdict: Severity) -> str:
    findings = [
        {
            "name": one.name,
            "severity": one.finding.severity,
            "found": one.finding.found,
            "detail": redact_log(one.finding.detail),
            "advice": one.finding.advice,
            "ms": one.ms,
        }
        for one in results
    ]
    return json.dumps({"status": verdict, "findings": findings}, ensure_ascii=False, indent=1)
