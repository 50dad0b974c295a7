"""Checks of open databases, Cosmos DB and caches."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_databases import COSMOS, MYSQL, POSTGRES, REDIS
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.pg.standard_d4s_v3": ("0.40", PriceUnit.HOUR),
    "az.pg.standard_d2s_v3": ("0.20", PriceUnit.HOUR),
    "az.pg.storage": ("0.10", PriceUnit.GIB_MONTH),
    "az.mysql.standard_d4s_v3": ("0.40", PriceUnit.HOUR),
    "az.mysql.standard_d2s_v3": ("0.20", PriceUnit.HOUR),
    "az.mysql.storage": ("0.10", PriceUnit.GIB_MONTH),
    "az.redis.premium.p1": ("0.50", PriceUnit.HOUR),
    "az.redis.standard.c1": ("0.10", PriceUnit.HOUR),
}
KINDS = {"pg": POSTGRES, "mysql": MYSQL}
CHARGES = ActualCost(Decimal(300), "USD", 30)


def server(short: str, size: str = "Standard_D4s_v3", **values: Any) -> Subject:
    given = {"status": "Ready", "created_at": ago(200)}
    given |= {name: values.pop(name) for name in ("status", "created_at") if name in values}
    properties = {
        "sku": {"name": size, "tier": values.pop("tier", "GeneralPurpose")},
        "storage": {"storageSizeGB": 100},
        "highAvailability": {"mode": "Disabled"},
    }
    return subject(KINDS[short], "/servers/s", properties=properties | values, **given)


def cosmos(age: float = 200, status: str = "Succeeded", **values: Any) -> Subject:
    return subject(COSMOS, "/accounts/a", status=status, created_at=ago(age), properties=values)


def redis(name: str = "Standard", family: str = "C", age: float = 200, **values: Any) -> Subject:
    properties = {"sku": {"name": name, "family": family, "capacity": 1}}
    status = values.pop("status", "Succeeded")
    return subject(REDIS, "/caches/c", status=status, created_at=ago(age), properties=properties | values)


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"az.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def connected(count: float | None) -> dict[str, Usage | None]:
    return {"connections": flat(count, 14)}


def busy(cpu: float | None) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 30)}


def of_each(short: str) -> tuple[Case, ...]:
    idle, oversized = f"{short}.flex_idle", f"{short}.flex_oversized"
    return (
        # An hour for 292, 100 GiB for 10.
        case(idle, "found", server(short), FOUND, "302.0000", usages=connected(0)),
        case(idle, "clear", server(short), CLEAR, usages=connected(50)),
        case(idle, "boundary:connections", server(short), FOUND, usages=connected(0)),
        case(idle, "boundary:connections", server(short), CLEAR, usages=connected(1)),
        case(idle, "missing:connections", server(short), UNKNOWN, usages=connected(None)),
        case(
            idle,
            "with a standby",
            server(short, highAvailability={"mode": "ZoneRedundant"}),
            FOUND,
            "604.0000",
            usages=connected(0),
        ),
        case(idle, "storage that is not told", server(short, storage={}), UNKNOWN, usages=connected(0)),
        case(idle, "stopped", server(short, status="Stopped"), CLEAR, usages=connected(0)),
        case(idle, "younger than the window", server(short, created_at=ago(10)), CLEAR, usages=connected(0)),
        case(oversized, "found", server(short), FOUND, "146.0000", usages=busy(10), target="standard_d2s_v3"),
        case(oversized, "clear", server(short), CLEAR, usages=busy(90)),
        case(oversized, "boundary:cpuPercent", server(short), CLEAR, usages=busy(40)),
        case(oversized, "boundary:cpuPercent", server(short), FOUND, usages=busy(39.9)),
        case(oversized, "missing:cpu", server(short), UNKNOWN, usages=busy(None)),
        case(oversized, "the smallest already", server(short, "Standard_D2s_v3"), CLEAR, usages=busy(10)),
        case(oversized, "not half of it", server(short, "Standard_D64s_v3"), CLEAR, usages=busy(70)),
        case(oversized, "burstable", server(short, "Standard_B2ms", tier="Burstable"), CLEAR, usages=busy(10)),
        case(oversized, "a size that is not known", server(short, "Standard_X9"), UNKNOWN, usages=busy(10)),
        case(oversized, "stopped", server(short, status="Stopped"), CLEAR, usages=busy(10)),
        case(oversized, "younger than the window", server(short, created_at=ago(20)), CLEAR, usages=busy(10)),
    )


def units(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"given": cosmos(), "usages": {"requestUnits": flat(10, 14)}}
    return case("cosmos.overprovisioned", proves, expected=expected, amount=amount, **(plain | values))


def cache(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"given": redis(), "usages": nothing()}
    return case("redis.idle", proves, expected=expected, amount=amount, **(plain | values))


def nothing(**keys: Usage | None) -> dict[str, Usage | None]:
    return {"clients": flat(0, 14), "operations": flat(0, 14)} | keys


CASES = (
    *of_each("pg"),
    *of_each("mysql"),
    # 88 % of 304.375 a month.
    units("found", FOUND, "267.8500", basis=PriceBasis.ACTUAL, cost=CHARGES),
    units("clear", CLEAR, usages={"requestUnits": flat(90, 14)}),
    units("boundary:usedPercent", CLEAR, usages={"requestUnits": flat(20, 14)}),
    units("boundary:usedPercent", FOUND, usages={"requestUnits": flat(19.9, 14)}),
    units("missing:requestUnits", UNKNOWN, usages={"requestUnits": None}),
    units("no charges", FOUND, "unknown"),
    units("serverless", CLEAR, given=cosmos(capabilities=[{"name": "EnableServerless"}])),
    units("being made", CLEAR, given=cosmos(status="Creating")),
    units("younger than the window", CLEAR, given=cosmos(10)),
    cache("found", FOUND, "73.0000"),
    cache("clear", CLEAR, usages=nothing(operations=flat(5, 14))),
    cache("boundary:clients", FOUND, usages=nothing(clients=flat(0, 14))),
    cache("boundary:clients", CLEAR, usages=nothing(clients=flat(1, 14))),
    cache("missing:clients", UNKNOWN, usages=nothing(clients=None)),
    cache("missing:operations", UNKNOWN, usages=nothing(operations=flat(None, 14))),
    cache("in shards", FOUND, "1095.0000", given=redis("Premium", "P", shardCount=3)),
    cache("being made", CLEAR, given=redis(status="Creating")),
    cache("younger than the window", CLEAR, given=redis(age=10)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
