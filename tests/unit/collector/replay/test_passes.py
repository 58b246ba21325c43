"""Each window is asked for once, at a time at which its vendor has all of it and its last slot is over."""

import itertools
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.replay.passes import FOREVER, SETTLED_US, passes_of
from collector.replay.planning import Target, target_of
from collector.replay.recording import Window
from providers.market.types import DAY_US, MINUTE_US
from tests.unit.collector.replay.recordings import bars_at, recorded_of

DEPTH = 30 * DAY_US
NO_ROW = SimpleNamespace(pk=1)


def target(*starts, depth=DEPTH):
    windows = [Window(start=a * DAY_US, end=(a + 3) * DAY_US, slots=np.empty(0, dtype=np.int64)) for a in sorted(starts)]
    return Target(recorded=None, series=NO_ROW, windows=windows, columns=(), depth=depth)


@given(st.lists(st.lists(st.integers(10_000, 12_000), min_size=1, max_size=10, unique=True), max_size=4))
def test_every_window_is_asked_for_once_while_its_vendor_has_it(starts):
    targets = [target(*some) for some in starts]
    passes = passes_of(targets)
    asked = [(at, id(window)) for one in passes for at, windows in one.windows.items() for window in windows]
    assert sorted(asked) == sorted((at, id(window)) for at, one in enumerate(targets) for window in one.windows)
    for one in passes:
        for window in (window for windows in one.windows.values() for window in windows):
            assert one.moment - DEPTH < window.start
            assert window.end + SETTLED_US <= one.moment
            assert one.reach[0] <= window.start
            assert window.end <= one.reach[1]


def test_times_ascend_and_vendors_of_all_history_are_asked_last_and_now():
    passes = passes_of([target(11_000, 10_000), target(10_500, depth=None), target(10_400, depth=60 * DAY_US)])
    moments = [one.moment for one in passes]
    assert moments[-1] is None
    assert moments[:-1] == sorted(moments[:-1])
    assert passes[-1].reach == FOREVER


def test_windows_that_fit_into_one_time_share_a_pass():
    assert len(passes_of([target(10_000, 10_010, 10_026), target(10_005)])) == 1
    assert len(passes_of([target(10_000, 10_028)])) == 2


def test_target_of_short_depth_has_windows_within_it_and_none_in_a_long_silence():
    recorded = recorded_of("BTCUSD", ("2017-12-17", "2018-01-20"), calendar="24/7")
    first, last = recorded.bars.start[[0, -1]]
    starts = recorded.bars.start
    kept = starts[(starts < first + 2 * DAY_US) | (starts >= last - DAY_US)][90:]
    spoken = recorded_of("BTCUSD", ("2017-12-17", "2018-01-20"), calendar="24/7").only(recorded.sessions)
    spoken = type(spoken)(**{**{n: getattr(spoken, n) for n in spoken.__slots__}, "bars": bars_at(kept)})
    windows = target_of(spoken, NO_ROW, columns=(), longest=DAY_US // 2).windows
    assert all(window.end - window.start <= DAY_US // 2 for window in windows)
    assert windows[0].start == kept[0]
    assert np.isin(kept, np.concatenate([window.slots for window in windows])).all()
    assert sum(len(window.slots) for window in windows) == len(kept)
    assert max(b.start - a.end for a, b in itertools.pairwise(windows)) > 30 * DAY_US


def test_target_without_a_depth_has_windows_of_whole_sessions_with_their_silences():
    windows = target_of(recorded_of("SPY", ("2020-12-15", "2020-12-18")), NO_ROW, columns=()).windows
    assert [len(window.slots) for window in windows] == [4 * 390]
    assert windows[0].end - windows[0].start == 3 * DAY_US + 390 * MINUTE_US
