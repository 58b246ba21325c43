"""The error budgets in the rules of Prometheus are the objectives that tiers have from the first."""

import pytest

from collector.models import Tier
from tests.monitoring_files import all_rules

pytestmark = pytest.mark.django_db(transaction=True)


def test_budgets_in_the_rules_are_the_objectives_of_the_tiers() -> None:
    budgets = {rule["labels"]["tier"]: rule["expr"] for rule in all_rules() if rule.get("record") == "tier:slo_budget:ratio"}
    assert budgets == {tier.code: f"vector({tier.objective})" for tier in Tier.objects.all()}
