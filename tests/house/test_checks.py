"""Every check is proved: it finds, it does not find, at the boundary of each threshold, and without each metric."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest

import tests.detection.checks
from app.detection.catalogue import ALL_CHECKS, CHECKS
from app.detection.check import LOOKBACK_DAYS, MINIMUM_SAVING, SMALL_FEE, Check
from app.detection.permissions import needed_permissions
from app.detection.rule import TagMatch, default_rule
from app.pricing.book import seed_prices
from app.providers.registry import CLOUDS, cloud
from app.records import Provider
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case

NEWEST_DAY = frozenset(
    {
        "standardBytes",
        "liveBytes",
        "oldBytes",
        "deletedBytes",
        "capacity",
        "kept",
        "backlog",
        "oldest",
        "storedMegabytes",
    }
)
"""Metrics of which the newest day is enough: how much there is, how old the oldest is."""
ONE_DAY = frozenset({"aws.emr.idle"})
"""Checks that look at one day only."""


def _cases() -> dict[str, list[Case]]:
    by_check: dict[str, list[Case]] = defaultdict(list)
    for module in pkgutil.iter_modules(tests.detection.checks.__path__):
        for case in getattr(importlib.import_module(f"tests.detection.checks.{module.name}"), "CASES", ()):
            by_check[case.check].append(case)
    return by_check


CASES = _cases()
TWICE = 2 * MINIMUM_SAVING
"""A fee that half off, or in a stronger currency, is below what findings have to save."""


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.id)
def test_every_check_is_proved(check: Check) -> None:
    outcomes: dict[str, set[object]] = defaultdict(set)
    for case in CASES[check.id]:
        outcomes[case.proves].add(case.expected)
    assert outcomes["found"] == {FOUND}
    assert outcomes["clear"] == {CLEAR}
    for parameter in check.parameters:
        if parameter.name != LOOKBACK_DAYS:  # how many days are read, not a boundary of the check
            assert outcomes[f"boundary:{parameter.name}"] >= {FOUND, CLEAR}, parameter.name
    for metric in check.metrics:
        assert outcomes[f"missing:{metric.key}"] == {UNKNOWN}, metric.key


def test_no_fee_is_too_small_to_be_found() -> None:
    fees: dict[str, list[Decimal]] = defaultdict(list)
    for (_, code, _), price in seed_prices().items():
        if price.unit is PriceUnit.MONTH:
            fees[code].append(price.amount)
    small = {check.id for check in ALL_CHECKS for code in check.prices if min(fees.get(code, [TWICE])) < TWICE}
    assert small == {check.id for check in ALL_CHECKS if check.minimum_saving != MINIMUM_SAVING}
    assert small >= {"aws.secrets.unused", "aws.route53.health_check_unused", "az.privatedns.orphan"}
    assert {CHECKS[name].minimum_saving for name in small} == {SMALL_FEE}


def _finding(check: Check) -> list[Case]:
    return [case for case in CASES[check.id] if case.expected is FOUND]


@pytest.mark.parametrize("check", [one for one in ALL_CHECKS if one.metrics], ids=lambda check: check.id)
def test_no_check_finds_by_usage_of_which_a_day_is_missing(check: Check) -> None:
    tried = 0
    for case in _finding(check):
        for key, usage in case.usages.items():
            without = case.outcome() if usage is None else replace(case, usages={**case.usages, key: None}).outcome()
            if usage is None or len(usage.values) < 3 or isinstance(without, FOUND):
                continue  # the finding does not rest on it
            place = len(usage.values) // 2
            values = (*usage.values[:place], None, *usage.values[place + 1 :])
            outcome = replace(case, usages={**case.usages, key: replace(usage, values=values)}).outcome()
            assert isinstance(outcome, UNKNOWN) or key in NEWEST_DAY, (case.name, key, outcome)
            tried += 1
    assert tried or check.id in ONE_DAY, "no case has a window of days"


@pytest.mark.parametrize("check", [one for one in ALL_CHECKS if one.absence_of], ids=lambda check: check.id)
def test_no_check_argues_with_an_absence_that_nobody_has_read(check: Check) -> None:
    unread = [replace(case, complete_types=frozenset()) for case in _finding(check)]
    alone = [replace(case, neighbours={}).outcome() for case in unread]
    outcomes = [case.outcome() for case in unread]
    assert any(isinstance(outcome, UNKNOWN) for outcome in (*outcomes, *alone)), "no finding rests on an absence"
    for case, outcome, without in zip(unread, outcomes, alone, strict=True):
        assert not isinstance(without, FOUND) or isinstance(outcome, FOUND), case.name


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.id)
def test_every_rule_can_leave_out_what_has_a_tag(check: Check) -> None:
    rule = replace(default_rule(check), excluded_tags=(TagMatch("keep"),))
    for case in _finding(check):
        tagged = replace(case, subject=replace(case.subject, tags={**case.subject.tags, "keep": "yes"}))
        assert isinstance(tagged.outcome(rule), TOO_LITTLE), case.name


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.id)
def test_money_that_nobody_knows_is_unknown_and_never_nothing(check: Check) -> None:
    for case in _finding(check):
        outcome = replace(case, prices={}).outcome()
        assert getattr(outcome, "fault", None) is None, case.name
        if isinstance(outcome, FOUND):
            saving = outcome.saving
            charged = case.cost is not None or case.charges is not None or bool(case.neighbour_costs)
            told = charged or case.advice is not None
            assert saving.amount is None or saving.is_hygiene or told, (case.name, saving)
            assert saving.amount is not None or saving.reason, case.name


@pytest.mark.parametrize("provider", CLOUDS)
def test_the_printed_policy_allows_all_that_checks_need(provider: Provider) -> None:
    policy = cloud(provider).policy()
    for check in ALL_CHECKS:
        if check.provider is provider and check.charges is None:
            needed = needed_permissions(check.id)
            assert needed, check.id
            assert [one for one in needed if one not in policy] == [], check.id


def test_ids_are_unique_and_known() -> None:
    assert len(CHECKS) == len(ALL_CHECKS)
    assert set(CASES) == set(CHECKS)


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.id)
def test_every_check_says_what_it_is(check: Check) -> None:
    for text in (check.title, check.description, check.remediation, check.saving):
        assert text.strip(), check.id
        assert text == text.strip(), check.id
    assert check.links
    assert all(link.startswith("https://") for link in check.links)
    named = {metric.days for metric in check.metrics if isinstance(metric.days, str)}
    assert named <= {parameter.name for parameter in check.parameters}
    assert all(parameter.least <= parameter.default <= parameter.most for parameter in check.parameters)
