"""docs/feed.md, read as what it is: a specification, of examples and tables under headings."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "feed.md"
CLIENT, SERVER, MESSAGES = "What a client sends", "What the server sends", "Messages"
"""Headings of the chapters whose sections are about a frame or message each."""
_HEADING = re.compile(r"(#{2,3}) (.+)")
_CODE = re.compile(r"`([^`]+)`")
_CLOSE_CODE = re.compile(r"\b\d{4}\b")


@dataclass
class Table:
    """The rows of a table, below the words of its head."""

    head: list[str]
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Section:
    """What stands below a heading of the second or third level."""

    chapter: str
    title: str
    tables: list[Table] = field(default_factory=list)
    examples: list[Any] = field(default_factory=list)
    """The JSON of it."""

    @property
    def about(self) -> list[str]:
        """The names in its heading."""
        return _CODE.findall(self.title)

    def table(self, kind: str) -> Table:
        """The one table whose first column is called so."""
        (found,) = [table for table in self.tables if table.head[0] == kind]
        return found


def read() -> list[Section]:
    """All sections. Raises: ValueError for an example that is no JSON."""
    sections = [Section("", "")]
    for kind, text in _blocks(PAGE.read_text()):
        if kind == "heading":
            level, title = text.split(" ", 1)
            sections.append(Section(title if level == "##" else sections[-1].chapter, title))
        elif kind == "json":
            sections[-1].examples.append(json.loads(text))
        elif kind == "table":
            head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
            sections[-1].tables.append(Table(head, rows))
        else:
            sections[-1].examples += [json.loads(code) for code in _CODE.findall(text) if code.startswith('{"')]
    return sections


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Headings, JSON, tables and prose, in their order; code of other languages is left out."""
    for part in re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL):
        if part.startswith("```"):
            language, _, code = part[3:-3].partition("\n")
            if language == "json":
                yield "json", code
            continue
        for paragraph in re.split(r"\n{2,}", part.strip()):
            if _HEADING.fullmatch(paragraph):
                yield "heading", paragraph
            else:
                yield ("table" if paragraph.startswith("|") else "prose"), paragraph


def program() -> str:
    """The client that the document shows."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    return str(found)


def section(title: str) -> Section:
    """The one with that heading."""
    (found,) = [one for one in read() if one.title == title]
    return found


def sections_about(chapter: str) -> dict[str, Section]:
    """By the frame or message that they are about."""
    return {name: one for one in read() if one.chapter == chapter != one.title for name in one.about[:1]}


def names(kind: str) -> set[str]:
    """Every name in the first column of every table whose first column is called so; of close codes their digits."""
    cells = [row[0] for one in read() for table in one.tables if table.head[0] == kind for row in table.rows]
    pattern = _CLOSE_CODE if kind == "close code" else _CODE
    return {name for cell in cells for name in pattern.findall(cell)}


def fields(one: Section) -> dict[str, str]:
    """What each field is, by its dotted name."""
    return {name: row[1] for row in one.table("field").rows for name in _CODE.findall(row[0])}
