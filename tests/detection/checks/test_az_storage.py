"""Checks of storage accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_storage import ACCOUNT
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, NOW, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.storage.standard_lrs.hot": ("0.02", PriceUnit.GIB_MONTH),
    "az.storage.standard_lrs.v1": ("0.024", PriceUnit.GIB_MONTH),
    "az.storage.standard_lrs.cool": ("0.01", PriceUnit.GIB_MONTH),
}
GIB = 2.0**30


def account(kind: str = "StorageV2", sku: str = "Standard_LRS", age: float = 200, **values: Any) -> Subject:
    properties = {"sku": {"name": sku}, "kind": kind, "accessTier": "Hot", "lifecycleRules": 0}
    return subject(ACCOUNT, "/accounts/a", created_at=ago(age), properties=properties | values)


def grown(gib: float = 1000, by: float = 100) -> Usage:
    return Usage(NOW.date(), ((gib - by) * GIB,) + (gib * GIB,) * 29)


def unused(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": account(), "prices": PRICES, "usages": quiet()}
    return Case("az.storage.unused", proves, expected=expected, amount=amount, **(plain | values))


def quiet(**keys: Usage | None) -> dict[str, Usage | None]:
    return {"transactions": flat(0, 30), "capacity": flat(1000 * GIB, 30)} | keys


def ruleless(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": account(), "prices": PRICES, "usages": {"capacity": grown()}}
    return Case("az.storage.no_lifecycle", proves, expected=expected, amount=amount, **(plain | values))


def legacy(proves: str, given: Subject, expected: Any) -> Case:
    return Case("az.storage.legacy_kind", proves, given, expected, "0" if expected is FOUND else None)


CASES = (
    unused("found", FOUND, "20.0000"),
    unused("clear", CLEAR, usages=quiet(transactions=flat(1, 30))),
    unused("missing:transactions", UNKNOWN, usages=quiet(transactions=None)),
    unused("missing:capacity", UNKNOWN, usages=quiet(capacity=flat(None, 30))),
    unused("in the cool tier", FOUND, "10.0000", subject=account(accessTier="Cool")),
    unused("of the first version", FOUND, "24.0000", subject=account("Storage", accessTier=None)),
    unused("empty", FOUND, "0", usages=quiet(capacity=flat(0, 30))),
    unused("premium", FOUND, "unknown", subject=account("FileStorage", "Premium_LRS")),
    unused(
        "premium, by its charges",
        FOUND,
        "30.4375",
        subject=account("FileStorage", "Premium_LRS"),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
    unused("younger than the window", CLEAR, subject=account(age=20)),
    ruleless("found", FOUND, "5.0000"),
    ruleless("clear", CLEAR, subject=account(lifecycleRules=1)),
    ruleless("boundary:sizeGiB", CLEAR, usages={"capacity": grown(100)}, parameters={"coldPercent": Decimal(100)}),
    ruleless(
        "boundary:sizeGiB",
        FOUND,
        usages={"capacity": grown(101)},
        parameters={"coldPercent": Decimal(100)},
    ),
    ruleless("boundary:coldPercent", CLEAR, parameters={"coldPercent": Decimal(0)}),
    ruleless("boundary:coldPercent", FOUND, "10.0000", parameters={"coldPercent": Decimal(100)}),
    ruleless("missing:capacity", UNKNOWN, usages={"capacity": None}),
    ruleless("does not grow", CLEAR, usages={"capacity": flat(1000 * GIB, 30)}),
    ruleless("cool already", CLEAR, subject=account(accessTier="Cool")),
    ruleless("a kind without tiers", CLEAR, subject=account("FileStorage")),
    ruleless("rules that are not told", UNKNOWN, subject=account(lifecycleRules=None)),
    legacy("found", account("Storage"), FOUND),
    legacy("of blobs only", account("BlobStorage"), FOUND),
    legacy("clear", account(), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
