"""Checks of reserved capacity and dedicated hosts."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_capacity import GROUP, HOST, RESERVATION
from app.detection.checks.az_facts import MACHINE, SCALE_SET
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {
    "az.vm.standard_d2s_v5.linux": ("0.10", PriceUnit.HOUR),
    "az.host.dsv3-type1": ("4", PriceUnit.HOUR),
}
READ = frozenset({MACHINE, SCALE_SET, RESERVATION})
Near = dict[tuple[RelationshipKind, str], list[Subject]]


def group(since: float = 90, **values: Any) -> Subject:
    return subject(GROUP, "/groups/g", changed_at={"virtualMachinesAssociated": ago(since)}, properties=values)


def reserved(count: int = 3) -> Near:
    kept = subject(RESERVATION, "/groups/g/r", properties={"sku": {"name": "Standard_D2s_v5", "capacity": count}})
    return {(RelationshipKind.MEMBER_OF, RESERVATION): [kept]}


def placed(kind: str = MACHINE) -> Near:
    return {(RelationshipKind.MEMBER_OF, kind): [subject(kind, "/vms/vm")]}


def host(since: float = 90, **values: Any) -> Subject:
    properties = {"sku": {"name": "DSv3-Type1"}, "virtualMachines": []}
    changed = {"virtualMachines": ago(since)}
    return subject(HOST, "/hosts/h", changed_at=changed, properties=properties | values)


def kept(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": group(), "prices": PRICES, "neighbours": reserved(), "complete_types": READ}
    return Case("az.capacity_reservation_empty", proves, expected=expected, amount=amount, **(plain | values))


def empty(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": host(), "prices": PRICES, "complete_types": READ}
    return Case("az.host.empty", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    kept("found", FOUND, "219.0000"),
    kept("clear", CLEAR, subject=group(virtualMachinesAssociated=[{"id": "/vms/vm"}])),
    kept("boundary:minAgeDays", CLEAR, subject=group(7)),
    kept("boundary:minAgeDays", FOUND, subject=group(7.01)),
    kept("a machine says so", CLEAR, neighbours=reserved() | placed()),
    kept("a scale set says so", CLEAR, neighbours=reserved() | placed(SCALE_SET)),
    kept("nothing reserved", CLEAR, neighbours=reserved(0)),
    kept("reservations that were not read", UNKNOWN, complete_types=READ - {RESERVATION}),
    kept("machines that were not read", UNKNOWN, complete_types=READ - {MACHINE}),
    kept("what was left out", UNKNOWN, subject=group(leftOut=["virtualMachinesAssociated"])),
    empty("found", FOUND, "2920.0000"),
    empty("clear", CLEAR, subject=host(virtualMachines=[{"id": "/vms/vm"}])),
    empty("boundary:minAgeDays", CLEAR, subject=host(1)),
    empty("boundary:minAgeDays", FOUND, subject=host(1.01)),
    empty("a machine says so", CLEAR, neighbours=placed()),
    empty("machines that were not read", UNKNOWN, complete_types=frozenset()),
    empty("no SKU", UNKNOWN, subject=host(sku=None)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
