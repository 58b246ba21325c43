"""Objectives: the share that is behind, how fast the error budget burns, and whether anybody measures."""

from tests.unit.monitoring.case import Alert, Case, Kind, fires, quiet

RATE_T0 = 'slo_gap_violation_rate{tier="T0",interval="1m",instance="a"}'
LAST_RUN = 'slo_last_run_timestamp_seconds{instance="a"}'


def _behind(share: str) -> Alert:
    text = f"{share} of tier T0's 1m series are behind, on the average of five minutes; 0.5% may be."
    return Alert(text, {"tier": "T0", "interval": "1m"})


GAP_VIOLATION = [
    quiet("a little under the objective", {RATE_T0: "0.0045x20"}, at="10m"),
    quiet("one bad sample among ten good ones", {RATE_T0: "0x12 0.02 0x12"}, at="8m"),
    quiet(
        "two bad samples, which are all that a new web process has seen",
        {RATE_T0: "0x12 stale", RATE_T0.replace('"a"', '"b"'): "_x13 0.01 0.01 0x12"},
        at="7m30s",
    ),
    quiet("another tier", {'slo_gap_violation_rate{tier="T1",interval="1m"}': "0.4x20"}, at="10m"),
    fires("over the objective", {RATE_T0: "0.007x20"}, _behind("0.7%"), at="10m"),
    fires(
        "two web processes that say the same",
        {RATE_T0: "0.007x20", RATE_T0.replace('"a"', '"b"'): "0.007x20"},
        _behind("0.7%"),
        at="10m",
    ),
    fires("failed scrapes", {RATE_T0: "0.007x8 stale _x3 0.007x4 stale"}, _behind("0.7%"), at="9m", kind=Kind.MISSING),
]


OBJECTIVES = {"T0": "0.005", "T1": "0.02", "T2": "0.05"}


def _slots(*, expected: str, good: str = "", tier: str = "T0", interval: str = "1m", instance: str = "a") -> dict[str, str]:
    labels = f'{{tier="{tier}",interval="{interval}",instance="{instance}"}}'
    said = {f'slo_objective{{tier="{tier}",instance="{instance}"}}': f"{OBJECTIVES[tier]}x160"}
    said[f"slo_expected_slots_total{labels}"] = expected
    return said | ({f"slo_good_slots_total{labels}": good} if good else {})


def _burnt(share: str, when: str, *, tier: str = "T0") -> Alert:
    return Alert(f"{share} of tier {tier}'s slots were bad in the last {when}.", {"tier": tier})


HOUR = "hour: a month's error budget would be gone in two days"
# 12 slots a minute, 720 an hour: more than the floor, less than twice. T0 may lose 7.2 % at this rate, T1 28.8 %, T2 72 %.
BURN_FAST = [
    quiet("a little under", _slots(expected="0+12x70", good="0+11.2x70"), at="65m", step="1m"),
    quiet("has only begun", _slots(expected="0+12x70", good="0+12x33 397.8+10.8x35"), at="65m", step="1m"),
    quiet("is almost over", _slots(expected="0+12x70", good="0+10.8x60 659.4+11.4x9"), at="68m", step="1m"),
    quiet("too few slots for a share to mean something", _slots(expected="0+7x70", good="0+0x70"), at="65m", step="1m"),
    fires("over", _slots(expected="0+12x70", good="0+10.8x70"), _burnt("10%", HOUR), at="65m", step="1m"),
    fires(
        "said by two web processes",
        {**_slots(expected="0+12x70", good="0+10.8x70"), **_slots(expected="0+12x70", good="0+10.8x70", instance="b")},
        _burnt("10%", HOUR),
        at="65m",
        step="1m",
    ),
    quiet(
        "too few slots, said by two web processes",
        {**_slots(expected="0+7x70", good="0+0x70"), **_slots(expected="0+7x70", good="0+0x70", instance="b")},
        at="65m",
        step="1m",
    ),
    fires(
        "two intervals of the tier together",
        {**_slots(expected="0+10x70", good="0+8.8x70"), **_slots(expected="0+2x70", good="0+2x70", interval="5m")},
        _burnt("10%", HOUR),
        at="65m",
        step="1m",
    ),
    fires(
        "tier T1", _slots(expected="0+12x70", good="0+7.2x70", tier="T1"), _burnt("40%", HOUR, tier="T1"), at="65m", step="1m"
    ),
    quiet("tier T1, under", _slots(expected="0+12x70", good="0+9x70", tier="T1"), at="65m", step="1m"),
    fires(
        "tier T2", _slots(expected="0+12x70", good="0+1.2x70", tier="T2"), _burnt("90%", HOUR, tier="T2"), at="65m", step="1m"
    ),
    quiet("tier T2, under", _slots(expected="0+12x70", good="0+6x70", tier="T2"), at="65m", step="1m"),
    fires("no slot has ever been good", _slots(expected="0+12x70"), _burnt("100%", HOUR), at="65m", step="1m"),
    fires(
        "begins with another web process, as when a new version is rolled out",
        {
            **_slots(expected="0+12x50 stale", good="0+12x50 stale"),
            **_slots(expected="_x51 612+12x19", good="_x51 600+0x19", instance="b"),
        },
        _burnt("25%", HOUR),
        at="65m",
        step="1m",
    ),
    quiet(
        "ended with another web process",
        {
            **_slots(expected="0+12x50 stale", good="0+0x50 stale"),
            **_slots(expected="_x51 612+12x19", good="_x51 12+12x19", instance="b"),
        },
        at="65m",
        step="1m",
    ),
    quiet(
        "too few slots, said by another web process that was asked a little earlier than the one that went",
        {
            **_slots(expected="0+7x50 stale", good="0+0x50 stale"),
            **_slots(expected="_x40 266+7x30", good="_x40 0x30", instance="b"),
        },
        at="65m",
        step="1m",
    ),
    fires(
        "missing samples",
        _slots(expected="0+12x20 _x5 312+12x43", good="0+10.8x20 _x5 280.8+10.8x43"),
        _burnt("10%", HOUR),
        at="65m",
        step="1m",
        kind=Kind.MISSING,
    ),
    fires(
        "counters begin anew",
        _slots(expected="0+12x30 0+12x40", good="0+10.8x30 0+10.8x40"),
        _burnt("10%", HOUR),
        at="65m",
        step="1m",
        kind=Kind.RESET,
    ),
    quiet(
        "counters begin anew and all is well",
        _slots(expected="0+12x30 0+12x40", good="0+12x30 0+12x40"),
        at="65m",
        step="1m",
        kind=Kind.RESET,
    ),
]

