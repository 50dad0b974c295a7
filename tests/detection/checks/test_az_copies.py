"""Checks of snapshots and images."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_copies import IMAGE, SNAPSHOT, VERSION
from app.detection.checks.az_facts import MACHINE, SCALE_SET
from app.detection.facts import ActualCost, Subject
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {
    "az.snapshot.standard_lrs": ("0.05", PriceUnit.GIB_MONTH),
    "az.snapshot.standard_zrs": ("0.06", PriceUnit.GIB_MONTH),
    "az.snapshot.premium_lrs": ("0.12", PriceUnit.GIB_MONTH),
}
READ = frozenset({MACHINE, SCALE_SET})


def snapshot(kind: str = "Standard_LRS", age: float = 200, **values: Any) -> Subject:
    properties = {"sku": {"name": kind}, "diskSizeGB": 100, "incremental": False, "resourceGroup": "prod"}
    return subject(SNAPSHOT, "/snapshots/s", created_at=ago(age), properties=properties | values)


def image(age: float = 200, **values: Any) -> Subject:
    profile = {"osDisk": {"diskSizeGB": 60}, "dataDisks": [{"diskSizeGB": 40}]}
    return subject(IMAGE, "/images/i", created_at=ago(age), properties={"storageProfile": profile} | values)


def version(age: float = 200) -> Subject:
    regions = [
        {"name": "westeurope", "regionalReplicaCount": 2, "storageAccountType": "Standard_ZRS"},
        {"name": "northeurope", "regionalReplicaCount": 1},
    ]
    properties = {
        "storageProfile": {"osDiskImage": {"sizeInGB": 100}},
        "publishingProfile": {"targetRegions": regions},
    }
    return subject(VERSION, "/versions/1", created_at=ago(age), properties=properties)


def made(kind: str) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(RelationshipKind.CREATED_FROM, kind): [subject(kind, "/made")]}


def newer(age: float = 10) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(RelationshipKind.MEMBER_OF, VERSION): [subject(VERSION, "/versions/2", created_at=ago(age))]}


def old(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("az.snapshot.old", proves, given, expected, amount, prices=PRICES, **values)


def premium(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.snapshot.premium", proves, given, expected, amount, prices=PRICES)


def unused(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": READ}
    return Case("az.image.unused", proves, given, expected, amount, **(plain | values))


CASES = (
    old("found", snapshot(), FOUND, "5.0000"),
    old("clear", snapshot(age=10), CLEAR),
    old("boundary:minAgeDays", snapshot(age=90), CLEAR),
    old("boundary:minAgeDays", snapshot(age=90.01), FOUND),
    old("incremental", snapshot(incremental=True), FOUND, "unknown"),
    old(
        "incremental, by its charges",
        snapshot(incremental=True),
        FOUND,
        "2.0292",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(2), "USD", 30),
    ),
    old("kept by Azure Backup", snapshot(resourceGroup="AzureBackupRG_westeurope_1"), CLEAR),
    old("no SKU", snapshot(sku=None), UNKNOWN),
    premium("found", snapshot("Premium_LRS"), FOUND, "7.0000"),
    premium("clear", snapshot(), CLEAR),
    premium("incremental", snapshot("Premium_LRS", incremental=True), FOUND, "unknown"),
    premium("kept by Azure Backup", snapshot("Premium_LRS", resourceGroup="AzureBackupRG_x"), CLEAR),
    unused("found", image(), FOUND, "5.0000"),
    unused("clear", image(), CLEAR, neighbours=made(MACHINE)),
    unused("boundary:minAgeDays", image(90), CLEAR),
    unused("boundary:minAgeDays", image(90.01), FOUND),
    unused("a scale set is made from it", image(), CLEAR, neighbours=made(SCALE_SET)),
    unused("machines that were not read", image(), UNKNOWN, complete_types=frozenset({SCALE_SET})),
    unused("sets that were not read", image(), UNKNOWN, complete_types=frozenset({MACHINE})),
    unused("a size that is not told", image(storageProfile={"osDisk": {"osType": "Linux"}}), UNKNOWN),
    # 100 GiB: two copies with zones for 12, one without for 5.
    unused("an old version", version(), FOUND, "17.0000", neighbours=newer()),
    unused("the newest version", version(), CLEAR, neighbours=newer(300)),
    unused("the only version", version(), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
