"""The feed: how late its frames are, and whether anybody listens when an exchange is open."""

from tests.unit.monitoring.case import Alert, Case, Kind, fires, quiet

CLIENTS = 'ws_clients_gauge{instance="a"}'
CLIENTS_B = 'ws_clients_gauge{instance="b"}'
NEW_YORK = 'market_session_open{calendar="XNYS",instance="a"}'
CRYPTO = 'market_session_open{calendar="24/7",instance="a"}'
UP = 'up{job="market-data",instance="a"}'
UP_B = 'up{job="market-data",instance="b"}'


def _frames(**buckets: str) -> dict[str, str]:
    named = {"inf": "+Inf"}
    return {
        f'ws_publish_latency_ms_bucket{{le="{named.get(le, le[1:])}",instance="a"}}': values for le, values in buckets.items()
    }


LATE = Alert("One frame in a hundred reaches its client later than 333 ms after the write.")
LATENCY = [
    quiet("99 of 100 within 246 ms", _frames(_100="0+900x60", _250="0+992x60", inf="0+1000x60"), at="25m"),
    quiet("no frames", _frames(_250="10x60", _500="20x60", inf="20x60"), at="25m"),
    quiet("one slow frame", _frames(_250="0x20 0x40", _500="0x20 1x40", inf="0x20 1x40"), at="15m"),
    fires("more than one of 100 over 250 ms", _frames(_250="0+985x60", _500="0+1000x60", inf="0+1000x60"), LATE, at="25m"),
    fires(
        "missing samples",
        _frames(_250="0+985x30 _x3 33490+985x30", _500="0+1000x30 _x3 34000+1000x30", inf="0+1000x30 _x3 34000+1000x30"),
        LATE,
        at="25m",
        kind=Kind.MISSING,
    ),
    fires(
        "counters begin anew",
        _frames(_250="0+985x44 0+985x30", _500="0+1000x44 0+1000x30", inf="0+1000x44 0+1000x30"),
        LATE,
        at="25m",
        kind=Kind.RESET,
    ),
]

NOBODY = Alert("An exchange is open, and nobody listens to the feed.")
NO_CLIENTS = [
    quiet("the exchange is shut", {CLIENTS: "0x60", NEW_YORK: "0x60", UP: "1x60"}, at="20m"),
    quiet("only what never shuts is open", {CLIENTS: "0x60", NEW_YORK: "0x60", CRYPTO: "1x60", UP: "1x60"}, at="20m"),
    quiet("somebody listens on another machine", {CLIENTS: "0x60", CLIENTS_B: "2x60", NEW_YORK: "1x60", UP: "1x60"}, at="20m"),
    quiet("the session is ten minutes old", {CLIENTS: "0x60", NEW_YORK: "0x20 1x40", UP: "1x60"}, at="20m"),
    quiet(
        "the other machine can't be scraped",
        {CLIENTS: "0x60", CLIENTS_B: "2x5 stale", NEW_YORK: "1x60", UP: "1x60", UP_B: "1x5 0x60"},
        at="20m",
        kind=Kind.MISSING,
    ),
    quiet("clients are not counted", {NEW_YORK: "1x60", UP: "1x60"}, at="20m", kind=Kind.MISSING),
    fires("nobody listens", {CLIENTS: "0x60", CLIENTS_B: "0x60", NEW_YORK: "1x60", UP: "1x60"}, NOBODY, at="20m"),
    fires(
        "failed scrapes",
        {CLIENTS: "0x20 stale _x1 0x8 stale", NEW_YORK: "1x20 stale _x1 1x8 stale", UP: "1x60"},
        NOBODY,
        at="16m",
        kind=Kind.MISSING,
    ),
]

CASES: dict[str, list[Case]] = {"WSPublishLatencyHigh": LATENCY, "NoWSClientsDuringRTH": NO_CLIENTS}
