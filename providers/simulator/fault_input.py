"""Faults as they come in over the control endpoint: read, checked, and written back."""

from typing import Any

import msgspec

from providers.market.types import Micros
from providers.simulator.faults import ANY_VENDOR, PARAMETERS, Fault, FaultKind, Scripted, Value, seconds_us
from providers.simulator.universe import plain_name


class FaultError(ValueError):
    """A fault that makes no sense; says what would."""


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    """`until` is epoch microseconds; `for_seconds` says the same counted from now."""

    kind: str
    vendor: str = ANY_VENDOR
    symbols: list[str] = []
    share: float = 1.0
    count: int | None = None
    until: int | None = None
    for_seconds: float | None = None
    parameters: dict[str, Value] = {}


def read_fault(raw: object, *, vendors: frozenset[str], now: Micros) -> Fault:
    """A checked fault of decoded JSON. Raises: FaultError."""
    try:
        given = msgspec.convert(raw, _Input)
    except msgspec.ValidationError as error:
        raise FaultError(str(error)) from error
    kind = _kind(given.kind)
    if given.vendor != ANY_VENDOR and given.vendor not in vendors:
        raise FaultError(f"unknown vendor {given.vendor!r}, known: {', '.join(sorted(vendors))} and {ANY_VENDOR}")
    if not 0 < given.share <= 1:
        raise FaultError(f"share must be above 0 and at most 1, got {given.share}")
    if given.count is not None and given.count < 1:
        raise FaultError(f"count must be at least 1, got {given.count}")
    if given.until is not None and given.for_seconds is not None:
        raise FaultError("give until or for_seconds, not both")
    return Fault(
        kind=kind,
        vendor=given.vendor,
        symbols=frozenset(map(plain_name, given.symbols)),
        share=given.share,
        count=given.count,
        until=given.until if given.for_seconds is None else now + seconds_us(given.for_seconds),
        parameters=_parameters(kind, given.parameters),
    )


def write_fault(scripted: Scripted) -> dict[str, Any]:
    """A fault of the book as JSON."""
    fault = scripted.fault
    return {
        "id": scripted.id,
        "kind": fault.kind.value,
        "vendor": fault.vendor,
        "symbols": sorted(fault.symbols),
        "share": fault.share,
        "count": fault.count,
        "until": fault.until,
        "parameters": {name: fault.parameter(name) for name in PARAMETERS.get(fault.kind, {})},
        "seen": scripted.seen,
        "struck": scripted.struck,
    }


def _kind(name: str) -> FaultKind:
    try:
        return FaultKind(name)
    except ValueError:
        raise FaultError(f"unknown kind {name!r}, known: {', '.join(FaultKind)}") from None


def _parameters(kind: FaultKind, given: dict[str, Value]) -> dict[str, Value]:
    known = PARAMETERS.get(kind, {})
    for name, value in given.items():
        if name not in known:
            raise FaultError(f"{kind.value} has no parameter {name!r}, it has: {', '.join(known) or 'none'}")
        _check(kind, name, value)
    return given


_WHOLE = frozenset({"after_bytes", "status", "start", "end", "every", "pieces"})
_LOWEST = {"status": 100, "every": 1, "pieces": 1, "price_delta": float("-inf"), "volume_delta": float("-inf")}
_HIGHEST = {"status": 599, "fraction": 1.0}


def _check(kind: FaultKind, name: str, value: Value) -> None:
    expected = PARAMETERS[kind][name]
    if isinstance(expected, bool | str):
        if type(value) is not type(expected):
            raise FaultError(f"{kind.value}: {name} must be a {type(expected).__name__}, got {value!r}")
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or (name in _WHOLE and not isinstance(value, int)):
        raise FaultError(f"{kind.value}: {name} must be a {'whole ' if name in _WHOLE else ''}number, got {value!r}")
    if not _LOWEST.get(name, 0) <= value <= _HIGHEST.get(name, float("inf")):
        raise FaultError(f"{kind.value}: {name} is out of range, got {value!r}")
