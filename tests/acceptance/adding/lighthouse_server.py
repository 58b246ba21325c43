"""The vendor of docs/adding-a-provider.md over real HTTP, on loopback: end labels, newest first, pages of two, errors with 200."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

KEY = "let-there-be-light"
MINUTE = timedelta(minutes=1)
PAGE = 2


class _Handler(BaseHTTPRequestHandler):
    server: "LighthouseServer"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query))
        self.server.asked.append(self.path)
        body = json.dumps(self._answer(parts.path, asked)).encode()
        self.send_response_only(200)  # without a Date: the machine's clock is not the test's
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, path: str, asked: dict[str, str]) -> dict[str, object]:
        if self.headers["X-Lighthouse-Key"] != KEY:
            return {"ok": False, "why": "bad_key"}
        if path != "/v1/bars" or asked["symbol"] == "NOSUCH":
            return {"ok": False, "why": "no_such_symbol"}
        after, until = (datetime.fromisoformat(asked[name]).astimezone(UTC) for name in ("after", "until"))
        before = datetime.fromisoformat(asked["cursor"]) if "cursor" in asked else until + 2 * MINUTE
        ends = [end for end in _ends(until + MINUTE, after) if end < before]  # one more than asked for, as some vendors do
        rows = [{"end": end.isoformat(), **_prices(end)} for end in ends[:PAGE]]
        more = ends[PAGE - 1].isoformat() if len(ends) > PAGE else None
        return {"ok": True, "symbol": asked["symbol"], "bars": rows, "more": more}

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at `asked`."""


class LighthouseServer(ThreadingHTTPServer):
    """`asked`: the paths of all calls, with their query."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


def _ends(newest: datetime, after: datetime) -> list[datetime]:
    return [newest - MINUTE * i for i in range(int((newest - after) / MINUTE))]


def _prices(end: datetime) -> dict[str, str | None]:
    """Of the minute, so that a bar at a wrong start is seen; the volume of each third one is unknown."""
    base = end.minute
    prices = {"open": f"{base}.25", "high": f"{base}.75", "low": f"{base}.00", "close": f"{base}.50"}
    return {**prices, "volume": None if base % 3 == 0 else str(base * 100)}


@contextmanager
def lighthouse() -> Iterator[LighthouseServer]:
    """The vendor while the context lasts."""
    with LighthouseServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
