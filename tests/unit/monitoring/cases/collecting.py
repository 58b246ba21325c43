"""Collecting: lag, writes, and gaps that wait."""

from tests.unit.monitoring.case import Alert, Case, Kind, fires, quiet

LAG = 'ingestion_lag_seconds{interval="1m",instance="a"}'
DEPTH = 'backfill_queue_depth{instance="a"}'
AGE = 'backfill_tier_oldest_age_seconds{tier="T0",instance="a"}'


def on_two(series: str, values: str) -> dict[str, str]:
    """The same from two web processes."""
    return {series: values, series.replace('instance="a"', 'instance="b"'): values}


def _behind(age: str) -> Alert:
    return Alert(f"Collection of 1m bars as a whole is {age} of trading time behind.", {"interval": "1m"})


LAG_HIGH = [
    quiet("a little less than five minutes", on_two(LAG, "240x20"), at="10m"),
    quiet("daily bars", {LAG.replace("1m", "1d"): "40000x20"}, at="10m"),
    quiet("for a minute only", {LAG: "30x9 400x1 30x9"}, at="6m"),
    fires("more than five minutes, said by two", on_two(LAG, "450x20"), _behind("7m 30s"), at="10m"),
    fires("failed scrapes", {LAG: "450x8 stale _x2 450x4 stale"}, _behind("7m 30s"), at="8m30s", kind=Kind.MISSING),
]


def _writes(*, buckets: dict[str, str], instance: str = "a") -> dict[str, str]:
    return {f'write_batch_ms_bucket{{le="{le}",instance="{instance}"}}': values for le, values in buckets.items()}


SLOW_WRITES = {"1000": "0+94x40", "2500": "0+100x40", "+Inf": "0+100x40"}
SLOW = Alert("One write in twenty takes longer than 1250 ms.")
WRITES_HIGH = [
    quiet("19 of 20 take less", _writes(buckets={"500": "0+90x40", "1000": "0+96x40", "+Inf": "0+100x40"}), at="15m"),
    quiet("no writes at all", _writes(buckets={"1000": "100x40", "2500": "100x40", "+Inf": "200x40"}), at="15m"),
    quiet(
        "slow ones on one machine, many quick ones on the other",
        _writes(buckets=SLOW_WRITES)
        | _writes(buckets={"1000": "0+900x40", "2500": "0+900x40", "+Inf": "0+900x40"}, instance="b"),
        at="15m",
    ),
    fires("one of 20 takes more than a second", _writes(buckets=SLOW_WRITES), SLOW, at="15m"),
    fires(
        "missing samples",
        _writes(
            buckets={"1000": "0+94x12 _x3 1504+94x20", "2500": "0+100x12 _x3 1600+100x20", "+Inf": "0+100x12 _x3 1600+100x20"}
        ),
        SLOW,
        at="15m",
        kind=Kind.MISSING,
    ),
    fires(
        "counters begin anew",
        _writes(buckets={"1000": "0+94x24 0+94x20", "2500": "0+100x24 0+100x20", "+Inf": "0+100x24 0+100x20"}),
        SLOW,
        at="15m",
        kind=Kind.RESET,
    ),
]


def _open(age: str) -> Alert:
    return Alert(f"The oldest gap of tier T0 was found {age} ago and is still open.", {"tier": "T0"})


OLDEST = [
    quiet("a little less than a quarter of an hour", on_two(AGE, "840x20"), at="10m"),
    quiet("a tier that may wait", {AGE.replace("T0", "T1"): "9000x20"}, at="10m"),
    fires("more than that, said by two", on_two(AGE, "1200x20"), _open("20m 0s"), at="10m"),
    fires("failed scrapes", {AGE: "1200x8 stale _x2 1200x4 stale"}, _open("20m 0s"), at="8m30s", kind=Kind.MISSING),
]

DEEP = Alert("15000 backfill jobs are open.")
DEPTH_HIGH = [
    quiet("a little less than ten thousand", on_two(DEPTH, "9000x50"), at="20m"),
    quiet("for ten minutes only", {DEPTH: "15000x20 900x20"}, at="16m"),
    quiet("not for a quarter of an hour yet", {DEPTH: "15000x50"}, at="14m"),
    fires("for a quarter of an hour, said by two", on_two(DEPTH, "15000x50"), DEEP, at="20m"),
    fires("failed scrapes", {DEPTH: "15000x20 stale _x2 15000x20 stale"}, DEEP, at="16m", kind=Kind.MISSING),
]

CASES: dict[str, list[Case]] = {
    "IngestionLagHigh": LAG_HIGH,
    "DBWriteLatencyHigh": WRITES_HIGH,
    "BackfillOldestTooOldT0": OLDEST,
    "BackfillQueueDepthHigh": DEPTH_HIGH,
}
