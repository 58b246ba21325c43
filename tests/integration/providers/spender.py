"""A process that takes tokens as a worker does, says so, and then does nothing more.

Run as `python -m tests.integration.providers.spender DATABASE PROVIDER_ID PER_MINUTE ADMISSIONS`.
"""

import os
import signal
import sys


def main(database: str, provider_id: int, per_minute: int, admissions: int) -> None:
    """Be admitted so often, print `admitted`, hold the rest of the last block until killed."""
    import django

    os.environ["MARKETDATA_ROLE"] = "test"
    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = database
    from providers.budget import Allowance
    from providers.lanes import Lane
    from providers.loop import EventLoopThread
    from providers.services.budgeting import Purse

    with EventLoopThread() as loop:
        purse = Purse(
            provider_id=provider_id,
            provider="polygon",
            allowance=Allowance(per_minute, 0),
            lane=Lane.LIVE,
            database=loop.database,
            patience_s=0,
        )
        for _ in range(admissions):
            loop.run(purse.admit(1))
        print("admitted", flush=True)
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
