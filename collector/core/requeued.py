"""What becomes of dead jobs that are requeued at once: every one that matched is accounted for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued:
    """`matched` = `requeued` + `at_cap` + the sum of `skipped`, whose causes are series_inactive, abandoned, over_limit and busy."""

    matched: int
    requeued: int
    at_cap: int
    skipped: Mapping[str, int]
    kinds: Mapping[str, int] = field(default_factory=dict)
    """The requeued ones by tier and interval, such as `T0 1m`."""
    job_ids: Sequence[int] = ()
    """The requeued ones."""

    @classmethod
    def planned(cls, *, matched: int, fitting: int, limit: int, causes: Mapping[str, int]) -> "Requeued":
        """When `fitting` of them fit under their caps and `causes` can't be requeued at all."""
        picked = min(fitting, limit)
        skipped = {**causes, "over_limit": fitting - picked}
        return cls(
            matched=matched,
            requeued=picked,
            at_cap=matched - fitting - sum(causes.values()),
            skipped={cause: count for cause, count in skipped.items() if count},
        )

    def carried_out(self, kinds: Mapping[str, int], *, job_ids: Sequence[int] = ()) -> "Requeued":
        """After the fact: whoever was picked and not requeued was busy, because another operator had it."""
        done = sum(kinds.values())
        busy = self.requeued - done
        skipped = {**self.skipped, **({"busy": busy} if busy else {})}
        return replace(self, requeued=done, kinds=kinds, skipped=skipped, job_ids=job_ids)

    def as_json(self) -> dict[str, object]:
        """For answers."""
        return {"matched": self.matched, "requeued": self.requeued, "at_cap": self.at_cap, "skipped": dict(self.skipped)}
