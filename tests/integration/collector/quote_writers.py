"""A worker for tests of concurrency: a process that writes quotes as fast as it can.

Run as `python -m tests.integration.collector.quote_writers DATABASE < plan.json`.
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
    from collector.models import Instrument
    from collector.quotes_store import write_quotes
    from providers.models import Provider
    from tests.quotes import make_quote_write, quote

    provider = Provider.objects.get(name="polygon")
    instruments = list(Instrument.objects.all())
    chance = random.Random(plan["seed"])
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    for number, times in enumerate(plan["rounds"]):
        asked_at = plan["asked_at"] + number * plan["writers"] + plan["writer"]
        rows = [quote(at, plan["bid"][str(asked_at)], 99.0, symbol=one.symbol) for one in instruments for at in times]
        chance.shuffle(rows)
        write_quotes(make_quote_write(instruments, rows, provider=provider, asked_at=asked_at), keep_from=0)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.stdin.readline()))
