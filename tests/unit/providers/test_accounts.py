import pytest

from providers.accounts import check_options, symbols_per_call
from providers.adapter import Account
from providers.registry import get_adapter

ALPHA, TWELVE, ALPACA = (get_adapter(name) for name in ("alpha_vantage", "twelve_data", "alpaca"))


@pytest.mark.parametrize(
    "options", [{}, {"bar_label": "end"}, {"extended_hours": False, "outputsize": "compact"}, {"entitlement": ""}]
)
def test_known_options_are_taken_in_the_forms_of_json(options: dict[str, object]) -> None:
    check_options(ALPHA, options)
    check_options(TWELVE, {"prepost": True, "symbols_per_call": 8})


@pytest.mark.parametrize(
    ("adapter", "options", "words"),
    [
        (
            ALPHA,
            {"label": "end"},
            "unknown option 'label', alpha_vantage knows bar_label, entitlement, extended_hours, outputsize",
        ),
        (ALPHA, {"bar_label": "middle"}, "'bar_label' must be start or end.*'middle'"),
        (ALPHA, {"extended_hours": "yes"}, "true or false"),
        (TWELVE, {"symbols_per_call": 0}, "from 1 to 120, got '0'"),
        (TWELVE, {"symbols_per_call": 121}, "from 1 to 120"),
        (ALPACA, {"feed": "sip"}, "alpaca knows none"),
    ],
)
def test_option_that_a_vendor_does_not_know_is_refused_with_those_it_knows(adapter, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_options(adapter, options)


def test_default_of_every_option_is_one_of_its_values() -> None:
    for adapter in (ALPHA, TWELVE):
        check_options(adapter, {name: option.default for name, option in adapter.options.items()})


def test_adapter_that_counts_requests_is_asked_for_as_many_symbols_as_it_takes() -> None:
    account = Account(provider="a", adapter="alpaca", base_url="")
    assert symbols_per_call(ALPACA, account) == ALPACA.limits.max_symbols_per_call
