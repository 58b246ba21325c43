"""The statements of `collector.quotes_store`; all run inside its transaction.

Lock order, the same in every writer: quotes by (instrument, at), then newest quotes by instrument, then rejected rows. That is why no
two writers can deadlock.
"""

from django.db import connection

from providers.market.quotes import SIZE_UNITS
from providers.market.types import Micros, from_us

_VALUES = "bid, ask, bid_size, ask_size, size_unit, is_crossed, is_locked, has_vendor_time"
_COLUMNS = f"instrument_id, at, provider_id, {_VALUES}, rev, asked_at, received_at, recorded_at"

_MICROS = "(extract(epoch FROM {}) * 1000000)::bigint"  # reading 2,000 datetimes takes longer than writing 1,000 quotes


def _of(alias: str, columns: str = _VALUES) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns.split(", "))


def make_staging() -> None:
    """This connection's staging table, empty; emptied at each commit as well."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning")  # no notice each time that it is there already
        cursor.execute(
            """CREATE TEMP TABLE IF NOT EXISTS staged_quote (
                 instrument_id bigint NOT NULL, at timestamptz NOT NULL, bid float8, ask float8, bid_size float8, ask_size float8,
                 size_unit int2 NOT NULL, is_crossed bool NOT NULL, is_locked bool NOT NULL, has_vendor_time bool NOT NULL
               ) ON COMMIT DELETE ROWS"""
        )
        cursor.execute("DELETE FROM staged_quote")


_WRITE = f"""
WITH written AS (
    INSERT INTO collector_quote AS q ({_COLUMNS})
    SELECT s.instrument_id, s.at, %(provider)s, {_of("s").replace("s.size_unit", "(%(units)s::text[])[s.size_unit + 1]")},
           1, %(asked)s, %(received)s, clock_timestamp()
    FROM staged_quote s ORDER BY s.instrument_id, s.at
    ON CONFLICT (instrument_id, at, provider_id) DO UPDATE
    SET ({_VALUES}, rev, asked_at, received_at, recorded_at) =
        ROW({_of("excluded")}, q.rev + 1, excluded.asked_at, excluded.received_at, clock_timestamp())
    WHERE excluded.asked_at > q.asked_at AND ({_of("q")}) IS DISTINCT FROM ({_of("excluded")})
    RETURNING {_COLUMNS}
), latest AS (
    INSERT INTO collector_latestquote AS l ({_COLUMNS})
    SELECT DISTINCT ON (w.instrument_id) {_of("w", _COLUMNS)} FROM written w ORDER BY w.instrument_id, w.at DESC
    ON CONFLICT (instrument_id) DO UPDATE SET ({_COLUMNS}) = ROW({_of("excluded", _COLUMNS)})
    WHERE excluded.at > l.at OR (excluded.at = l.at AND excluded.provider_id = l.provider_id AND excluded.rev > l.rev)
)
SELECT instrument_id, {_MICROS.format("at")}, rev, {_MICROS.format("recorded_at")} FROM written
"""  # noqa: S608  # made of constants; values are bound


def write(*, provider_id: int, asked_at: Micros, received_at: Micros) -> list[tuple[int, Micros, int, Micros]]:
    """Staged quotes → `Quote`, the newest → `LatestQuote`; returns (instrument, at, rev, recorded_at) of what is new or changed.

    The conflict clause waits for a writer of the same key and compares with what that one wrote. `recorded_at` of a change is taken
    after that wait, so revisions of a quote never invert.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "provider": provider_id,
                "asked": from_us(asked_at),
                "received": from_us(received_at),
                "units": [unit.value for unit in SIZE_UNITS],
            },
        )
        rows: list[tuple[int, Micros, int, Micros]] = cursor.fetchall()
        return rows
