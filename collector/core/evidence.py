"""When is an absent bar "no trade"? Pure (design 3a).

Never fabricate, never ask for ever, never believe a mute vendor. A slot becomes `empty` only on the word of a complete, undelayed,
settled answer of a feed that sees all trades the series counts, when nothing makes that answer suspicious:

- `unknown_series`: wholly empty about a series of which nothing is known: a wrong vendor symbol looks the same.
- `unreadable_row`: a row of the series could not be read, so that nobody knows which slot it was for.
- `many_empty_together`: of at least 20 series that usually trade more than a fifth came back wholly empty. Nothing of it is believed.
- `mute_answer`: wholly empty, although this provider sent bars of that window before, or the series is dense, or at least ten bars
  were expected.
- `open_edge`: slots after the last bar of the answer, of a dense series or where at least ten bars were expected of them. A feed that
  is stuck looks the same, until a later bar of the same answer brackets them or a day has passed.

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
    newest row sent, on or off session, None when there was none. `asked_until`: end of the newest of `slots`.
    `density`: share of known slots with bars over the last sessions, None without history. `has_unreadable`: a row named no time.
    `was_sent_before`: we hold bars of this window from this very provider. `doubted_by_others`: spans where another provider's absence was
    not believed alone.
    """

    series_id: int
    slots: MicrosArray
    sent: npt.NDArray[np.bool_]
    last_row: Micros | None
    asked_until: Micros
    density: float | None
    has_unreadable: bool
    was_sent_before: bool
    doubted_by_others: Spans


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What to make of one series' absent slots. `why` names the rule. `answered_through` is None when nothing credible was said.

    `is_suspicious`: the answer as a whole is not credible; another provider should be asked at once, settled or not.
    """

    series_id: int
    believed: MicrosArray
    doubted: MicrosArray
    why: str
    answered_through: Micros | None
    is_suspicious: bool


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
    together = _many_empty_together(answers)
    return [
        _judge_one(
            answer,
            step=step,
            settled=answer.slots + step + settle_after <= judged_at,
            trusted_edge=answer.slots + step + EDGE_TRUSTED_AFTER_US <= judged_at,
            suspicion=_suspicion(answer, together=together),
            usable=can_prove and not is_delayed,
            is_delayed=is_delayed,
        )
        for answer in answers
    ]


def _many_empty_together(answers: Sequence[SeriesAnswer]) -> bool:
    usual = [a for a in answers if a.was_sent_before or _expected_bars(a, len(a.slots)) >= USUAL_BARS]
    empty = sum(1 for a in usual if a.last_row is None)
    return len(usual) >= MIN_SERIES_ASKED and empty > EMPTY_TOGETHER_SHARE * len(usual)


def _suspicion(answer: SeriesAnswer, *, together: bool) -> str:
    if together:
        return "many_empty_together"
    if answer.has_unreadable:
        return "unreadable_row"
    if answer.last_row is not None:
        return ""
    if answer.was_sent_before or _is_dense(answer) or _expected_bars(answer, len(answer.slots)) >= SURELY_SOME_BARS:
        return "mute_answer"
    return "unknown_series" if answer.density is None else ""


def _expected_bars(answer: SeriesAnswer, slots: float) -> float:
    return (answer.density or 0.0) * slots


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
    if not suspicion and answer.last_row is not None and _is_open_ended(answer, step):
        edge = absent & (answer.slots > answer.last_row) & ~trusted_edge
        doubtful = doubtful | edge
        why = "open_edge" if (edge & settled).any() else why
    nothing = answer.slots[:0]
    if not usable:
        through = None if is_delayed else _answered_through(answer, doubtful, step)
        return Verdict(answer.series_id, nothing, nothing, "cannot_prove", through, bool(suspicion))
    agreed = doubtful & inside(answer.slots, answer.doubted_by_others)
    return Verdict(
        series_id=answer.series_id,
        believed=answer.slots[settled & absent & (~doubtful | agreed)],
        doubted=answer.slots[settled & doubtful & ~agreed],
        why="second_witness" if (agreed & settled).any() else why,
        answered_through=_answered_through(answer, doubtful & ~agreed, step),
        is_suspicious=bool(suspicion) and bool((doubtful & ~agreed).any()),
    )


def _is_open_ended(answer: SeriesAnswer, step: int) -> bool:
    """Whether silence from the last bar to the window's end is more than thin trading; slots believed before count as well."""
    silent = (answer.asked_until - (answer.last_row or 0)) / step - 1
    return _is_dense(answer) or _expected_bars(answer, silent) >= SURELY_SOME_BARS


def _answered_through(answer: SeriesAnswer, doubtful: npt.NDArray[np.bool_], step: int) -> Micros | None:
    credible = answer.slots[~doubtful]
    return int(credible[-1]) + step if len(credible) else None
