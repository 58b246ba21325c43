"""A turn in a process of its own, one series at a time: run as `python -m tests.integration.care.turner DATABASE NOW`."""

import os
import sys


def main(database: str, now: str) -> None:
    """One turn at that time."""
    import django

    os.environ["MARKETDATA_ROLE"] = "test"
    django.setup()
    from datetime import datetime

    from django.db import connection

    connection.settings_dict["NAME"] = database
    from collector.services import bar_retention
    from ops.care.turn import take_care

    bar_retention.SERIES_AT_ONCE = 1
    take_care(now=datetime.fromisoformat(now))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
