"""When a change of a rule may ask for usage that was not read before, and when it cannot."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.detection.catalogue import CHECKS
from app.detection.check import Daily
from app.detection.rule import Settings, TagMatch, Tuning
from app.recommendations.rule_needs import needs_measuring
from app.records.detection import Severity
from tests.repositories.found import ACCOUNT, SECOND_ACCOUNT

IDLE = CHECKS["aws.ebs.idle"]


def looking_back(days: int) -> Settings:
    return Settings(parameters={"lookbackDays": Decimal(days)})


OFF = Settings(enabled=False)
PROD = TagMatch("env", ("prod",))
KEEP = TagMatch("keep")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Tuning(), Tuning(looking_back(30)), True),
        (Tuning(looking_back(30)), Tuning(), True),  # what is younger than 30 days was not measured
        (Tuning(), Tuning(Settings(statistic=Daily.P95)), True),
        (Tuning(), Tuning(OFF), False),
        (Tuning(OFF), Tuning(), True),
        (Tuning(), Tuning(Settings(severity=Severity.LOW, minimum_saving=Decimal(9), grace_days=3)), False),
        (Tuning(), Tuning(Settings(require_complete_metrics=False)), False),
        (Tuning(), Tuning(excluded_tags=(PROD,), excluded_regions=("us-east-1",)), False),
        (Tuning(included_accounts=(ACCOUNT,)), Tuning(), False),
        (Tuning(included_accounts=(SECOND_ACCOUNT,)), Tuning(), True),
        (Tuning(), Tuning(included_accounts=(SECOND_ACCOUNT,)), False),
        (Tuning(included_regions=("eu-west-1",)), Tuning(), True),
        (Tuning(included_regions=("eu-west-1",)), Tuning(included_regions=("us-east-1",)), True),
        (Tuning(), Tuning(included_regions=("us-east-1",)), False),
        (Tuning(excluded_tags=(PROD, KEEP)), Tuning(excluded_tags=(PROD, KEEP), all_excluded_tags=True), True),
        (Tuning(excluded_tags=(PROD, KEEP), all_excluded_tags=True), Tuning(excluded_tags=(PROD, KEEP)), False),
        (Tuning(excluded_tags=(PROD,)), Tuning(), True),
        (Tuning(excluded_regions=("us-east-1",)), Tuning(), True),
        (Tuning(excluded_accounts=(ACCOUNT,)), Tuning(), True),
        (Tuning(), Tuning(looking_back(30), excluded_accounts=(ACCOUNT,)), False),
        (Tuning(), Tuning(of_accounts={ACCOUNT: looking_back(30)}), True),
        (Tuning(), Tuning(of_accounts={SECOND_ACCOUNT: looking_back(30)}), False),
        (Tuning(), Tuning(of_tags=((PROD, looking_back(30)),)), True),
        (Tuning(), Tuning(of_tags=((PROD, OFF),)), False),
        (Tuning(of_tags=((PROD, OFF),)), Tuning(of_tags=((PROD, Settings(minimum_saving=Decimal(2))),)), True),
        (Tuning(of_tags=((PROD, OFF),)), Tuning(of_tags=((PROD, OFF), (TagMatch("keep"), OFF))), True),
    ],
)
def test_what_may_need_more(before: Tuning, after: Tuning, expected: bool) -> None:
    assert needs_measuring(IDLE, before, after, ACCOUNT) is expected


def test_a_check_without_metrics_needs_none() -> None:
    unattached = CHECKS["aws.ebs.unattached"]
    assert not needs_measuring(unattached, Tuning(OFF), Tuning(), ACCOUNT)
