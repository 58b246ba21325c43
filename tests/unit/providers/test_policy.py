"""A policy as a value: what a candidate is built of, what makes it unfit, what it changes, and that JSON keeps it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.policy import (
    Draft,
    Override,
    Overrides,
    ProviderEntry,
    Snapshot,
    build,
    checksum,
    diff,
    from_json,
    to_json,
    validate,
)
from providers.policy.building import row_entry
from providers.policy.comparing import flat

POLYGON = ProviderEntry(1, "polygon", "polygon", credentials={"api_key": "POLYGON_API_KEY"})
ALPACA = ProviderEntry(
    2, "alpaca", "alpaca", credentials={"key_id": "ALPACA_API_KEY_ID", "secret_key": "ALPACA_API_SECRET_KEY"}
)
BASE_URL_WITH_SECRET = (
    "base_url of provider 'polygon' must hold no user, password or query: secrets are named by its credentials"
)
ROW = row_entry(capability="bars_1m", tier="", providers=["polygon", "alpaca"])


def draft(*rows, providers=(POLYGON, ALPACA), faults=(), place="environment", **variables) -> Draft:
    found = {name: Override(name, text, place) for name, text in variables.items()}
    return build(providers=providers, policies=rows or [ROW], overrides=Overrides(found, faults))


def faults(*rows, **rest) -> list[str]:
    candidate = draft(*rows, **rest)
    return [*candidate.faults, *validate(candidate.snapshot)]


class TestValidate:
    """Each rule, by its own sentence."""

    def test_candidate_is_fit_when_nothing_is_wrong(self):
        assert faults(POLICY_QUOTES_L1="polygon", BREAKER_DEMOTE_THRESHOLD="0", BREAKER_PROMOTE_THRESHOLD="1") == []

    def test_candidate_without_any_row_is_fit(self):
        assert validate(Snapshot()) == []

    def test_unknown_provider_is_named_with_its_variable(self):
        assert faults(POLICY_BARS_1M="polygon,bogus") == ["unknown provider 'bogus' in POLICY_BARS_1M"]

    def test_unknown_provider_is_named_with_its_row(self):
        for tier, name in (("", "all tiers"), ("T0", "tier T0")):
            row = row_entry(capability="bars_1m", tier=tier, providers=["bogus"])
            assert faults(row) == [f"unknown provider 'bogus' in the routing policy of bars_1m for {name}"]

    @pytest.mark.parametrize("text", ["", "  ", ",", " , "])
    def test_empty_list_is_refused(self, text):
        assert faults(POLICY_BARS_1M=text) == ["no provider in POLICY_BARS_1M: expected at least one"]

    def test_blank_between_two_names_is_refused(self):
        assert faults(POLICY_BARS_1M="polygon,,alpaca") == ["unknown provider '' in POLICY_BARS_1M"]

    def test_provider_that_stands_twice_is_refused_once(self):
        assert faults(POLICY_BARS_1M_T0="polygon,alpaca,polygon") == ["provider 'polygon' stands twice in POLICY_BARS_1M_T0"]

    @pytest.mark.parametrize(
        ("demote", "promote"), [("0.85", "0.7"), ("0.8", "0.8"), ("0.9", None), (None, "0.7"), (None, "0.5")]
    )
    def test_demote_threshold_that_is_not_below_promote_is_refused(self, demote, promote):
        named = {"BREAKER_DEMOTE_THRESHOLD": demote, "BREAKER_PROMOTE_THRESHOLD": promote}
        (fault,) = faults(**{name: text for name, text in named.items() if text is not None})
        got = f"{float(demote or 0.70)} and {float(promote or 0.85)}"
        assert fault == f"BREAKER_DEMOTE_THRESHOLD must be below BREAKER_PROMOTE_THRESHOLD, got {got}"

    @pytest.mark.parametrize(
        ("variable", "text"),
        [("BREAKER_DEMOTE_THRESHOLD", "-0.01"), ("BREAKER_PROMOTE_THRESHOLD", "1.01"), ("BREAKER_PROMOTE_THRESHOLD", "85")],
    )
    def test_threshold_out_of_its_range_is_refused(self, variable, text):
        assert faults(**{variable: text}) == [f"{variable} must lie between 0.0 and 1.0, got {float(text)}"]

    @pytest.mark.parametrize("text", ["", "high", "0,7", "nan", "inf", "-inf"])
    def test_threshold_that_is_no_number_is_refused(self, text):
        assert faults(BREAKER_PROMOTE_THRESHOLD=text) == [f"BREAKER_PROMOTE_THRESHOLD must be a number, got {text!r}"]

    @pytest.mark.parametrize("field", ["rate_per_minute", "rate_per_day", "timeout_seconds", "slow_after_ms"])
    @pytest.mark.parametrize("value", [0, -5])
    @pytest.mark.parametrize("is_enabled", [True, False])
    def test_rate_or_time_that_is_not_positive_is_refused(self, field, value, is_enabled):
        provider = replace(POLYGON, is_enabled=is_enabled, **{field: value})
        assert faults(providers=[provider, ALPACA]) == [f"{field} of provider 'polygon' must be positive, got {value}"]

    def test_provider_without_daily_quota_is_fit(self):
        assert faults(providers=[replace(POLYGON, rate_per_day=None), ALPACA]) == []

    @pytest.mark.parametrize(
        ("changed", "fault"),
        [
            ({"live_reserve_percent": 101}, "live_reserve_percent of provider 'polygon' must lie between 0 and 100, got 101"),
            ({"live_reserve_percent": -1}, "live_reserve_percent of provider 'polygon' must lie between 0 and 100, got -1"),
            ({"overlap_seconds": -1}, "overlap_seconds of provider 'polygon' must not be negative, got -1"),
            ({"settle_after_seconds": -1}, "settle_after_seconds of provider 'polygon' must not be negative, got -1"),
            ({"adjustment": "x"}, "adjustment of provider 'polygon' must be one of raw, split, dividend, all, got 'x'"),
            ({"feed_scope": "x"}, "feed_scope of provider 'polygon' must be one of consolidated, iex, venue, got 'x'"),
            ({"base_url": "ftp://x"}, "base_url of provider 'polygon' must start with http:// or https://"),
            ({"base_url": "https://me:pw@x"}, BASE_URL_WITH_SECRET),
            ({"base_url": "https://x/v2?apikey=pw"}, BASE_URL_WITH_SECRET),
            ({"credentials": {}}, "credentials of provider 'polygon' must be api_key, got none"),
            ({"options": {"colour": 1}}, "unknown option 'colour', polygon knows none in provider 'polygon'"),
        ],
    )
    def test_provider_that_can_not_be_asked_is_refused(self, changed, fault):
        assert faults(providers=[replace(POLYGON, **changed), ALPACA]) == [fault]

    def test_unknown_adapter_is_said_once(self):
        assert faults(providers=[replace(POLYGON, adapter="fax"), ALPACA]) == ["unknown adapter 'fax' in provider 'polygon'"]

    def test_provider_that_is_off_may_be_half_set_up(self):
        unfinished = replace(POLYGON, is_enabled=False, credentials={}, adapter="fax")
        assert faults(providers=[unfinished, ALPACA]) == []

    def test_provider_that_can_not_serve_the_capability_is_refused(self):
        tiingo = ProviderEntry(3, "finn", "finnhub", credentials={"api_key": "K"})
        (fault,) = faults(providers=[POLYGON, ALPACA, tiingo], POLICY_QUOTES_L1="finn")
        assert fault.startswith("provider 'finn' can't serve quotes_l1 in POLICY_QUOTES_L1: finnhub offers bars_")

    def test_all_faults_are_said_at_once(self):
        found = faults(POLICY_BARS_1M="bogus,nobody", POLICY_BAR_1M="polygon", BREAKER_DEMOTE_THRESHOLD="2")
        assert len(found) == 5  # the unknown variable, two names, out of range, inverted


class TestBuild:
    """Rows with overrides over them."""

    def test_variable_stands_over_the_row_and_says_where_it_is_from(self):
        snapshot = draft(POLICY_BARS_1M=" alpaca , polygon", place="file .env").snapshot
        assert snapshot.order("bars_1m", "T0") == ("alpaca", "polygon")
        assert [entry.source for entry in snapshot.policies] == ["POLICY_BARS_1M (file .env)"]

    def test_variable_of_a_tier_stands_beside_the_one_of_all(self):
        snapshot = draft(POLICY_BARS_1M_T0="alpaca", POLICY_BARS_15M="polygon").snapshot
        assert snapshot.order("bars_1m", "T0") == ("alpaca",)
        assert snapshot.order("bars_1m", "T1") == ("polygon", "alpaca")
        assert snapshot.order("bars_15m", "T1") == ("polygon",)
        assert snapshot.order("bars_1d", "T0") == ()

    def test_fault_of_an_overridden_row_counts_for_nothing(self):
        row = row_entry(capability="bars_1m", tier="", providers=["bogus"])
        assert faults(row, POLICY_BARS_1M="polygon") == []

    @pytest.mark.parametrize("variable", ["POLICY_BAR_1M", "POLICY_", "POLICY_BARS_1M_", "POLICY_BARS_1MT0", "POLICY_bars_1m"])
    def test_unknown_policy_variable_is_named(self, variable):
        (fault,) = faults(**{variable: "polygon"})
        assert fault.startswith(f"unknown variable {variable}: expected one of POLICY_BARS_1M, ")

    def test_unknown_breaker_variable_is_named(self):
        (fault,) = faults(BREAKER_DEMOTE_TRESHOLD="0.5")
        assert fault.startswith("unknown variable BREAKER_DEMOTE_TRESHOLD: expected BREAKER_DEMOTE_THRESHOLD or")

    def test_faults_of_reading_come_first(self):
        assert faults(faults=("line 3 of .env is not NAME=value",), POLICY_BARS_1M="bogus")[0].startswith("line 3")

    def test_thresholds_are_the_default_when_no_variable_sets_them(self):
        snapshot = draft().snapshot
        assert (snapshot.demote, snapshot.promote, snapshot.sources) == (0.70, 0.85, {})


class TestDiff:
    """What changes, and where the new value is from."""

    def test_change_names_the_variable_and_its_place(self):
        (change,) = diff(draft().snapshot, draft(POLICY_BARS_1M="alpaca", place="file .env").snapshot)
        assert (change.before, change.after) == (["polygon", "alpaca"], ["alpaca"])
        assert str(change) == "policy bars_1m for all tiers: polygon, alpaca → alpaca   [POLICY_BARS_1M (file .env)]"

    def test_change_names_the_row_when_the_variable_is_gone(self):
        (change,) = diff(draft(POLICY_BARS_1M="alpaca").snapshot, draft().snapshot)
        assert (change.after, change.source) == (["polygon", "alpaca"], "routing policy row")

    def test_change_names_what_is_gone(self):
        (change,) = diff(draft(ROW, POLICY_BARS_1M_T0="alpaca").snapshot, draft(ROW).snapshot)
        assert (change.before, change.after) == (["alpaca"], None)
        assert change.source == "no longer in POLICY_BARS_1M_T0 (environment)"

    def test_changes_of_providers_and_thresholds_are_told_value_by_value(self):
        new = draft(providers=[replace(POLYGON, rate_per_minute=5, is_enabled=False), ALPACA], BREAKER_DEMOTE_THRESHOLD="0.5")
        assert [str(change) for change in diff(draft().snapshot, new.snapshot)] == [
            "demote threshold: 0.7 → 0.5   [BREAKER_DEMOTE_THRESHOLD (environment)]",
            "provider polygon: is_enabled: True → False   [provider row polygon]",
            "provider polygon: rate_per_minute: 300 → 5   [provider row polygon]",
        ]

    def test_true_in_place_of_one_is_a_change(self):
        old, new = (draft(providers=[replace(POLYGON, options={"a": value}), ALPACA]).snapshot for value in (1, True))
        assert [change.what for change in diff(old, new)] == ["provider polygon: options"]
        assert checksum(old) != checksum(new)

    def test_value_that_only_comes_from_elsewhere_is_no_change(self):
        same = draft(POLICY_BARS_1M="polygon,alpaca").snapshot
        assert diff(draft().snapshot, same) == []
        assert checksum(same) == checksum(draft().snapshot)


names = st.sampled_from(["polygon", "alpaca", "tiingo", "finn"])
providers = st.builds(
    ProviderEntry,
    id=st.integers(1, 3),
    name=names,
    adapter=st.sampled_from(["polygon", "alpaca"]),
    is_enabled=st.booleans(),
    options=st.dictionaries(st.sampled_from("ab"), st.sampled_from([True, 1, "1", 0]), max_size=1),
    credentials=st.dictionaries(st.sampled_from("kl"), st.sampled_from(["A", "B"]), max_size=2),
    rate_per_minute=st.integers(1, 3),
    rate_per_day=st.none() | st.integers(1, 2),
)
rows = st.builds(
    row_entry,
    capability=st.sampled_from(["bars_1m", "bars_1d"]),
    tier=st.sampled_from(["", "T0"]),
    providers=st.lists(names, min_size=1, max_size=3),
)
variables = st.dictionaries(
    st.sampled_from(["POLICY_BARS_1M", "POLICY_BARS_1D_T0", "BREAKER_DEMOTE_THRESHOLD"]), st.sampled_from(["0.5", "0.25", "1"])
)


@st.composite
def snapshots(draw) -> Snapshot:
    found = {name: Override(name, text, "environment") for name, text in draw(variables).items()}
    return build(
        providers=draw(st.lists(providers, max_size=3)), policies=draw(st.lists(rows, max_size=4)), overrides=Overrides(found)
    ).snapshot


@given(snapshots(), st.none() | st.integers(1, 9))
def test_version_is_the_same_when_it_comes_back_from_json(snapshot, number):
    back = from_json(json.loads(json.dumps(to_json(snapshot))), number=number)
    assert back == replace(snapshot, number=number)
    assert checksum(back) == checksum(snapshot)


@given(snapshots(), snapshots())
def test_difference_is_empty_exactly_when_the_checksums_are_equal(old, new):
    assert (diff(old, new) == []) == (checksum(old) == checksum(new))


@given(snapshots(), snapshots())
def test_difference_leads_from_the_old_values_to_the_new(old, new):
    values = {what: value for what, (value, _) in flat(old).items()}
    for change in diff(old, new):
        assert values.pop(change.what, None) == change.before
        if change.after is not None:
            values[change.what] = change.after
    assert values == {what: value for what, (value, _) in flat(new).items()}


def test_version_of_newer_code_is_read_without_what_this_code_does_not_know():
    content = to_json(draft().snapshot)
    content["providers"][0]["colour"] = "blue"
    del content["providers"][0]["slow_after_ms"]
    assert from_json(content, number=7).providers["alpaca"].slow_after_ms == 5_000
