"""What was asked and answered: calls for tests to look at, counters, and the log as lines. Never holds a key."""

import logging
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from marketdata_site.observability.clock import now_us
from providers.market.types import Micros, from_us

KEPT_CALLS = 5_000
KEPT_LINES = 2_000
SHOWN_SYMBOLS = 5
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer. `path` has the query with secrets hidden; `status` 0 means that no status line was sent."""

    number: int
    at: Micros
    vendor: str
    path: str
    symbols: tuple[str, ...]
    status: int
    rows: int
    milliseconds: float
    faults: tuple[str, ...]

    def __str__(self) -> str:
        symbols = ",".join(self.symbols[:SHOWN_SYMBOLS])
        more = f" and {len(self.symbols) - SHOWN_SYMBOLS} more" if len(self.symbols) > SHOWN_SYMBOLS else ""
        faults = f", struck by {', '.join(self.faults)}" if self.faults else ""
        outcome = f"{self.status or 'no answer'}, {self.rows} rows in {self.milliseconds:.1f} ms{faults}"
        return f"{self.vendor} call {self.number} for {symbols}{more}: {self.path.partition('?')[0]} -> {outcome}"


class Log:
    """The newest lines for `/_control/log`; every line also goes to the process' log."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)

    def say(self, line: str) -> None:
        """Keep and log one line."""
        self.lines.append(f"{from_us(now_us()).isoformat(timespec='milliseconds')} {line}")
        logger.info("%s", line)


class Journal:
    """The newest calls and counters of all."""

    def __init__(self, *, log: Log) -> None:
        self._log = log
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._statuses: Counter[tuple[str, int]] = Counter()
        self._symbols: Counter[tuple[str, str]] = Counter()

    def add(self, call: Call) -> None:
        """Keep a call and log it as one line."""
        self._calls.append(call)
        self._statuses[call.vendor, call.status] += 1
        self._symbols.update((call.vendor, symbol) for symbol in call.symbols)
        self._log.say(str(call))

    def clear(self) -> None:
        """Forget all calls and counters."""
        self._calls.clear()
        self._statuses.clear()
        self._symbols.clear()

    def summary(self, *, vendor: str | None = None, symbol: str | None = None, after: int = 0) -> dict[str, Any]:
        """Counters of all calls, and the kept calls numbered above `after` of a vendor and a symbol, oldest first."""
        vendors = sorted({name for name, _ in self._statuses})
        calls = [call for call in self._calls if _is_asked(call, vendor, symbol, after)]
        return {
            "total": self._statuses.total(),
            "vendors": {
                name: {
                    "total": sum(n for (v, _), n in self._statuses.items() if v == name),
                    "by_status": {str(status): n for (v, status), n in sorted(self._statuses.items()) if v == name},
                    "by_symbol": {asked: n for (v, asked), n in self._symbols.items() if v == name},
                }
                for name in vendors
            },
            "calls": [asdict(call) for call in calls],
        }


def _is_asked(call: Call, vendor: str | None, symbol: str | None, after: int) -> bool:
    return call.number > after and vendor in (None, call.vendor) and (symbol is None or symbol in call.symbols)
