"""A vendor falls ill in one way after the other while 300 symbols are live: nobody loses a bar, it leaves, is hardly asked, comes back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.models import Absence, Bar
from providers.models import Incumbent, ProviderState
from tests.acceptance.routing.fleet import MINUTE, Fleet, fleet

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = datetime(2025, 6, 2, 14, 0, tzinfo=UTC)
WELL, OUTAGE, MOST_TO_RETURN = 4, 10, 40
"""Minutes."""
SYMBOLS = {f"SYM{number:03d}": "T0" for number in range(300)}
MOST_WASTED = 15
"""Calls in ten minutes. It falls ill between two plans, so nothing is on its way then that would count beside them."""
ILLNESSES = ("server_error", "timeout", "throttle", "mute", "delayed")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(monkeypatch, tmp_path, symbols=SYMBOLS, begin=BEGIN) as started:
        yield started


def _first() -> str:
    return Incumbent.objects.get(capability="bars_1m", tier="T0").provider.name


def test_no_symbol_loses_a_bar_whatever_its_first_vendor_suffers_from(running: Fleet) -> None:
    running.minutes(WELL)
    assert _first() == "polygon"
    assert running.calls("polygon") == WELL * len(SYMBOLS)

    for illness in ILLNESSES:
        running.vendors.set_fault(illness, vendor="polygon")
        wasted = []
        for _ in range(OUTAGE):
            running.minutes(1)
            wasted.append(running.calls("polygon"))
        assert sum(wasted) <= MOST_WASTED, f"{illness}: {wasted}"

        running.vendors.clear_faults()
        waited = 0
        while running.calls("polygon") < len(SYMBOLS):
            assert waited < MOST_TO_RETURN, f"{illness}: polygon is not asked for all again after {waited} minutes"
            running.minutes(1)
            waited += 1
        assert _first() == "polygon"
        assert ProviderState.objects.get(provider__name="polygon", capability="bars_1m").phase == "closed"

    minutes = round((running.now - BEGIN) / MINUTE)
    assert Bar.objects.count() == minutes * len(SYMBOLS)
    assert not Absence.objects.filter(is_believed=True).exists()
