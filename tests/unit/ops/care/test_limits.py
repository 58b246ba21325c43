"""How long things may be kept, and how a value outside of that is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.care.limits import LIMITS, Limit, check_bars, kept

PROJECT = Path(__file__).resolve().parents[4]
QUOTES, BARS = "MARKETDATA_QUOTE_DAYS", "MARKETDATA_BAR_KEEP_DAYS"


def test_value_is_the_default_when_nothing_is_set() -> None:
    assert (kept(QUOTES, {}), kept(QUOTES, {QUOTES: " "}), kept(BARS, {})) == (30, 30, 0)


@pytest.mark.parametrize("limit", LIMITS.values(), ids=lambda limit: limit.variable)
def test_each_setting_takes_its_least_and_its_most_and_nothing_beyond(limit: Limit) -> None:
    for value in (limit.least, limit.most, *([0] if limit.is_optional else [])):
        assert limit.read({limit.variable: str(value)}) == value
    for value in (limit.least - 1 or -1, limit.most + 1, -1, *([0] if limit.least > 0 and not limit.is_optional else [])):
        with pytest.raises(ValueError, match=f"{limit.variable}: expected .* {limit.unit} from .*, got {value}$"):
            limit.read({limit.variable: str(value)})
    assert limit.read({}) == limit.default
    assert limit.read({limit.variable: str(limit.default)}) == limit.default


def test_what_is_no_number_is_refused_with_what_came() -> None:
    with pytest.raises(
        ValueError, match=r"^MARKETDATA_BAR_KEEP_DAYS: expected a whole number of days .* or 0 for ever, got '1y'$"
    ):
        kept(BARS, {BARS: "1y"})


def test_bars_may_not_be_dropped_while_they_are_looked_for_as_gaps() -> None:
    for gap_days, keep_days in ((0, 0), (500, 0), (0, 400), (400, 400)):
        check_bars(gap_days=gap_days, keep_days=keep_days)
    with pytest.raises(ValueError, match="expected at least MARKETDATA_BAR_DAYS, 401, got 400"):
        check_bars(gap_days=401, keep_days=400)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({QUOTES: "0"}, "MARKETDATA_QUOTE_DAYS: expected a whole number of days from 1 to 3,650, got 0"),
        ({BARS: "34"}, "MARKETDATA_BAR_KEEP_DAYS: expected a whole number of days from 35 to 36,500, or 0 for ever, got 34"),
        (
            {BARS: "40", "MARKETDATA_BAR_DAYS": "41"},
            "MARKETDATA_BAR_KEEP_DAYS: expected at least MARKETDATA_BAR_DAYS, 41, got 40",
        ),
    ],
)
def test_process_does_not_start_with_a_value_outside_of_its_limits(given: dict[str, str], said: str) -> None:
    command = [sys.executable, "-c", "import marketdata_site.settings"]
    ended = subprocess.run(command, cwd=PROJECT, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert said in ended.stderr.strip().splitlines()[-1]
