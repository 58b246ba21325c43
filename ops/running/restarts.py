"""When a program that ended is started again. Pure."""

from dataclasses import dataclass

STEADY_SECONDS = 10.0
"""Who ran this long has started well; ending later is an accident, not a mistake in the set-up."""
MAX_QUICK_ENDS = 3
FIRST_DELAY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Record:
    """A program's quick ends in a row."""

    quick_ends: int = 0

    def after(self, *, ran_seconds: float) -> "Record":
        """The record once the program has ended after running so long."""
        return Record(quick_ends=0 if ran_seconds >= STEADY_SECONDS else self.quick_ends + 1)

    @property
    def is_hopeless(self) -> bool:
        """Whether starting it once more is pointless."""
        return self.quick_ends >= MAX_QUICK_ENDS

    @property
    def delay_seconds(self) -> float:
        """How long to wait before the next start."""
        return FIRST_DELAY_SECONDS * 2.0 ** max(0, self.quick_ends - 1)
