"""A client's report as lines of a file, written while it happens: what a client stored survives its crash."""

import json
from pathlib import Path
from typing import Any

from tests.faults.churn.proof import Began, Hole, Place, Report, Said, Taken


class Reporter:
    """Appends."""

    def __init__(self, path: Path, **about: Any) -> None:
        self._file = path.open("w")
        self._write("about", about)

    def start(self, place: Place) -> None:
        """From here on everything is wanted."""
        self._write("start", place)

    def began(self) -> None:
        """Anew, with what was stored."""
        self._write("began")

    def live(self, place: Place, said: Said) -> None:
        """A message of the feed."""
        self._write("live", place, said)

    def filled(self, place: Place, said: Said) -> None:
        """A bar of the REST API, taken at that position."""
        self._write("filled", place, said)

    def hole(self, after: Place, upto: Place) -> None:
        """The server told of a gap."""
        self._write("hole", after, upto)

    def end(self, place: Place) -> None:
        """That was all."""
        self._write("end", place)
        self._file.close()

    def _write(self, kind: str, *values: Any) -> None:
        self._file.write(json.dumps([kind, *values]) + "\n")


def read_report(path: Path) -> Report:
    """A whole report. Raises: ValueError for one that was not ended."""
    report = Report(path.stem, (), Place("", 0), Place("", 0))
    with path.open() as lines:
        for line in lines:
            kind, *values = json.loads(line)
            _add(report, kind, values)
    if report.end.epoch == "":
        raise ValueError(f"{path} has no end")
    return report


def _add(report: Report, kind: str, values: list[Any]) -> None:
    match kind:
        case "about":
            report.channels, report.is_deduplicated = values[0]["channels"], values[0]["is_deduplicated"]
        case "start":
            report.start = Place(*values[0])
        case "began":
            report.events.append(Began())
        case "hole":
            report.events.append(Hole(Place(*values[0]), Place(*values[1])))
        case "end":
            report.end = Place(*values[0])
        case _:
            report.events.append(Taken(Place(*values[0]), Said(*values[1]), kind == "live"))
