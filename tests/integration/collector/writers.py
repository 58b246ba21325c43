"""A worker for tests of concurrency: a process that writes batches as fast as it can, and says at the end what it wrote.

Run as `python -m tests.integration.collector.writers DATABASE < plan.json`.
"""

import json
import os
import random
import sys
from typing import Any


def main(database: str, plan: dict[str, Any]) -> None:
    """Write all rounds of a plan; begin when a second line comes, as all others do."""
    import django

    os.environ["MARKETDATA_ROLE"] = "test"
    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = database
    from collector.models import Series
    from collector.store import write_bars
    from providers.models import Provider
    from tests.builders import row
    from tests.integration.collector.rows import make_write

    provider = Provider.objects.get(name="polygon")
    by_symbol = {s.instrument.symbol: s for s in Series.objects.select_related("instrument")}
    chance = random.Random(plan["seed"])
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    for number, starts in enumerate(plan["rounds"]):
        symbols = list(by_symbol)
        chance.shuffle(symbols)
        asked_at = plan["asked_at"] + number * plan["writers"] + plan["writer"]
        rows = [row(start, plan["close"][str(asked_at)], symbol=symbol) for symbol in symbols for start in starts]
        write = make_write([by_symbol[s] for s in symbols], rows, provider=provider, asked_at=asked_at)
        write_bars(write, history_before=0)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.stdin.readline()))