SIX_HOURS = "six hours: a month's error budget would be gone in five days"
# 10 slots in five minutes, 720 in six hours; T0 may lose 3 %.
BURN_MEDIUM = [
    quiet("a little under", _slots(expected="0+10x80", good="0+9.75x80"), at="390m", step="5m"),
    quiet("has only begun", _slots(expected="0+10x80", good="0+10x40 409.6+9.6x38"), at="390m", step="5m"),
    quiet("is almost over", _slots(expected="0+10x80", good="0+9.6x70 681.8+9.8x8"), at="390m", step="5m"),
    quiet("too few slots", _slots(expected="0+5.5x80", good="0+0x80"), at="390m", step="5m"),
    fires("over", _slots(expected="0+10x80", good="0+9.6x80"), _burnt("4%", SIX_HOURS), at="390m", step="5m"),
    fires(
        "missing samples",
        _slots(expected="0+10x20 _x3 240+10x60", good="0+9.6x20 _x3 230.4+9.6x60"),
        _burnt("4%", SIX_HOURS),
        at="390m",
        step="5m",
        kind=Kind.MISSING,
    ),
    fires(
        "counters begin anew",
        _slots(expected="0+10x40 0+10x40", good="0+9.6x40 0+9.6x40"),
        _burnt("4%", SIX_HOURS),
        at="390m",
        step="5m",
        kind=Kind.RESET,
    ),
]

DAY = "day: a month's error budget would be gone in ten days"
# 5 slots in ten minutes, 720 a day; T0 may lose 1.5 %.
BURN_SLOW = [
    quiet("a little under", _slots(expected="0+5x160", good="0+4.94x160"), at="1560m", step="10m"),
    quiet("has only begun", _slots(expected="0+5x160", good="0+5x90 454.9+4.9x68"), at="1560m", step="10m"),
    quiet("is almost over", _slots(expected="0+5x160", good="0+4.9x142 700.75+4.95x16"), at="1560m", step="10m"),
    quiet("too few slots", _slots(expected="0+2.8x160", good="0+0x160"), at="1560m", step="10m"),
    fires("over", _slots(expected="0+5x160", good="0+4.9x160"), _burnt("2%", DAY), at="1560m", step="10m"),
    fires(
        "missing samples",
        _slots(expected="0+5x60 _x3 320+5x94", good="0+4.9x60 _x3 313.6+4.9x94"),
        _burnt("2%", DAY),
        at="1560m",
        step="10m",
        kind=Kind.MISSING,
    ),
    fires(
        "counters begin anew",
        _slots(expected="0+5x80 0+5x79", good="0+4.9x80 0+4.9x79"),
        _burnt("2%", DAY),
        at="1560m",
        step="10m",
        kind=Kind.RESET,
    ),
]


def _stale(age: str) -> Alert:
    return Alert(f"Objectives were last measured {age} ago; it should be every 30 seconds.")


# Time begins at 0, so a timestamp that stays at 0 is as old as the case.
SAMPLER_STALE = [
    quiet("measured each half minute", {LAST_RUN: "0+30x20"}, at="10m"),
    quiet("late, but not by three minutes", {LAST_RUN: "-150+30x20"}, at="10m"),
    quiet("failed scrapes of a fresh one", {LAST_RUN: "0+30x8 stale _x1 330+30x8"}, at="5m", kind=Kind.MISSING),
    quiet("nobody can be asked", {LAST_RUN: "0+30x10 stale"}, at="11m", kind=Kind.MISSING),
    fires("nobody measures", {LAST_RUN: "0x20"}, _stale("5m 0s"), at="5m"),
    fires("failed scrapes of a stale one", {LAST_RUN: "0x6 stale 0x20"}, _stale("4m 30s"), at="4m30s", kind=Kind.MISSING),
]

CASES: dict[str, list[Case]] = {
    "SLOGapViolationHighT0": GAP_VIOLATION,
    "SLOBurnRateFast": BURN_FAST,
    "SLOBurnRateMedium": BURN_MEDIUM,
    "SLOBurnRateSlow": BURN_SLOW,
    "SLOSamplerStale": SAMPLER_STALE,
}
