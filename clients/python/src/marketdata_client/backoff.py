"""How long to wait before the next try."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first_s` doubled with each failure up to `most_s`, half of it less or more by chance, never less than the server asked for.

    Chance keeps a thousand clients of a restarted server from coming back in the same instant.
    """

    first_s: float = 1.0
    most_s: float = 30.0

    def pause_s(self, *, failures: int, at_least_s: float = 0.0) -> float:
        """Before the next try, after so many failures in a row (from 1)."""
        usual = min(self.first_s * 2.0 ** min(failures - 1, 30), self.most_s)
        spread = random.uniform(0.5, 1.5)  # noqa: S311  # no secret: only spread
        return max(usual * spread, at_least_s * max(spread, 1.0))
