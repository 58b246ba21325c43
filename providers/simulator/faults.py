"""What can go wrong at a vendor, when, for which symbols and how often. No sockets; the time is an argument.

A fault strikes a call of its vendor that asks for one of its symbols (none named: any), for its share of these calls, until it
has struck `count` times or `until` has come. Which calls make up the share follows from (seed, fault, call): the same script
gives the same run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from itertools import count as counting
from types import MappingProxyType

from providers.market.types import SECOND_US, Micros, from_us
from providers.simulator.universe import plain_name

Value = bool | int | float | str | None
ANY_VENDOR = "*"


class FaultKind(StrEnum):
    """The kinds, in the order in which they come upon a call."""

    TIMEOUT = "timeout"
    """No answer for `seconds`, then the connection closes."""
    CONNECTION_RESET = "connection_reset"
    """The connection is reset after `after_bytes` of the body; 0: before the status line."""
    UNAUTHORIZED = "unauthorized"
    """401."""
    FORBIDDEN_CREDENTIALS = "forbidden_credentials"
    """403 that means a wrong key."""
    FORBIDDEN_ENTITLEMENT = "forbidden_entitlement"
    """403 (or the vendor's own way) that means: not in this plan."""
    THROTTLE = "throttle"
    """429, with `Retry-After` when `retry_after` (seconds) is given."""
    SERVER_ERROR = "server_error"
    """`status` (500) with the vendor's body."""
    HTML = "html"
    """A page for humans, with `status` (200)."""
    MUTE = "mute"
    """200 and no rows, as if nothing had traded."""
    DELAYED = "delayed"
    """Bars and quotes come `seconds` late; the vendor says so when `announced`."""
    WITHDRAWN = "withdrawn"
    """The bars and quotes of `[start, end)` (epoch microseconds) are gone."""
    LATE_CORRECTION = "late_correction"
    """The bars of `[start, end)` have a close moved by `price_delta` and a volume larger by `volume_delta`."""
    WRONG_SYMBOL = "wrong_symbol"
    """The rows are labelled `symbol`."""
    PARTIAL_PAGE = "partial_page"
    """Only the first `fraction` of a page's rows, with the counts and the link of the whole page."""
    DUPLICATE_ROWS = "duplicate_rows"
    """Every `every`th row is sent twice."""
    UNORDERED_ROWS = "unordered_rows"
    """The rows of a page come in another order."""
    BAD_ROW = "bad_row"
    """The row in the middle of a page has its high below its low; quotes have a bid below 0."""
    TRUNCATED = "truncated"
    """The body ends after `fraction` of its bytes, with a matching length."""
    DRIP = "drip"
    """The body comes in `pieces`, `seconds` apart."""


_ALWAYS = {"start": 0, "end": 2**62}
PARAMETERS: Mapping[FaultKind, Mapping[str, Value]] = {
    FaultKind.TIMEOUT: {"seconds": 3600.0},
    FaultKind.CONNECTION_RESET: {"after_bytes": 0},
    FaultKind.THROTTLE: {"retry_after": None},
    FaultKind.SERVER_ERROR: {"status": 500},
    FaultKind.HTML: {"status": 200},
    FaultKind.DELAYED: {"seconds": 900.0, "announced": False},
    FaultKind.WITHDRAWN: _ALWAYS,
    FaultKind.LATE_CORRECTION: {**_ALWAYS, "price_delta": 0.01, "volume_delta": 100},
    FaultKind.WRONG_SYMBOL: {"symbol": "WRONG"},
    FaultKind.PARTIAL_PAGE: {"fraction": 0.5},
    FaultKind.DUPLICATE_ROWS: {"every": 3},
    FaultKind.TRUNCATED: {"fraction": 0.5},
    FaultKind.DRIP: {"pieces": 20, "seconds": 0.5},
}
"""Parameters of each kind with their defaults; kinds that are not named here have none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault. `symbols` are plain names, empty for all; a parameter that is not given has its default."""

    kind: FaultKind
    vendor: str = ANY_VENDOR
    symbols: frozenset[str] = frozenset()
    share: float = 1.0
    count: int | None = None
    until: Micros | None = None
    parameters: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    def parameter(self, name: str) -> Value:
        """A parameter as given, or its default."""
        return self.parameters.get(name, PARAMETERS[self.kind][name])

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        value = self.parameter(name)
        assert isinstance(value, int | float)
        return value

    def covers(self, symbol: str) -> bool:
        """Whether the fault concerns this symbol."""
        return not self.symbols or plain_name(symbol) in self.symbols

    def __str__(self) -> str:
        words = [self.kind.value, "at", "every vendor" if self.vendor == ANY_VENDOR else self.vendor]
        words += ["for", ",".join(sorted(self.symbols))] if self.symbols else []
        words += [f"in {self.share:.0%} of calls"] if self.share < 1 else []
        words += [f"{self.count} times"] if self.count is not None else []
        words += [f"until {from_us(self.until).isoformat()}"] if self.until is not None else []
        given = [f"{name}={value}" for name, value in self.parameters.items() if PARAMETERS[self.kind][name] != value]
        return " ".join(words + given)


@dataclass(slots=True)
class Scripted:
    """A fault in the book: how many calls it looked at and how many it struck."""

    id: int
    fault: Fault
    seen: int = 0
    struck: int = 0

    def is_over(self, now: Micros) -> bool:
        """Spent or past its time."""
        fault = self.fault
        return (fault.count is not None and self.struck >= fault.count) or (fault.until is not None and now >= fault.until)


class FaultBook:
    """The faults that are set. Each change and each strike is one line to `log`."""

    def __init__(self, *, log: Callable[[str], None], seed: int = 0) -> None:
        self._log = log
        self._seed = seed
        self._ids = counting(1)
        self._scripted: dict[int, Scripted] = {}

    def set(self, fault: Fault) -> Scripted:
        """Add a fault; those already set stay."""
        scripted = Scripted(next(self._ids), fault)
        self._scripted[scripted.id] = scripted
        self._log(f"fault {scripted.id} set: {fault}")
        return scripted

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one fault, or all. Returns how many there were."""
        chosen = [fault_id] if fault_id is not None else list(self._scripted)
        removed = [scripted for chosen_id in chosen if (scripted := self._scripted.pop(chosen_id, None))]
        for scripted in removed:
            self._log(f"fault {scripted.id} cleared: {scripted.fault}, struck {scripted.struck} times")
        return len(removed)

    def active(self, *, now: Micros) -> list[Scripted]:
        """The faults that can still strike, oldest first."""
        for scripted in [s for s in self._scripted.values() if s.is_over(now)]:
            del self._scripted[scripted.id]
            self._log(f"fault {scripted.id} is over: {scripted.fault}, struck {scripted.struck} times")
        return list(self._scripted.values())

    def strike(self, *, vendor: str, symbols: tuple[str, ...], now: Micros) -> list[Fault]:
        """The faults that strike this call, in the order of their kinds."""
        struck = [scripted for scripted in self.active(now=now) if self._strikes(scripted, vendor, symbols)]
        for scripted in struck:
            self._log(f"fault {scripted.id} strikes {vendor}: {scripted.fault}")
        kinds = list(FaultKind)
        return sorted((scripted.fault for scripted in struck), key=lambda fault: kinds.index(fault.kind))

    def _strikes(self, scripted: Scripted, vendor: str, symbols: tuple[str, ...]) -> bool:
        fault = scripted.fault
        if fault.vendor not in (ANY_VENDOR, vendor) or (fault.symbols and not any(map(fault.covers, symbols))):
            return False
        scripted.seen += 1
        digest = blake2b(f"{self._seed}/{scripted.id}/{scripted.seen}".encode(), digest_size=8).digest()
        if int.from_bytes(digest, "big") >= fault.share * 2**64:
            return False
        scripted.struck += 1
        return True


def seconds_us(seconds: float) -> Micros:
    """Microseconds of a number of seconds."""
    return round(seconds * SECOND_US)
