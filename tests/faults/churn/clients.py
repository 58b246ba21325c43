"""Clients of one kind in a process of their own, and what is done to them: `python -m tests.faults.churn.clients '{"kind": "plain", …}'`.

Says `ready` when all have begun to follow, `hole` when the server told one of a gap, `deep` when one was resumed over more than the
ring holds, `ended` and its name when one has everything, and `done` when all have.
"""

import asyncio
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.churn.packaged import Packaged
from tests.faults.churn.plain import Plain
from tests.faults.churn.proof import Place
from tests.faults.churn.reporting import Reporter
from tests.faults.churn.world import World

Client = Plain | Packaged
KINDS: dict[str, type[Client]] = {"plain": Plain, "packaged": Packaged}
LOOK_S = 0.05
DEEDS = (*("cut", "pause", "crash", "leave") * 3, "leave_for_longer_than_the_ring_holds", "leave_until_it_is_forgotten")
"""What chance takes from."""


@dataclass
class Fate:
    """What becomes of one client until the end is told. `step`: messages between two blows, about."""

    client: Client
    world: World
    rng: random.Random
    ring: int
    step: int

    async def run(self, first: str) -> None:
        """One blow after the other, `first` before those that chance brings."""
        deed = first
        while self.world.end is None:
            await self._published(self.rng.randint(self.step // 4, self.step))
            if self.world.end is None:
                await getattr(self, deed)()
            deed = self.rng.choice(DEEDS)

    async def cut(self) -> None:
        """Its line breaks."""
        self.client.cut()

    async def pause(self) -> None:
        """It reads nothing for a while."""
        self.client.may_read.clear()
        await self._published(self.rng.randint(self.step // 4, 2 * self.step))
        self.client.may_read.set()

    async def crash(self) -> None:
        """It begins anew at once."""
        await self.client.crash()
        self.client.begin()

    async def leave(self) -> None:
        """It stays away for a while."""
        await self.client.crash()
        await self._published(self.rng.randint(self.step // 4, 2 * self.step))
        self.client.begin()

    async def leave_for_longer_than_the_ring_holds(self) -> None:
        """What it lacks is in rows, of which none is deleted yet."""
        await self.client.crash()
        here, holes = self._place, self.client.holes
        held = Place(here.epoch, here.seq + self.ring)
        await self.world.until(lambda: self.world.top > held)  # a later epoch's ring holds nothing of this one either
        self.client.begin()
        await self._moves_on(here)
        if self.world.end is None and self.client.holes == holes:
            print("deep", flush=True)

    async def leave_until_it_is_forgotten(self) -> None:
        """What it lacks is in no row any more."""
        await self.client.crash()
        here, holes = self._place, self.client.holes
        await self.world.until(lambda: self.world.forgotten > here)
        self.client.begin()
        await self._moves_on(here)
        if self.client.holes > holes:
            print("hole", flush=True)

    async def _published(self, count: int) -> None:
        upto = self.world.published + count
        await self.world.until(lambda: self.world.published >= upto)

    async def _moves_on(self, here: Place) -> None:
        while self._place == here and self.world.end is None:
            await asyncio.sleep(LOOK_S)
            self.client.check()

    @property
    def _place(self) -> Place:
        assert self.client.place is not None
        return self.client.place


async def live(name: str, reporter: Reporter, fate: Fate, *, first: str, ready: asyncio.Barrier) -> None:
    """Until it has everything."""
    client = fate.client
    client.begin()
    while client.place is None:
        await asyncio.sleep(LOOK_S)
        client.check()
    await ready.wait()
    await fate.run(first)
    end = fate.world.end
    while end is None or not client.is_filled or client.place is None or client.place < end:
        await asyncio.sleep(LOOK_S)
        client.check()
    place = client.place
    await client.crash()
    reporter.end(place)
    print(f"ended {name}", flush=True)


async def main(about: dict[str, Any]) -> None:
    """Run them all."""
    world, one_kind = World(), KINDS[about["kind"]]
    ready = asyncio.Barrier(len(about["clients"]) + 1)
    listening = asyncio.create_task(world.listen())
    async with asyncio.TaskGroup() as group:
        for one in about["clients"]:
            name, rng = one["name"], random.Random(one["name"])
            path = Path(about["folder"]) / f"{name}.jsonl"
            reporter = Reporter(path, channels=one["channels"], is_deduplicated=one_kind is Packaged)
            client = one_kind(addresses=about["addresses"], channels=one["channels"], reporter=reporter, rng=rng)
            fate = Fate(client, world, rng, about["ring"], about["step"])
            group.create_task(live(name, reporter, fate, first=one["first"], ready=ready))
        await ready.wait()
        print("ready", flush=True)
    listening.cancel()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
