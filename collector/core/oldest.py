"""The oldest of many things within a bound, without holding the rest. Pure."""

import heapq
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Oldest(Generic[T]):
    """Keeps the `most` first in order; of what fell out it knows how many, and `samples` of them."""

    def __init__(self, *, most: int, samples: int) -> None:
        self._most, self._samples = most, samples
        self._heap: list[tuple[int, int, T]] = []  # the newest on top
        self._ticket = count(step=-1)  # of the same age the first come stays, and things are never compared
        self.fallen = 0
        self.some_fallen: list[T] = []

    def add(self, thing: T, *, at: int) -> T | None:
        """Take in one thing of that age; the newest of one too many falls out and is returned."""
        entry = (-at, next(self._ticket), thing)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
            return None
        self.fallen += 1
        newest = heapq.heappushpop(self._heap, entry)[2]
        if len(self.some_fallen) < self._samples:
            self.some_fallen.append(newest)
        return newest

    def kept(self) -> list[T]:
        """What stayed, oldest first."""
        return [thing for _, _, thing in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]
