"""Checks of clusters and pools for analysis."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_analytics import HDINSIGHT, KUSTO, POOL
from app.detection.facts import Subject
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.synapse.dwu100": ("1.20", PriceUnit.HOUR),
    "az.adx.standard_e2a_v4": ("0.20", PriceUnit.HOUR),
    "az.hdinsight.standard_d12_v2": ("0.40", PriceUnit.HOUR),
    "az.hdinsight.standard_d13_v2": ("0.50", PriceUnit.HOUR),
}
ROLES = [
    {"name": "headnode", "targetInstanceCount": 2, "hardwareProfile": {"vmSize": "Standard_D12_v2"}},
    {"name": "workernode", "targetInstanceCount": 4, "hardwareProfile": {"vmSize": "Standard_D13_v2"}},
]


def pool(name: str = "DW1000c", status: str = "Online", age: float = 90) -> Subject:
    return subject(POOL, "/pools/p", status=status, created_at=ago(age), properties={"sku": {"name": name}})


def kusto(status: str = "Running", age: float = 90) -> Subject:
    properties = {"sku": {"name": "Standard_E2a_v4", "capacity": 2}}
    return subject(KUSTO, "/clusters/k", status=status, created_at=ago(age), properties=properties)


def hdinsight(status: str = "Running", age: float = 90, roles: Any = ROLES) -> Subject:
    properties = {"computeProfile": {"roles": roles}}
    return subject(HDINSIGHT, "/clusters/h", status=status, created_at=ago(age), properties=properties)


def underused(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    used = values.pop("used", 10)
    plain: dict[str, Any] = {"subject": pool(), "prices": PRICES, "usages": {"used": flat(used, 30)}}
    return Case("az.synapse.underused", proves, expected=expected, amount=amount, **(plain | values))


def unasked(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": kusto(), "prices": PRICES, "usages": {"queries": flat(0, 7)}}
    return Case("az.adx.idle", proves, expected=expected, amount=amount, **(plain | values))


def idle(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": hdinsight(), "prices": PRICES, "usages": {"requests": flat(0, 7)}}
    return Case("az.hdinsight.idle", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    # 120 of 1,000 units are needed: 200 would do.
    underused("found", FOUND, "7008.0000", target="DW200c"),
    underused("clear", CLEAR, used=80),
    underused("boundary:usedPercent", CLEAR, used=20),
    underused("boundary:usedPercent", FOUND, used=19.9, target="DW300c"),
    underused("missing:used", UNKNOWN, usages={"used": None}),
    underused("does nothing", FOUND, "8760.0000", used=0, target="paused"),
    underused("the smallest already", CLEAR, subject=pool("DW100c")),
    underused("paused", CLEAR, subject=pool(status="Paused")),
    underused("a size that is not known", UNKNOWN, subject=pool("DS100")),
    underused("younger than the window", CLEAR, subject=pool(age=10)),
    unasked("found", FOUND, "292.0000"),
    unasked("clear", CLEAR, usages={"queries": flat(3, 7)}),
    unasked("missing:queries", UNKNOWN, usages={"queries": None}),
    unasked("stopped", CLEAR, subject=kusto("Stopped")),
    unasked("younger than the window", CLEAR, subject=kusto(age=3)),
    # Two heads for 584, four workers for 1,460.
    idle("found", FOUND, "2044.0000"),
    idle("clear", CLEAR, usages={"requests": flat(100, 7)}),
    idle("boundary:requestsPerDay", FOUND, usages={"requests": flat(0, 7)}),
    idle("boundary:requestsPerDay", CLEAR, usages={"requests": flat(1, 7)}),
    idle("missing:requests", UNKNOWN, usages={"requests": None}),
    idle("nodes that are not told", UNKNOWN, subject=hdinsight(roles=[{"name": "headnode"}])),
    idle("being deleted", CLEAR, subject=hdinsight("Deleting")),
    idle("younger than the window", CLEAR, subject=hdinsight(age=3)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
