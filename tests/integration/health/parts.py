"""What the tests of health share: an installation in which everything is well, and servers that say nothing."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from collector.partitions import BARS, QUOTES, ensure_partitions, forget_known
from marketdata_site.observability.clock import now
from ops.health.beats import write_tick

PATIENCE_S = 60
DATABASE_PARTS = ["postgres", "migrations", "clock", "beat", "partitions"]
ALL_PARTS = [*DATABASE_PARTS, "broker", "stream"]


def make_well() -> None:
    """Partitions ahead, and a beat that has just rung."""
    forget_known()
    ensure_partitions(BARS, range(BARS.period_of(now()), BARS.period_of(now()) + 3))
    ensure_partitions(QUOTES, range(QUOTES.period_of(now()), QUOTES.period_of(now()) + 4))
    write_tick("tests:1")


def asked(address: str) -> tuple[int, str]:
    """Status and text."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ready(web: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Status, and the parts by name; the answer agrees with itself."""
    status, text = asked(f"{web}/health/ready")
    answer = json.loads(text)
    parts = {part["name"]: part for part in answer["parts"]}
    assert list(parts) == ALL_PARTS
    assert answer["ready"] is all(part["ok"] for part in parts.values()) is (status == 200)
    assert len(text.splitlines()) == len(parts) + 2
    return status, parts


def failing(web: str) -> set[str]:
    """Names of the parts that are not well."""
    return {name for name, part in ready(web)[1].items() if not part["ok"]}


@contextmanager
def mute_server() -> Iterator[int]:
    """The port of a server that takes every connection and never says a word."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
            for line in taken:
                line.close()
