"""What a scenario has shown of the specification: seen in the frames that went over its sockets, not believed."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests import feed_document as document
from tests.feed_support import schema

Json = dict[str, Any]


class Record:
    """Holds each frame against the schema, and remembers by name what came up: `op data`, `code bad_json`, `field data.skipped`."""

    def __init__(self) -> None:
        self.shown: set[str] = set()

    def said(self, text: str | bytes) -> None:
        """What the client sends, which may be nonsense."""
        try:
            frame = json.loads(text)
            self.shown |= set(_names(frame["op"], frame))
        except (ValueError, KeyError, TypeError):
            return

    def heard(self, text: str) -> Json:
        """A frame of the server's. Raises: msgspec.ValidationError for one that does not fit."""
        schema.decode(text)
        frame: Json = json.loads(text)
        self.shown |= set(_names(frame["op"], frame))
        for message in frame.get("messages", ()):
            self.shown |= {f"message {message['type']}", *_names(message["type"], message)}
        return frame

    def closed(self, code: int) -> None:
        """How a connection ended."""
        self.shown.add(f"close code {code}")

    def requested(self, url: str) -> None:
        """An address that is read over HTTP."""
        self.shown |= {f"parameter {name}" for name, _ in parse_qsl(urlsplit(url).query)}

    def asked(self, limit: str) -> None:
        """A scenario goes up to one of the limits of `hello`."""
        self.shown.add(f"limit {limit}")


def _names(op: str, frame: Json) -> Iterator[str]:
    yield f"op {op}"
    for kind in ("code", "reason"):
        if op in {"error", "subscribed"} and kind in frame:
            yield f"{kind} {frame[kind]}"
    yield from (f"field {op}.{name}" for name in _dotted(frame))


def _dotted(frame: Json) -> Iterator[str]:
    for name, value in frame.items():
        yield name
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in _dotted(value))


def everything_that_is_specified() -> set[str]:
    """What scenarios have to show between them. Fields that are always there show themselves: the schema asks for them."""
    found = {f"{kind} {name}" for kind in ("code", "reason", "close code", "limit", "message") for name in document.names(kind)}
    found |= {f"parameter {name}" for name in document.names("parameter")}
    for chapter in (document.CLIENT, document.SERVER, document.MESSAGES):
        for op, section in document.sections_about(chapter).items():
            found |= {f"op {op}"} if chapter != document.MESSAGES else set()
            found |= {f"field {op}.{name}" for name, words in document.fields(section).items() if words.startswith("optional")}
    return found
