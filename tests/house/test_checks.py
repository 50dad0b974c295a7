"""Every check is proved: it finds, it does not find, at the boundary of each threshold, and without each metric."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from decimal import Decimal

import pytest

import tests.detection.checks
from app.detection.catalogue import ALL_CHECKS, CHECKS
from app.detection.check import LOOKBACK_DAYS, MINIMUM_SAVING, SMALL_FEE, Check
from app.pricing.book import seed_prices
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case


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
