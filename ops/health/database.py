"""Postgres itself: whether it answers, whether its tables are those that this program expects, and how its clock goes."""

import time
from collections.abc import Callable
from datetime import datetime
from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from collector.partitions import missing_partitions
from collector.services import partitions_ahead
from ops.health.finding import Finding, error, fine, warning

OLDEST_POSTGRES = 15
MOST_APART_SECONDS = 2.0
"""What the service is made to bear between any two machines."""
AHEAD = tuple((one.of, one.behind - 1) for one in partitions_ahead.AHEAD)
"""Periods after the present one. One fewer than are made ahead: after midnight the next one is ten minutes away from being made."""

DATABASE_ADVICE = (
    "see that Postgres runs (without DATABASE_URL `make run` starts it) and that the user of DATABASE_URL may log in"
)
MIGRATIONS_ADVICE = "run `manage.py migrate`"
PARTITIONS_ADVICE = (
    "see that beat and a worker of the queue maintenance run: they make partitions at beat's start and every ten minutes"
)
CLOCK_ADVICE = "let both machines follow the same time servers (chrony or systemd-timesyncd)"


def look_at_postgres() -> Finding:
    """Whether it answers, and is new enough."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        row = cursor.fetchone()
    major = int(row[0]) // 10_000 if row else 0
    if major < OLDEST_POSTGRES:
        return error(f"Postgres {major} is too old", advice=f"take Postgres {OLDEST_POSTGRES} or newer")
    return fine(f"Postgres {major} answers")


def look_at_migrations() -> Finding:
    """Whether all that this program brings are applied; others may be, by a newer program."""
    applied = set(MigrationRecorder(connection).applied_migrations())
    missing, unknown = _brought() - applied, {one for one in applied - _brought() if one[0] in _our_apps()}
    if missing:
        return error(
            f"{len(missing)} migrations are not applied",
            advice=MIGRATIONS_ADVICE,
            detail=", ".join(sorted(map(".".join, missing))),
        )
    if unknown:
        names = ", ".join(sorted(map(".".join, unknown)))
        advice = "bring this machine's program up to date"
        return warning(f"{len(unknown)} migrations are of a newer program", advice=advice, detail=names)
    return fine(f"all {len(applied)} migrations are applied")


@cache
def _brought() -> frozenset[tuple[str, str]]:
    """Migrations in the files, read once: they are of this program, which does not change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _our_apps() -> set[str]:
    return {app for app, _ in _brought()}


def look_at_partitions(*, now: datetime) -> Finding:
    """Whether rows of now and of the near future have a table to go to."""
    missing = [
        name for of, ahead in AHEAD for name in missing_partitions(of, range(of.period_of(now), of.period_of(now) + ahead + 1))
    ]
    if missing:
        text = f"{len(missing)} of the partitions for bars and quotes are missing"
        return error(text, advice=PARTITIONS_ADVICE, detail=", ".join(missing))
    return fine("bars and quotes have partitions for now and ahead")


def look_at_clock(*, seconds: Callable[[], float] = time.time) -> Finding:
    """How far this machine's clock and that of Postgres are apart. MARKETDATA_CLOCK_OFFSET is no drift: the machine's clock is read."""
    ahead = seconds_ahead(seconds=seconds)
    if abs(ahead) > MOST_APART_SECONDS:
        side = "behind" if ahead < 0 else "ahead of"
        return error(f"this machine's clock is {abs(ahead):.1f} s {side} that of Postgres", advice=CLOCK_ADVICE)
    return fine(f"the clocks of this machine and of Postgres are {abs(ahead):.1f} s apart")


def seconds_ahead(*, seconds: Callable[[], float] = time.time) -> float:
    """How far this machine's clock is ahead of that of Postgres; negative: behind.

    The answer is as old as its way took at most; only what that can't explain counts.
    """
    before = seconds()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        row = cursor.fetchone()
    after = seconds()
    theirs = float(row[0]) if row else 0.0
    return before - theirs if before > theirs else min(after - theirs, 0.0)
