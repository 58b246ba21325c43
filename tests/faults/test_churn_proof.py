"""The proof of the churn finds what it is there to find."""

from collections.abc import Callable

import pytest

from tests.faults.churn.proof import Began, Event, Hole, Place, Report, Said, Taken, faults

OLD, NEW = "19aabdd537b-3f2a91", "19aabdd5fff-77aa01"
FIRST, CORRECTED, SECOND, OTHER = (
    Said("S1", "2025-10-08T13:30:00Z", 1, 10.1),
    Said("S1", "2025-10-08T13:30:00Z", 2, 10.2),
    Said("S1", "2025-10-08T13:31:00Z", 1, 10.3),
    Said("S2", "2025-10-08T13:30:00Z", 1, 10.4),
)
LOG = {Place(OLD, 7): FIRST, Place(OLD, 8): OTHER, Place(OLD, 9): CORRECTED, Place(NEW, 1): SECOND}
START, END = Place(OLD, 5), Place(NEW, 1)


def live(said: Said, place: Place | None = None) -> Taken:
    return Taken(place or next(at for at, one in LOG.items() if one == said), said, is_live=True)


def filled(said: Said, place: Place) -> Taken:
    return Taken(place, said, is_live=False)


def report(*events: Event, start: Place = START, end: Place = END, is_deduplicated: bool = False) -> Report:
    return Report("one", ["bars.1m.S1"], start, end, list(events), is_deduplicated=is_deduplicated)


EVERYTHING = (live(FIRST), live(CORRECTED), live(SECOND))
HOLE = Hole(Place(OLD, 6), Place(OLD, 9))


@pytest.mark.parametrize(
    "fine",
    [
        report(*EVERYTHING),
        report(*EVERYTHING, is_deduplicated=True),
        report(live(SECOND), start=Place(OLD, 9)),
        report(HOLE, filled(CORRECTED, Place(OLD, 9)), live(SECOND)),
        report(HOLE, live(SECOND), filled(CORRECTED, Place(NEW, 1))),
        report(HOLE, filled(CORRECTED, Place(OLD, 9)), filled(SECOND, Place(OLD, 9)), is_deduplicated=True),
        report(live(FIRST), Began(), live(FIRST, Place(NEW, 0)), live(CORRECTED), live(SECOND), is_deduplicated=True),
    ],
)
def test_client_that_has_everything_has_no_fault(fine: Report) -> None:
    assert faults(LOG, fine) == []


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (report(*EVERYTHING, end=Place(OLD, 9)), "it ended at"),
        (report(live(FIRST), live(SECOND)), "never came, and nobody was told"),
        (report(live(FIRST), live(SECOND), filled(CORRECTED, Place(NEW, 1))), "never came, and nobody was told"),
        (report(live(FIRST), filled(CORRECTED, END), live(SECOND), is_deduplicated=True), "never came, and nobody was told"),
        (report(Hole(Place(OLD, 7), Place(OLD, 9)), filled(CORRECTED, END), live(SECOND)), "never came, and nobody was told"),
        (report(HOLE, live(SECOND)), "it holds None instead of"),
        (report(HOLE, filled(FIRST, END), live(SECOND)), "it holds"),
        (report(*EVERYTHING, live(SECOND)), "came 2 times"),
        (report(*EVERYTHING, filled(SECOND, END), is_deduplicated=True), "came behind rev 1"),
        (report(live(CORRECTED), live(FIRST), live(SECOND), is_deduplicated=True), "came behind rev 2"),
        (report(*EVERYTHING, filled(SECOND._replace(close=9.9), END)), "was never published"),
        (report(*EVERYTHING, live(OTHER)), "is of no channel"),
        (report(live(FIRST), live(CORRECTED), live(SECOND, Place(OLD, 7))), "is Said"),
    ],
)
def test_fault_is_named_when_there_is_one(bad: Report, what: str) -> None:
    assert any(what in one for one in faults(LOG, bad))


@pytest.mark.parametrize("change", [lambda log: log.pop(Place(OLD, 9)), lambda log: log.update({Place(NEW, 2): FIRST})])
def test_what_was_published_decides(change: Callable[[dict[Place, Said]], object]) -> None:
    log = dict(LOG)
    change(log)
    assert faults(log, report(*EVERYTHING)) != []
