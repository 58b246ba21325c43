"""One log of many programs: each line with the time and the name of the program that said it."""

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO, cast

from honcho.colour import get_colours
from honcho.printer import Message, Printer


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

    def __init__(self, *, names: list[str], output: TextIO | None = None) -> None:
        self._printer = Printer(output=output or sys.stdout, width=max(map(len, names), default=0))
        self._colours = dict(zip(names, get_colours(), strict=False))

    def line(self, name: str, text: bytes | str) -> None:
        """Print what a program said."""
        # stamped with the machine's clock, which is not the service's "now" under a clock offset
        moment = datetime.now(UTC).astimezone()
        self._printer.write(Message(type="line", data=text, time=moment, name=name, colour=self._colours.get(name)))

    def stream(self, name: str) -> TextIO:
        """Something to print to, for code that wants a file; each write is a line of that program's."""
        return cast(TextIO, _Stream(lambda text: self.line(name, text)))
