"""The matrix says what came out equal, in which columns, and why something was not asked for."""

from dataclasses import replace

from collector.replay.choosing import choose
from collector.replay.comparing import Comparison
from collector.replay.matrix import Run, matrix
from providers.market.types import Interval
from providers.registry import get_adapter
from tests.unit.collector.replay.recordings import recorded_of

OLD, NEW = ("2013-10-07", "2013-10-08"), ("2020-12-15", "2020-12-16")
GOOD = Comparison(
    symbol="SPY",
    interval="1m",
    columns=("open", "high", "low", "close", "volume"),
    file_rows=780,
    held=780,
    missing=0,
    extra=0,
    different=0,
    rejected=0,
    sessions=2,
    sessions_complete=2,
    slots_missing=0,
    slots_empty=0,
    calls=1,
    seconds=1.0,
)
RECORDED = [
    recorded_of("SPY", OLD, NEW),
    recorded_of("USDJPY", NEW, calendar="24/5"),
    recorded_of("SPY", NEW, interval=Interval.D1),
]
FX = replace(GOOD, symbol="USDJPY", columns=("open", "high", "low", "close"))


def run(vendor, *results):
    return Run((vendor,), [choose(one, adapters={vendor: get_adapter(vendor)}, depths={}) for one in RECORDED], results)


def lines(*runs):
    return [" ".join(line.split()) for line in matrix(runs).splitlines()]


def test_each_cell_says_the_outcome_the_columns_and_the_account():
    days = replace(GOOD, interval="1d")
    said = lines(run("tiingo", GOOD, FX, days), run("yahoo", GOOD, replace(FX, different=3), days))
    assert said[0] == "series tiingo yahoo"
    assert said[2] == "SPY 1m same pv iex [1] same pv0 split"
    assert said[3] == "USDJPY 1m same p DIFFERS p split"
    assert said[4] == "SPY 1d same pv same pv0 split"
    assert said[6] == ("[1] only 2020-12-15 to 2020-12-16: tiingo has 1m bars of equity since 2017-05-01, asked for older ones")


def test_refused_pair_has_its_reason_once():
    said = lines(run("alpaca", GOOD), run("alpaca", GOOD))
    assert said[3] == "USDJPY 1m refused [1] refused [1]"
    assert said[6:] == ["[1] not asked: alpaca has no fx bars, it offers crypto, equity"]


def test_what_is_missing_extra_different_or_open_is_bad():
    for name in ("missing", "extra", "different", "slots_missing"):
        assert run("polygon", replace(GOOD, **{name: 1})).bad
    assert not run("polygon", replace(GOOD, rejected=1)).bad
