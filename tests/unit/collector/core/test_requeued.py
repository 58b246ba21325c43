"""Every job that matched is accounted for, once."""

from hypothesis import given
from hypothesis import strategies as st

from collector.core.requeued import Requeued

COUNTS = st.integers(0, 1_000)


@given(fitting=COUNTS, at_cap=COUNTS, inactive=COUNTS, abandoned=COUNTS, limit=st.integers(1, 1_000), data=st.data())
def test_requeued_accounts_for_every_job_that_matched_when_some_are_busy(*, fitting, at_cap, inactive, abandoned, limit, data):
    causes = {"series_inactive": inactive, "abandoned": abandoned}
    planned = Requeued.planned(matched=fitting + at_cap + inactive + abandoned, fitting=fitting, limit=limit, causes=causes)
    done = data.draw(st.integers(0, planned.requeued))
    result = planned.carried_out({"T0 1m": done} if done else {})
    for one in (planned, result):
        assert one.matched == one.requeued + one.at_cap + sum(one.skipped.values())
        assert all(one.skipped.values())
    assert (result.requeued, result.at_cap, result.skipped.get("busy", 0)) == (done, at_cap, planned.requeued - done)
    assert planned.requeued == min(fitting, limit)
