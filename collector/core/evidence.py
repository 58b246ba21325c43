"""When is an absent bar "no trade"? Pure (design 3a).

Never fabricate, never ask for ever, never believe a mute vendor. A slot becomes `empty` only on the word of a complete, undelayed,
settled answer of a feed that sees all trades the series counts, when nothing makes that answer suspicious:

- `silent_provider`: the provider sent no bar at all in this job for series of which it has never sent one.
- `many_empty_together`: of at least 20 series that usually trade more than a fifth came back wholly empty. Nothing of it is believed.
- `mute_answer`: a dense series came back wholly empty, or any series of which at least ten bars were expected.
- `open_edge`: slots of a dense series after the last bar of the answer. A feed that is stuck looks the same, until a later bar
  of the same answer brackets them or a day has passed.

What is doubted is believed once another provider, asked for itself, has no bar there either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.core.spans import Spans, inside
from providers.market.types import DAY_US, Micros, MicrosArray

DENSE_SHARE = 0.95
MIN_SERIES_ASKED = 20
EMPTY_TOGETHER_SHARE = 0.20
USUAL_BARS = 3.0
"""A series "usually trades" in a window when this many bars are expected of it: an empty answer then has a chance of 5 %."""
SURELY_SOME_BARS = 10.0
"""When this many bars are expected of a series, an empty answer is no chance of thin trading: about one in twenty thousand."""
EDGE_TRUSTED_AFTER_US = DAY_US


@dataclass(frozen=True, slots=True, eq=False)
class SeriesAnswer:
    """What one provider's answer said of one series.

    `slots`: expected slots in the asked window, ascending; `sent`: which of them had a row, stored or refused. `last_row`: start of the
    newest row sent, on or off session, None when there was none. `density`: share of slots with bars over the last sessions, None
    without history. `doubted_by_others`: spans where another provider's absence was not believed alone.
    """

    series_id: int
    slots: MicrosArray
    sent: npt.NDArray[np.bool_]
    last_row: Micros | None
    density: float | None
    doubted_by_others: Spans


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What to make of one series' absent slots. `why` names the rule. `answered_through` is None when nothing credible was said."""

    series_id: int
    believed: MicrosArray
    doubted: MicrosArray
    why: str
    answered_through: Micros | None


def judge(
    answers: Sequence[SeriesAnswer],
    *,
    step: int,
    judged_at: Micros,
    settle_after: int,
    is_delayed: bool,
    can_prove: bool,
) -> list[Verdict]:
    """Decide over all series that one provider answered in one job.

    `judged_at`: the earlier of our clock and the vendor's. `settle_after` in µs. `can_prove`: the provider's feed scope is
    consolidated, or the only one that these series accept.
    """
    spoke = any(answer.last_row is not None for answer in answers)
    together = _many_empty_together(answers)
    return [
        _judge_one(
            answer,
            step=step,
            settled=answer.slots + step + settle_after <= judged_at,
            trusted_edge=answer.slots + step + EDGE_TRUSTED_AFTER_US <= judged_at,
            suspicion=_suspicion(answer, spoke=spoke, together=together),
            usable=can_prove and not is_delayed,
            is_delayed=is_delayed,
        )
        for answer in answers
    ]


def _many_empty_together(answers: Sequence[SeriesAnswer]) -> bool:
    usual = [a for a in answers if _expected_bars(a) >= USUAL_BARS]
    empty = sum(1 for a in usual if a.last_row is None)
    return len(usual) >= MIN_SERIES_ASKED and empty > EMPTY_TOGETHER_SHARE * len(usual)


def _suspicion(answer: SeriesAnswer, *, spoke: bool, together: bool) -> str:
    if together:
        return "many_empty_together"
    if answer.last_row is None and answer.density is None and not spoke:
        return "silent_provider"
    if answer.last_row is None and (_is_dense(answer) or _expected_bars(answer) >= SURELY_SOME_BARS):
        return "mute_answer"
    return ""


def _expected_bars(answer: SeriesAnswer) -> float:
    return (answer.density or 0.0) * len(answer.slots)


def _is_dense(answer: SeriesAnswer) -> bool:
    return answer.density is not None and answer.density >= DENSE_SHARE


def _judge_one(
    answer: SeriesAnswer,
    *,
    step: int,
    settled: npt.NDArray[np.bool_],
    trusted_edge: npt.NDArray[np.bool_],
    suspicion: str,
    usable: bool,
    is_delayed: bool,
) -> Verdict:
    absent = ~answer.sent
    doubtful = absent & bool(suspicion)
    why = suspicion or "settled"
    if not suspicion and _is_dense(answer) and answer.last_row is not None:
        edge = absent & (answer.slots > answer.last_row) & ~trusted_edge
        doubtful = doubtful | edge
        why = "open_edge" if (edge & settled).any() else why
    nothing = answer.slots[:0]
    if not usable:
        through = None if is_delayed else _answered_through(answer, doubtful, step)
        return Verdict(answer.series_id, nothing, nothing, "cannot_prove", through)
    agreed = doubtful & inside(answer.slots, answer.doubted_by_others)
    return Verdict(
        series_id=answer.series_id,
        believed=answer.slots[settled & absent & (~doubtful | agreed)],
        doubted=answer.slots[settled & doubtful & ~agreed],
        why="second_witness" if (agreed & settled).any() else why,
        answered_through=_answered_through(answer, doubtful & ~agreed, step),
    )


def _answered_through(answer: SeriesAnswer, doubtful: npt.NDArray[np.bool_], step: int) -> Micros | None:
    credible = answer.slots[~doubtful]
    return int(credible[-1]) + step if len(credible) else None
