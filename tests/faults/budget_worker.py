"""A worker process that asks the simulated vendor for as much as the shared budget lets out, until a moment.

Run as `python -m tests.faults.budget_worker DATABASE < plan.json`, where the plan is
{"provider_id", "base_url", "per_minute", "reserve", "lane", "symbol", "patience_s", "every_s", "callers"}.

It says `ready`, begins with the next line and reads a third one, the moment to stop (monotonic, as all processes of a machine
have it); then it prints what it did: {"admitted", "refused", "errors"}.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any


def main(database: str, plan: dict[str, Any]) -> None:
    """Ask, count, say what came of it."""
    import django

    os.environ["MARKETDATA_ROLE"] = "test"
    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = database
    from providers.loop import EventLoopThread

    def connect() -> None:
        connection.ensure_connection()  # each thread has its own, so the method is looked up in the one that it runs in

    with EventLoopThread() as loop:
        loop.run(loop.database.run(connect))
        print("ready", flush=True)
        until = float(sys.stdin.readline())
        print(json.dumps(loop.run(_ask_until(loop, plan, until))), flush=True)


async def _ask_until(loop: Any, plan: dict[str, Any], until: float) -> dict[str, int]:
    from providers.budget import Allowance
    from providers.lanes import Lane
    from providers.services.budgeting import Purse

    said = {"admitted": 0, "refused": 0, "errors": 0}
    purse = Purse(
        provider_id=plan["provider_id"],
        provider="polygon",
        allowance=Allowance(plan["per_minute"], plan["reserve"]),
        lane=Lane(plan["lane"]),
        database=loop.database,
        patience_s=plan["patience_s"],
    )
    async with purse:
        await asyncio.gather(*(_caller(loop, plan, purse, until, said) for _ in range(plan["callers"])))
    return said


async def _caller(loop: Any, plan: dict[str, Any], purse: Any, until: float, said: dict[str, int]) -> None:
    """One of several that ask side by side, each after its answer and a pause."""
    from providers.adapter import Account
    from providers.asking import fetch_bars
    from providers.errors import OverBudget, ProviderError
    from providers.market.types import MINUTE_US, BarQuery, Interval
    from providers.registry import get_adapter
    from tests.builders import us

    account = Account(provider="polygon", adapter="polygon", base_url=plan["base_url"], credentials={"api_key": "secret"})
    start = us("2025-10-08 14:00")
    query = BarQuery((plan["symbol"],), Interval.M1, start, start + 5 * MINUTE_US)
    while time.monotonic() < until:
        try:
            answer = await fetch_bars(get_adapter("polygon"), account, query, http=loop.http, deadline_s=20, toll=purse)
        except OverBudget:
            said["refused"] += 1
        except ProviderError:
            said["errors"] += 1
        else:
            said["admitted"] += answer.calls
        await asyncio.sleep(plan["every_s"])


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.stdin.readline()))
