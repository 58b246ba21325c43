"""Vendors against series: what came out equal, what did not, and what was not asked for and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.replay.choosing import PRICES, Choice, Taken
from collector.replay.comparing import Comparison
from collector.replay.report import aligned

_LEGEND = (
    "same, differs: of the recording, in these columns: p open, high, low and close; v volume; v0 volume, where the vendor says 0 "
    "for an unknown one too. A column that is not compared is null in every bar held."
)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One replay: its vendors, what they were chosen for, and what came of each series that was asked for."""

    vendors: tuple[str, ...]
    choices: Sequence[Choice]
    results: Sequence[Comparison]

    @property
    def bad(self) -> list[Comparison]:
        """What did not come out as recorded."""
        return [result for result in self.results if not result.is_good]


def matrix(runs: Sequence[Run]) -> str:
    """A line a series, a column a run; notes say why something was refused and which part was left out."""
    notes: list[str] = []
    rows = [["series", *(" then ".join(run.vendors) for run in runs)]]
    for place, choice in enumerate(runs[0].choices if runs else ()):
        series = f"{choice.recorded.symbol} {choice.recorded.interval.value}"
        rows.append([series, *(_cell(run, run.choices[place], notes) for run in runs)])
    numbered = [f"[{number}] {note}" for number, note in enumerate(notes, start=1)]
    return "\n".join([aligned(rows, to_the_left=len(rows[0])), _LEGEND, *numbered])


def _cell(run: Run, choice: Choice, notes: list[str]) -> str:
    key = (choice.recorded.symbol, choice.recorded.interval.value)
    result = next((r for r in run.results if (r.symbol, r.interval) == key), None)
    reasons = [f"not asked: {reason}" for reason in choice.refused.values()]
    if result is None:
        return " ".join(["refused", *(_note(reason, notes) for reason in reasons)])
    lead = choice.lead
    assert lead is not None  # it was asked for
    said = ["same" if result.is_good else "DIFFERS", _columns(lead, result), *_terms(lead)]
    if lead.left_out:
        days = ", ".join(f"{first} to {last}" for first, last in lead.recorded.sessions)
        reasons.append(f"only {days}: {lead.left_out}")
    return " ".join([*said, *(_note(reason, notes) for reason in reasons)])


def _columns(taken: Taken, result: Comparison) -> str:
    """The compared columns as the legend calls them."""
    prices = "p" if set(PRICES) <= set(result.columns) else ""
    volume = "v0" if taken.is_zero_unknown else "v"
    return prices + (volume if "volume" in result.columns else "")


def _terms(taken: Taken) -> list[str]:
    """What is not as the first choice is."""
    return [value for value in (taken.adjustment.value, taken.feed_scope.value) if value not in ("raw", "consolidated")]


def _note(reason: str, notes: list[str]) -> str:
    if reason not in notes:
        notes.append(reason)
    return f"[{notes.index(reason) + 1}]"
