"""Checks of backups."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_backups import ITEM
from app.detection.checks.az_facts import MACHINE
from app.detection.facts import ActualCost, Subject
from app.records import RelationshipKind
from app.records.detection import PriceBasis
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

NAMED = {RelationshipKind.CREATED_FROM: [f"/providers/{MACHINE}/web-1"]}
THERE = {(RelationshipKind.CREATED_FROM, MACHINE): [subject(MACHINE, f"/providers/{MACHINE}/web-1")]}


def item(since: float | None = 90, seen: float = 700) -> Subject:
    last = None if since is None else ago(since).isoformat().replace("+00:00", ".1234567Z")
    return subject(ITEM, "/items/i", first_seen_at=ago(seen), properties={"lastRecoveryPoint": last})


def case(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"targets": NAMED, "complete_types": frozenset({MACHINE})}
    return Case("az.vault.orphan_backup", proves, given, expected, amount, **(plain | values))


CASES = (
    case("found", item(), FOUND, "unknown"),
    case("clear", item(), CLEAR, neighbours=THERE),
    case("boundary:minAgeDays", item(30), CLEAR),
    case("boundary:minAgeDays", item(30.01), FOUND),
    case("never backed up", item(None), FOUND),
    case("never backed up, just seen", item(None, 10), CLEAR),
    case("by its charges", item(), FOUND, "30.4375", basis=PriceBasis.ACTUAL, cost=ActualCost(Decimal(30), "USD", 30)),
    case("machines that were not read", item(), UNKNOWN, complete_types=frozenset()),
    case("of something else", item(), CLEAR, targets={RelationshipKind.CREATED_FROM: ["/providers/files/share"]}),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
