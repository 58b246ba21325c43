"""How fast an operation on many dead jobs goes, and when it stops itself. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

TICK_SECONDS = 5
"""A chunk each so often."""
SHARE_PERCENT = 25
"""Of a vendor's limit: new gaps want to be filled meanwhile, and no request of live work may wait for what died days ago."""
LEAST_A_TICK = 20
MOST_A_TICK = 1_000
"""A chunk is one transaction that holds the locks of the caps: half a second at most."""
TRIAL = 20
"""So many jobs show first whether the cause of their death is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What backfill may ask of the vendor that is asked first: tokens of its limit, and what a call of so many symbols takes of them."""

    provider: str
    tokens_per_minute: int
    live_reserve_percent: int
    symbols_per_call: int
    cost_per_call: int = 1
    cost_per_symbol: int = 0

    def calls_for(self, sizes: Mapping[int, int]) -> int:
        """Calls for groups of jobs that one question serves; `sizes`: jobs in a group → how many such groups."""
        return sum(count * -(-size // self.symbols_per_call) for size, count in sizes.items())

    def jobs_a_tick(self, *, jobs: int, calls: int) -> int:
        """How many of `jobs`, which take `calls` together, a tick's share of the limit pays for; 0 where it pays for none."""
        share = min(SHARE_PERCENT, 100 - self.live_reserve_percent)
        tokens = calls * self.cost_per_call + jobs * self.cost_per_symbol
        return self.tokens_per_minute * share * TICK_SECONDS * jobs // (100 * 60 * max(1, tokens))


def chunk_size(paces: Iterable[int], *, operations: int = 1) -> int:
    """Jobs of one tick, where so many operations share the share: as its slowest kind goes, never less than `LEAST_A_TICK`."""
    return max(LEAST_A_TICK, min(MOST_A_TICK, min(paces, default=LEAST_A_TICK) // operations))


def seconds_for(*, jobs: int, chunk: int, is_trial: bool) -> int:
    """From the first chunk to the last one; what the first jobs are waited for and full caps come on top."""
    first = min(jobs, TRIAL) if is_trial else 0
    ticks = bool(first) + -(-(jobs - first) // chunk)
    return max(0, ticks - 1) * TICK_SECONDS


def told_time(seconds: int) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


class Step(StrEnum):
    """What an operation that runs does next."""

    TRY = "try"
    """Requeue jobs until `TRIAL` of them are on their way."""
    WAIT = "wait"
    """For the first ones to end."""
    PAUSE = "pause"
    """Half of them are dead again."""
    GO = "go"


def next_step(*, is_trial: bool, requeued: int, filled: int, dead_again: int) -> Step:
    """By what became of the jobs that were requeued so far; while `is_trial` those are the first ones, `TRIAL` at most."""
    if not is_trial or 2 * filled > TRIAL:
        return Step.GO
    if 2 * dead_again >= TRIAL:
        return Step.PAUSE
    return Step.TRY if requeued < TRIAL else Step.WAIT
