"""No check saves more than the bills of the resources that it is about, whatever their prices are."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from uuid import UUID

import pytest

from app.detection.catalogue import CHECKS
from app.detection.facts import ActualCost
from app.detection.finding import Finding
from app.detection.rule import default_rule
from app.records.detection import DAYS_A_MONTH, PriceBasis
from tests.detection import checks
from tests.detection.cases import Case

CENT = ActualCost(Decimal("0.01") * 30 / DAYS_A_MONTH, "USD", 30, Decimal(0))
"""A bill of a cent a month."""
ROUNDED = Decimal("0.0101")
ELSEWHERE = {
    "az.vm.sql_no_ahb": "The licence is on the bill of the machine.",
    "aws.emr.idle": "Its machines have bills of their own, of instances that the inventory tells nothing of.",
    "az.vm.deallocated_long": "Only the number of its public addresses is known.",
    "aws.elasticache.group_idle": "A group has no bill; test_aws_elasticache has it with its clusters.",
    "aws.elasticache.group_oversized": "As above.",
}
"""Checks of money that is on the bill of something else, and why."""


def billed() -> Iterator[Case]:
    """Cases that find money by prices, each resource with a bill of a cent.

    No bills name users of Microsoft 365, and what an adviser expects to be saved is told as it says it.
    """
    for module in pkgutil.iter_modules(checks.__path__):
        for case in getattr(import_module(f"tests.detection.checks.{module.name}"), "CASES", ()):
            is_told = case.amount not in {None, "unknown"} and case.basis is not PriceBasis.ACTUAL and not case.cost
            is_own = not case.check.startswith("m365.") and case.check not in ELSEWHERE and case.advice is None
            if is_told and is_own and Decimal(case.amount) > 1 and CHECKS[case.check].charges is None:
                yield with_bills(case)


def with_bills(case: Case) -> Case:
    """The case with neighbours that can be told apart."""
    number = 100
    neighbours = {}
    for place, there in case.neighbours.items():
        neighbours[place] = [replace(each, id=UUID(int=(number := number + 1))) for each in there]
    costs = {each.id: CENT for there in neighbours.values() for each in there}
    return replace(case, cost=CENT, neighbours=neighbours, neighbour_costs=costs)


BILLED = tuple(billed())


def test_most_checks_are_held_against_bills() -> None:
    assert len({case.check for case in BILLED}) > 120
    assert ELSEWHERE.keys() <= CHECKS.keys()


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{n}-{case.name}") for n, case in enumerate(BILLED)])
def test_no_more_is_saved_than_is_billed(case: Case) -> None:
    finding = case.outcome(replace(default_rule(CHECKS[case.check]), minimum_saving=Decimal(0)))
    assert isinstance(finding, Finding)
    bills = 1 + len(case.neighbour_costs)
    assert finding.saving.amount is not None
    assert finding.saving.amount <= ROUNDED * bills, finding.saving
    assert finding.saving.basis is PriceBasis.ACTUAL
