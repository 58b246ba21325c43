"""Finds what must be known of frames in a stream of reads, which may begin and end anywhere. Pure.

Looking for marks costs a client a small part of what frames and JSON would, so that one process can keep up with a server.
"""

import re

BAR = b'"type":"bar"'
NUMBER = re.compile(rb'"trade_count":(\d+),')
TO = b'"to":'
REST = 40
"""More bytes than any of them is long: so much of a read is looked at again with the next one."""


class Marks:
    """Of one client. After `take`: `numbers` of the bars, when they are wanted, and `to` of the last data frame, None where there is none."""

    def __init__(self, *, wants_numbers: bool) -> None:
        self.numbers: list[int] = []
        self.to: bytes | None = None
        self._wants_numbers = wants_numbers
        self._rest = b""

    def take(self, data: bytes) -> int:
        """How many bars are new with this read."""
        text = self._rest + data
        self.to = _to(text, known=len(self._rest))
        if self._wants_numbers:
            found = list(NUMBER.finditer(text))
            self.numbers = [int(one[1]) for one in found]
            count, seen = len(found), found[-1].end() if found else 0
        else:
            count, seen = text.count(BAR), text.rfind(BAR) + 1
        self._rest = text[max(seen, len(text) - REST) :]
        return count


def _to(text: bytes, *, known: int) -> bytes | None:
    """The last one that is complete since this read; the first `known` bytes are of the one before."""
    end = len(text)
    while (begin := text.rfind(TO, 0, end)) >= 0:
        comma = text.find(b",", begin)
        if comma >= 0:
            return text[begin + len(TO) : comma] if comma >= known else None
        end = begin
    return None
