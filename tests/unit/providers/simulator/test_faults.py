"""The book of faults: who is struck, how often, and how long; without sockets."""

import pytest

from providers.simulator.fault_input import FaultError, read_fault, write_fault
from providers.simulator.faults import PARAMETERS, Fault, FaultBook, FaultKind

VENDORS = frozenset({"polygon", "alpaca"})


def _struck(book: FaultBook, calls: int, *, now: int = 0) -> list[int]:
    return [len(book.strike(vendor="polygon", symbols=("AAPL",), now=now)) for _ in range(calls)]


def test_a_share_depends_on_seed_fault_and_call_only() -> None:
    def run(seed: int) -> list[int]:
        book = FaultBook(log=lambda line: None, seed=seed)
        book.set(Fault(FaultKind.MUTE, share=0.3))
        return _struck(book, 200)

    assert run(1) == run(1) != run(2)
    assert 30 <= sum(run(1)) <= 90


def test_calls_of_others_do_not_change_which_calls_are_struck() -> None:
    quiet, busy = (FaultBook(log=lambda line: None, seed=1) for _ in range(2))
    for book in (quiet, busy):
        book.set(Fault(FaultKind.MUTE, vendor="polygon", symbols=frozenset({"AAPL"}), share=0.5))
    struck = []
    for _ in range(50):
        assert busy.strike(vendor="alpaca", symbols=("AAPL",), now=0) == []
        assert busy.strike(vendor="polygon", symbols=("MSFT",), now=0) == []
        struck += _struck(busy, 1)
    assert struck == _struck(quiet, 50)


def test_a_fault_is_over_at_its_time_and_the_log_says_so() -> None:
    lines: list[str] = []
    book = FaultBook(log=lines.append)
    book.set(Fault(FaultKind.HTML, until=100))
    assert _struck(book, 1, now=99) == [1]
    assert _struck(book, 1, now=100) == [0]
    assert [line.split(":")[0] for line in lines] == ["fault 1 set", "fault 1 strikes polygon", "fault 1 is over"]
    assert lines[-1].endswith("struck 1 times")


def test_faults_come_in_the_order_of_their_kinds() -> None:
    book = FaultBook(log=lambda line: None)
    for kind in reversed(FaultKind):
        book.set(Fault(kind))
    assert [fault.kind for fault in book.strike(vendor="polygon", symbols=(), now=0)] == list(FaultKind)


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_has_defaults_that_its_own_check_accepts(kind: FaultKind) -> None:
    defaults = {name: value for name, value in PARAMETERS.get(kind, {}).items() if value is not None}
    fault = read_fault({"kind": kind.value, "parameters": defaults}, vendors=VENDORS, now=0)
    book = FaultBook(log=lambda line: None)
    assert write_fault(book.set(fault))["parameters"].keys() == PARAMETERS.get(kind, {}).keys()
    assert str(fault) == f"{kind.value} at every vendor"


def test_a_fault_says_itself_in_words() -> None:
    raw = {"kind": "drip", "vendor": "polygon", "symbols": ["X:BTCUSD"], "share": 0.25, "count": 3, "for_seconds": 60}
    fault = read_fault({**raw, "parameters": {"pieces": 2}}, vendors=VENDORS, now=0)
    said = "drip at polygon for BTCUSD in 25% of calls 3 times until 1970-01-01T00:01:00+00:00 pieces=2"
    assert str(fault) == said


@pytest.mark.parametrize(
    "raw", [None, 1, "mute", {"kind": 1}, {"kind": "mute", "symbols": "AAPL"}, {"kind": "mute", "share": "x"}]
)
def test_what_is_no_fault_is_refused(raw: object) -> None:
    with pytest.raises(FaultError):
        read_fault(raw, vendors=VENDORS, now=0)
