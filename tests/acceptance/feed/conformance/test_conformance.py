"""The server keeps the rules of docs/feed.md, each shown by a scenario on real sockets."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.acceptance.feed.conformance import asking, ending, example, following, opening, resuming, slow
from tests.acceptance.feed.conformance.record import everything_that_is_specified
from tests.acceptance.feed.conformance.stage import SCENARIOS, Scenario, Stage

ROOMS = (asking, ending, example, following, opening, resuming, slow)
"""Whose import lists their scenarios."""


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: one.rule)
def test_server_keeps_the_rule(stage_at: Callable[[str], Stage], one: Scenario) -> None:
    stage = stage_at(one.server)
    one.run(stage)
    assert one.shows - stage.record.shown == set()


def test_scenarios_show_everything_that_is_specified_and_nothing_else() -> None:
    shown = {what for one in SCENARIOS for what in one.shows}
    assert shown == everything_that_is_specified()


def test_each_rule_is_shown_once() -> None:
    assert [rule for rule, count in Counter(one.rule for one in SCENARIOS).items() if count > 1] == []
