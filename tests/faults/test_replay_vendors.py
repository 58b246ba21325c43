"""`manage.py replay_dataset --vendors all`: each vendor alone brings what its limits allow as it was recorded."""

import re

from providers.simulator.wire import WIRE_FORMATS
from tests.faults.test_replay_kill import replay
from tests.recorded import DATA, needs_recorded

VENDORS = sorted(wire.vendor for wire in WIRE_FORMATS)
SYMBOLS = "AAPL,ADAUSDT,N225,SHY"
"""Days and minutes of stocks, across a change of the clocks and on another continent, and a coin."""


def matrix():
    """What the matrix says, by vendor and series; and the status, the notes and the errors."""
    status, said, errors = replay(DATA, "--vendors", "all", "--symbols", SYMBOLS)
    lines = said[said.rindex("\nseries  ") :].strip().splitlines()
    spans = [found.span() for found in re.finditer(r"-+", lines[1])]
    rows = [[line[a : b + 2].strip() for a, b in spans] for line in (lines[0], *lines[2:9])]
    table = {vendor: {row[0]: row[place] for row in rows[1:]} for place, vendor in enumerate(rows[0][1:], start=1)}
    return status, table, lines, errors


@needs_recorded
def test_replay_of_every_vendor_brings_what_its_limits_allow_as_recorded_whatever_was_refused(subtests):
    status, table, lines, errors = matrix()
    assert status == 0, errors
    assert sorted(table) == VENDORS
    assert any(line.endswith("tiingo has 1m bars of equity since 2017-05-01, asked for older ones") for line in lines)
    for vendor, said in table.items():
        with subtests.test(vendor):
            assert_as_recorded(said, lines, errors)


def assert_as_recorded(said, lines, errors):
    """One vendor's column: each series is the same or was refused, with a note that says why."""
    assert set(said) == {"AAPL 1d", "AAPL 1m", "AAPL 5m", "AAPL 30m", "ADAUSDT 1m", "N225 1m", "SHY 1m"}
    assert {cell.split()[0] for cell in said.values()} <= {"same", "refused"}, errors
    assert said["ADAUSDT 1m"].startswith("same")
    for cell in said.values():
        notes = re.findall(r"\[\d+\]", cell)
        assert notes or not cell.startswith("refused")
        assert all(any(line.startswith(f"{note} ") for line in lines) for note in notes)
