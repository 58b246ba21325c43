"""Outages, noise and recoveries as a fleet lives through them, one live job of 300 symbols a minute.

The numbers that docs/routing.md states are held here.
"""

from itertools import count
from random import Random

import pytest

from providers.breaker import Phase
from providers.market.types import MINUTE_US
from providers.outcomes import Outcome
from providers.routing import Use
from tests.unit.providers.minutes import BROKEN, MUTE, STALE, WELL, Fleet, Said, Vendor, between

SUSPICIOUS = Said(Outcome.SUSPICIOUS)
LOCAL = Said(Outcome.LOCAL_ERROR)
ILL = {"broken": BROKEN, "mute": MUTE, "stale": STALE, "suspicious": SUSPICIOUS, "local": LOCAL}
SINGLE, BULK = 1, 300
START, END = 30, 40  # the outage, in minutes


def through_an_outage(said: Said, *, per_call: int, minutes: int = 75) -> tuple[Fleet, Vendor]:
    main = Vendor("main", per_call=per_call, says=between(START, END, said))
    fleet = Fleet([main, Vendor("other", per_call=per_call)])
    fleet.run(start_minute=0, minutes=minutes)
    return fleet, main


def wasted(vendor: Vendor) -> int:
    return vendor.wasted(START * MINUTE_US, END * MINUTE_US)


@pytest.mark.parametrize("name", ILL)
@pytest.mark.parametrize("per_call", [SINGLE, BULK])
def test_ill_vendor_loses_the_first_place_by_its_second_job_and_nothing_is_lost(name: str, per_call: int) -> None:
    fleet, _ = through_an_outage(ILL[name], per_call=per_call, minutes=END)
    minute, first = fleet.first_places()[1]
    assert (minute <= START + 2, first) == (True, "other")
    assert not any(fleet.missing)


@pytest.mark.parametrize("said", [MUTE, STALE])
def test_mute_or_stale_bulk_vendor_loses_the_first_place_with_its_first_job(said: Said) -> None:
    fleet, _ = through_an_outage(said, per_call=BULK, minutes=END)
    assert fleet.first_places()[1] == (START + 1, "other")


@pytest.mark.parametrize("said", [BROKEN, SUSPICIOUS, LOCAL])
def test_outage_costs_a_single_symbol_vendor_what_was_on_its_way_and_a_few_probes(said: Said) -> None:
    _, main = through_an_outage(said, per_call=SINGLE)
    first_job = [use for at, use, _ in main.calls if START * MINUTE_US <= at < (START + 1) * MINUTE_US]
    assert first_job == [Use.NORMAL] * 8
    assert wasted(main) <= 12


@pytest.mark.parametrize("name", ILL)
def test_outage_costs_a_bulk_vendor_ten_calls_at_most(name: str) -> None:
    _, main = through_an_outage(ILL[name], per_call=BULK)
    assert wasted(main) <= 10


@pytest.mark.parametrize(
    ("per_call", "said", "within"), [(SINGLE, BROKEN, 8), (BULK, BROKEN, 17), (SINGLE, MUTE, 8), (BULK, MUTE, 21)]
)
def test_first_place_is_back_some_minutes_after_an_outage_of_ten(per_call: int, said: Said, within: int) -> None:
    fleet, _ = through_an_outage(said, per_call=per_call)
    places = fleet.first_places()
    assert [first for _, first in places] == ["main", "other", "main"]
    assert END + 5 < places[2][0] <= END + within


def test_recovery_is_one_job_with_three_probes_and_then_trials_of_a_few_symbols() -> None:
    _, main = through_an_outage(BROKEN, per_call=SINGLE)
    by_job: dict[int, list[Use]] = {}
    for at, use, _ in main.calls:
        by_job.setdefault(at // MINUTE_US, []).append(use)
    after = [by_job[minute] for minute in sorted(by_job) if minute >= END]
    assert after[0] == [Use.PROBE] * 3
    assert all(job == [Use.TRIAL] * 3 for job in after[1:6])
    assert main.phases[-1][1] is Phase.CLOSED


@pytest.mark.parametrize("per_call", [SINGLE, BULK])
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05])
def test_preferred_vendor_stays_first_under_little_noise(rate: float, per_call: int) -> None:
    """Two failing jobs in a row are no noise to a bulk vendor (it loses its place by its second one): they are kept apart."""
    dice, calls, last = Random(7), count(), -10

    def noisy(_: int) -> Said:
        nonlocal last
        call = next(calls)
        if dice.random() >= rate or (per_call == BULK and call - last < 4):
            return WELL
        last = call
        return BROKEN

    fleet = Fleet([Vendor("main", per_call=per_call, says=noisy), Vendor("other", per_call=per_call)])
    fleet.run(start_minute=0, minutes=90)
    assert fleet.first_places() == [(0, "main")]
    assert not any(fleet.missing)


@pytest.mark.parametrize("per_call", [SINGLE, BULK])
def test_vendor_that_fails_every_other_call_loses_the_first_place_once(per_call: int) -> None:
    calls = count()
    main = Vendor("main", per_call=per_call, says=lambda _: BROKEN if next(calls) % 2 else WELL)
    fleet = Fleet([main, Vendor("other", per_call=per_call)])
    fleet.run(start_minute=0, minutes=180)
    assert [first for _, first in fleet.first_places()] == ["main", "other"]
    assert len(main.phases) <= 3 * 30


def test_two_vendors_half_ill_do_not_take_turns_with_every_job() -> None:
    """Each change needs a trip, a demotion or a hold of five minutes; three hours of bad luck stay below one in four minutes."""
    vendors = []
    for name, seed in (("main", 1), ("other", 2)):
        dice = Random(seed)
        vendors.append(Vendor(name, per_call=BULK, says=lambda _, dice=dice: BROKEN if dice.random() < 0.5 else WELL))
    fleet = Fleet(vendors)
    fleet.run(start_minute=0, minutes=180)
    assert len(fleet.first_places()) <= 180 / 4


def test_dead_sole_vendor_costs_one_gentle_call_a_job() -> None:
    main = Vendor("main", says=between(START, END, BROKEN))
    fleet = Fleet([main])
    fleet.run(start_minute=0, minutes=60)
    uses = [use for at, use, said in main.calls if said is BROKEN and at >= (START + 1) * MINUTE_US]
    assert set(uses) == {Use.PROBE, Use.GENTLE}
    assert len(uses) <= END - START
    assert not any(fleet.missing[END + 6 :])
