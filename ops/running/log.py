"""One log of many programs: each line with the time and the name of the program that said it, for people or as a JSON object."""

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO, cast

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from marketdata_site.observability.redaction import redact_log


class _Stream(io.TextIOBase):
    """A file that hands each write on as a line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def write(self, text: str) -> int:
        """Hand on."""
        self._say(text)
        return len(text)


class PrefixedLog:
    """Prints lines; `names` fixes the width of the prefix and each name's colour (on a terminal only)."""

    def __init__(self, *, names: list[str], output: TextIO | None = None, as_json: bool = False) -> None:
        self._output, self._as_json = output or sys.stdout, as_json
        self._printer = Printer(output=self._output, width=max(map(len, names), default=0))
        self._colours = dict(zip(names, get_colours(), strict=False))

    def line(self, name: str, text: bytes | str) -> None:
        """Print what a program said."""
        # stamped with the machine's clock, which is not the service's "now" under a clock offset
        moment = datetime.now(UTC).astimezone()
        if self._as_json:
            self._output.write(_object(name, text, moment) + "\n")
            self._output.flush()
            return
        self._printer.write(Message(type="line", data=text, time=moment, name=name, colour=self._colours.get(name)))

    def stream(self, name: str) -> TextIO:
        """Something to print to, for code that wants a file; each write is a line of that program's."""
        return cast(TextIO, _Stream(lambda text: self.line(name, text)))


def _object(name: str, text: bytes | str, moment: datetime) -> str:
    """A line as an object that names its program; one that is an object already keeps what it says."""
    plain = (text.decode(errors="replace") if isinstance(text, bytes) else text).rstrip("\n")
    try:
        said = json.loads(plain)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        time = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {"time": time, "message": redact_log(plain)}
    return json.dumps({"program": name, **said}, ensure_ascii=False)
