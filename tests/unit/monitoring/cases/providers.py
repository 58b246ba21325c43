"""Providers: errors as a number and as a share, and breakers."""

from tests.unit.monitoring.case import Alert, Case, Kind, fires, quiet
from tests.unit.monitoring.cases.collecting import on_two

POLYGON = {"provider": "polygon"}
ERRORS = 'provider_errors_total{provider="polygon",endpoint="bars",code="vendor_fault",instance="a"}'
REFUSALS = 'provider_refusals_total{capability="bars_1m",provider="polygon",code="circuit_open",instance="a"}'
CALLS = 'provider_latency_ms_count{provider="polygon",endpoint="bars",instance="a"}'
STATE = 'circuit_state{provider="polygon",instance="a"}'


def _failing(rate: str) -> Alert:
    return Alert(f"polygon: {rate} requests a second fail, or are kept back because it is not well.", POLYGON)


# 180 in half a minute are 6 a second.
SPIKE = [
    quiet("a little less than five a second", {ERRORS: "0+135x30"}, at="10m"),
    quiet("what did not fit into the budget", {REFUSALS.replace("circuit_open", "over_budget"): "0+900x30"}, at="10m"),
    quiet(
        "two providers that together make six", {ERRORS: "0+90x30", ERRORS.replace("polygon", "alpaca"): "0+90x30"}, at="10m"
    ),
    fires("six a second", {ERRORS: "0+180x30"}, _failing("6.0"), at="10m"),
    fires("six a second on two machines", on_two(ERRORS, "0+90x30"), _failing("6.0"), at="10m"),
    fires("behind an open breaker", {ERRORS: "500x30", REFUSALS: "0+180x30"}, _failing("6.0"), at="10m"),
    fires("a breaker that was open from the first", {REFUSALS: "0+180x30"}, _failing("6.0"), at="10m"),
    fires("partly sent, partly kept back", {ERRORS: "0+60x30", REFUSALS: "0+120x30"}, _failing("6.0"), at="10m"),
    fires("missing samples", {ERRORS: "0+180x10 _x3 2520+180x20"}, _failing("6.0"), at="10m", kind=Kind.MISSING),
    fires("counters begin anew", {ERRORS: "0+180x14 0+180x20"}, _failing("5.4"), at="10m", kind=Kind.RESET),
    quiet("counters that begin anew from a high one", {ERRORS: "90000x14 0x20"}, at="10m", kind=Kind.RESET),
]


def _share(share: str) -> Alert:
    return Alert(f"polygon: {share} of all requests failed in the last 15 minutes.", POLYGON)


# One request in half a minute, 30 in a quarter of an hour: more than the floor, less than twice.
RATIO = [
    quiet("every fifth request", {CALLS: "0+1x60", ERRORS: "0+0.2x60"}, at="25m"),
    quiet("all of too few requests", {CALLS: "0+0.5x60", ERRORS: "0+0.5x60"}, at="25m"),
    quiet("nothing ever failed", {CALLS: "0+1x60"}, at="25m"),
    fires("three of ten", {CALLS: "0+1x60", ERRORS: "0+0.3x60"}, _share("30%"), at="25m"),
    fires(
        "three of ten, counted on two machines",
        on_two(CALLS, "0+0.5x60") | on_two(ERRORS, "0+0.15x60"),
        _share("30%"),
        at="25m",
    ),
    fires(
        "missing samples",
        {CALLS: "0+1x30 _x4 35+1x30", ERRORS: "0+0.3x30 _x4 10.5+0.3x30"},
        _share("30%"),
        at="25m",
        kind=Kind.MISSING,
    ),
    fires(
        "counters begin anew", {CALLS: "0+1x30 0+1x30", ERRORS: "0+0.3x30 0+0.3x30"}, _share("30%"), at="25m", kind=Kind.RESET
    ),
    quiet(
        "counters that begin anew from high ones", {CALLS: "9000x29 0+1x30", ERRORS: "8000x29 0x30"}, at="25m", kind=Kind.RESET
    ),
]

OPEN = Alert("polygon is not asked: its breaker is open, or it is isolated.", POLYGON)
BREAKER = [
    quiet("closed", on_two(STATE, "0x20"), at="10m"),
    quiet("half-open", on_two(STATE, "1x20"), at="10m"),
    quiet("opened and healed at once", {STATE: "0x3 2x1 0x14"}, at="4m30s"),
    fires("open, said by two", on_two(STATE, "2x20"), OPEN, at="10m"),
    fires("probing in vain", {STATE: "2 2 1 1 2 1 2 2 2 1 1 2 2 2 2 1 1 2 1 2"}, OPEN, at="9m"),
    fires("failed scrapes", {STATE: "2x8 stale _x2 2x4 stale"}, OPEN, at="8m", kind=Kind.MISSING),
]

CASES: dict[str, list[Case]] = {
    "ProviderErrorSpike": SPIKE,
    "ProviderErrorRatioHigh": RATIO,
    "ProviderCircuitBreakerOpen": BREAKER,
}
