"""When an absent bar means "no trade": each rule by name, and what must hold of every verdict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.evidence import MIN_SERIES_ASKED, SeriesAnswer, judge
from collector.core.spans import NO_SPANS, inside, spans_of
from providers.market.types import DAY_US, MINUTE_US, SECOND_US
from tests.builders import minutes, us

OPEN = us("2025-10-08 13:30")
SETTLE = 90 * SECOND_US
COUNT = 5
LATER = OPEN + COUNT * MINUTE_US + SETTLE
SLOTS = np.array(minutes(OPEN, COUNT), dtype=np.int64)
DENSE, SPARSE = 1.0, 0.4


def answer(
    sent="", *, density=DENSE, series_id=1, doubted=NO_SPANS, last_row="sent", slots=SLOTS, unreadable=False, sent_before=False
):
    """`sent`: one character a slot, `x` where a row came."""
    came = np.array([c == "x" for c in sent.ljust(len(slots), ".")], dtype=bool)
    newest = int(slots[came].max()) if came.any() else None
    return SeriesAnswer(
        series_id=series_id,
        slots=slots,
        sent=came,
        last_row=newest if last_row == "sent" else last_row,
        asked_until=int(slots[-1]) + MINUTE_US if len(slots) else OPEN,
        density=density,
        has_unreadable=unreadable,
        was_sent_before=sent_before,
        doubted_by_others=doubted,
    )


def verdicts(*answers, judged_at=LATER, is_delayed=False, can_prove=True):
    return judge(answers, step=MINUTE_US, judged_at=judged_at, settle_after=SETTLE, is_delayed=is_delayed, can_prove=can_prove)


def verdict(*answers, **how):
    return verdicts(*answers, **how)[0]


def positions(slots) -> list[int]:
    return [(int(slot) - OPEN) // MINUTE_US for slot in slots]


def test_settled_absence_between_bars_is_believed():
    said = verdict(answer("x.xxx"))
    assert (positions(said.believed), positions(said.doubted), said.why) == ([1], [], "settled")
    assert said.answered_through == OPEN + COUNT * MINUTE_US


def test_absence_is_believed_at_the_very_instant_at_which_it_settles_and_not_before():
    settles = OPEN + 2 * MINUTE_US + SETTLE
    assert positions(verdict(answer("x.xxx"), judged_at=settles).believed) == [1]
    assert positions(verdict(answer("x.xxx"), judged_at=settles - 1).believed) == []


def test_mute_answer_about_a_thin_series_is_doubted_when_many_bars_were_expected():
    few, many = (np.array(minutes(OPEN, count), dtype=np.int64) for count in (24, 26))
    later = OPEN + DAY_US
    other = answer("xxxxx", series_id=2)
    assert verdict(answer(density=SPARSE, slots=few), other, judged_at=later).why == "settled"
    assert verdict(answer(density=SPARSE, slots=many), other, judged_at=later).why == "mute_answer"


def test_mute_answer_about_a_dense_series_is_doubted():
    said = verdict(answer(), answer("xxxxx", series_id=2))
    assert (positions(said.believed), positions(said.doubted), said.why) == ([], [0, 1, 2, 3, 4], "mute_answer")
    assert said.answered_through is None


def test_empty_answer_about_a_sparse_series_is_believed():
    said = verdict(answer(density=SPARSE))
    assert (positions(said.believed), said.why) == ([0, 1, 2, 3, 4], "settled")


def test_row_off_session_shows_that_a_dense_series_was_not_answered_mutely():
    said = verdict(answer(last_row=OPEN + 60 * MINUTE_US))
    assert (len(said.believed), said.why) == (COUNT, "settled")


def test_open_edge_of_a_dense_series_is_doubted_until_a_later_bar_brackets_it():
    said = verdict(answer("x.x.."))
    assert (positions(said.believed), positions(said.doubted), said.why) == ([1], [3, 4], "open_edge")
    assert said.answered_through == OPEN + 3 * MINUTE_US
    assert positions(verdict(answer("x.x.x")).believed) == [1, 3]


def test_open_edge_of_a_dense_series_is_believed_after_a_day():
    assert positions(verdict(answer("xx..."), judged_at=OPEN + 3 * MINUTE_US + DAY_US).believed) == [2]


def test_open_edge_of_a_sparse_series_is_believed():
    assert positions(verdict(answer("xx...", density=SPARSE)).believed) == [2, 3, 4]


def test_open_edge_of_a_thin_series_is_doubted_when_many_bars_were_expected_since_its_last_one():
    later, few, many = OPEN + DAY_US // 2, minutes(OPEN, 20), minutes(OPEN, 40)
    for slots, why in ((few, "settled"), (many, "open_edge")):
        said = verdict(answer("xxx", density=SPARSE, slots=np.array(slots, dtype=np.int64)), judged_at=later)
        assert said.why == why


def test_empty_answer_is_not_believed_about_series_of_which_nothing_is_known():
    said = verdict(answer(density=None), answer("xx", series_id=2))
    assert (len(said.believed), len(said.doubted), said.why) == (0, COUNT, "unknown_series")


@pytest.mark.parametrize("density", [0.01, 0.3, 0.94])
def test_empty_answer_is_not_believed_when_the_provider_sent_bars_of_that_window_before(density):
    said = verdict(answer(density=density, sent_before=True))
    assert (len(said.believed), len(said.doubted), said.why) == (0, COUNT, "mute_answer")


def test_nothing_is_believed_of_a_series_when_one_of_its_rows_could_not_be_read():
    said = verdict(answer("xx.xx", density=SPARSE, unreadable=True))
    assert (len(said.believed), positions(said.doubted), said.why) == (0, [2], "unreadable_row")


def test_answer_is_suspicious_before_its_slots_are_settled():
    said = verdict(answer(), judged_at=OPEN + MINUTE_US)
    assert (len(said.doubted), said.is_suspicious) == (0, True)
    assert not verdict(answer("xxx..")).is_suspicious


def crowd(empty: int, of: int = MIN_SERIES_ASKED, **how):
    return [answer("" if i < empty else "xxxxx", series_id=i, density=0.9, **how) for i in range(of)]


def test_many_series_that_come_back_empty_together_are_all_doubted():
    said = verdicts(*crowd(5), answer("x", density=SPARSE, series_id=99))
    assert {v.why for v in said} == {"many_empty_together"}
    assert sum(len(v.believed) for v in said) == 0
    assert len(said[-1].doubted) == COUNT - 1


def test_a_fifth_of_the_series_may_come_back_empty():
    assert {v.why for v in verdicts(*crowd(4))} == {"settled"}


def test_few_series_are_no_crowd():
    assert {v.why for v in verdicts(*crowd(5, of=MIN_SERIES_ASKED - 1))} == {"settled"}


def test_series_of_which_few_bars_are_expected_do_not_count_as_a_crowd():
    answers = [answer(series_id=i, density=0.5) for i in range(2 * MIN_SERIES_ASKED)]
    assert {v.why for v in verdicts(*answers)} == {"settled"}


def test_second_witness_makes_a_doubted_absence_believed():
    said = verdict(answer(doubted=spans_of(SLOTS, MINUTE_US)))
    assert (len(said.believed), len(said.doubted), said.why) == (COUNT, 0, "second_witness")
    assert said.answered_through == OPEN + COUNT * MINUTE_US


def test_second_witness_speaks_only_for_the_slots_that_the_first_one_had_none_of_either():
    said = verdict(answer(doubted=spans_of(SLOTS[:2], MINUTE_US)))
    assert (positions(said.believed), positions(said.doubted)) == ([0, 1], [2, 3, 4])


@pytest.mark.parametrize("how", [{"is_delayed": True}, {"can_prove": False}])
def test_answer_that_can_prove_nothing_is_neither_believed_nor_doubted(how):
    said = verdict(answer("x.xxx", doubted=spans_of(SLOTS, MINUTE_US)), **how)
    assert (len(said.believed), len(said.doubted), said.why) == (0, 0, "cannot_prove")


def test_delayed_answer_answers_for_nothing_and_one_of_a_narrow_feed_does():
    assert verdict(answer("xxxxx"), is_delayed=True).answered_through is None
    assert verdict(answer("xxxxx"), can_prove=False).answered_through == OPEN + COUNT * MINUTE_US


def test_nothing_asked_is_nothing_said():
    assert verdicts() == []
    said = verdict(answer(slots=SLOTS[:0]))
    assert (len(said.believed), len(said.doubted), said.answered_through) == (0, 0, None)


@st.composite
def any_answer(draw):
    slots = np.array(sorted(draw(st.sets(st.sampled_from(minutes(OPEN, 12))))), dtype=np.int64)
    sent = "".join(draw(st.lists(st.sampled_from("x."), min_size=len(slots), max_size=len(slots))))
    doubted = np.array(sorted(draw(st.sets(st.sampled_from(minutes(OPEN, 12))))), dtype=np.int64)
    density = draw(st.sampled_from([None, 0.0, SPARSE, 0.95, DENSE]))
    extra = draw(st.sampled_from(["sent", OPEN - MINUTE_US, OPEN + 40 * MINUTE_US]))
    came = extra if "x" not in sent or extra != OPEN - MINUTE_US else "sent"
    return answer(sent, density=density, slots=slots, doubted=spans_of(doubted, MINUTE_US), last_row=came)


@given(
    st.lists(any_answer(), min_size=1, max_size=25),
    st.integers(0, 20).map(lambda n: OPEN + n * MINUTE_US),
    st.booleans(),
    st.booleans(),
)
def test_every_verdict_is_about_settled_absent_slots_and_never_both_ways(answers, judged_at, is_delayed, can_prove):
    said = verdicts(*answers, judged_at=judged_at, is_delayed=is_delayed, can_prove=can_prove)
    assert [v.series_id for v in said] == [a.series_id for a in answers]
    for one, its in zip(answers, said, strict=True):
        believed, doubted = set(its.believed.tolist()), set(its.doubted.tolist())
        assert not believed & doubted
        assert believed | doubted <= set(one.slots[~one.sent].tolist())
        assert all(slot + MINUTE_US + SETTLE <= judged_at for slot in believed | doubted)
        assert not believed or (can_prove and not is_delayed)
        if its.why in {"mute_answer", "unknown_series", "many_empty_together", "second_witness"} and one.last_row is None:
            assert inside(its.believed, one.doubted_by_others).all()
        assert its.answered_through is None or its.answered_through - MINUTE_US in one.slots
