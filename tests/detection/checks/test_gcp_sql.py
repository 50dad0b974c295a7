"""Checks of Cloud SQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.gcp_sql import SQL
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "gcp.sql.enterprise.vcpu": ("0.04", PriceUnit.HOUR),
    "gcp.sql.enterprise.gib": ("0.01", PriceUnit.HOUR),
    "gcp.sql.enterprise_plus.vcpu": ("0.05", PriceUnit.HOUR),
    "gcp.sql.enterprise_plus.gib": ("0.01", PriceUnit.HOUR),
    "gcp.sql.db-f1-micro": ("0.01", PriceUnit.HOUR),
    "gcp.sql.license.standard": ("0.10", PriceUnit.HOUR),
    "gcp.sql.license.web": ("0.01", PriceUnit.HOUR),
    "gcp.sql.storage.pd_ssd": ("0.17", PriceUnit.GIB_MONTH),
    "gcp.sql.storage.pd_hdd": ("0.09", PriceUnit.GIB_MONTH),
}


def database(
    tier: str | None = "db-custom-4-16384",
    *,
    version: str = "POSTGRES_16",
    status: str = "RUNNABLE",
    born: float = 300,
    tags: dict[str, str] | None = None,
    **settings: Any,
) -> Subject:
    plain = {"tier": tier, "dataDiskSizeGb": 100, "dataDiskType": "PD_SSD", "availabilityType": "ZONAL"}
    properties = {"databaseId": "acme:db", "databaseVersion": version, "settings": plain | settings}
    return subject(SQL, "db", status=status, created_at=ago(born), tags=tags or {}, properties=properties)


def connections(most: float | None, *, of: str = "POSTGRES") -> dict[str, Usage | None]:
    """Google counts those of PostgreSQL by another metric, and tells nothing by the one of the others."""
    key, other = ("backends", "connections") if of == "POSTGRES" else ("connections", "backends")
    return {key: None if most is None else flat(most, 14), other: None}


def usual(cpu: float = 0.1, memory: float = 0.2) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 30), "memory": flat(memory, 30)}


def trial(key: str = "env", value: str = "dev", **settings: Any) -> Subject:
    return database(tags={key: value}, **({"availabilityType": "REGIONAL"} | settings))


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.sql.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


MYSQL = database(version="MYSQL_8_0")
CASES = (
    # 4 virtual CPUs and 16 GiB for 0.32 an hour, and 100 GiB of storage for 17.
    case("idle", "found", database(), FOUND, "250.6000", usages=connections(0)),
    case("idle", "clear", database(), CLEAR, usages=connections(20)),
    case("idle", "boundary:connections", database(), CLEAR, usages=connections(1)),
    case("idle", "boundary:connections", database(), FOUND, usages=connections(0)),
    case("idle", "missing:backends", database(), UNKNOWN, usages=connections(None)),
    case("idle", "missing:connections", MYSQL, UNKNOWN, usages=connections(None, of="MYSQL")),
    case("idle", "MySQL", MYSQL, FOUND, "250.6000", usages=connections(0, of="MYSQL")),
    case("idle", "MySQL in use", MYSQL, CLEAR, usages=connections(1, of="MYSQL")),
    case("idle", "what counts for others only", database(), UNKNOWN, usages=connections(0, of="MYSQL")),
    case("idle", "new", database(born=13), CLEAR, usages=connections(0)),
    case("idle", "stopped", database(activationPolicy="NEVER"), CLEAR, usages=connections(0)),
    case("idle", "not up", database(status="MAINTENANCE"), CLEAR, usages=connections(0)),
    case("idle", "highly available", database(availabilityType="REGIONAL"), FOUND, "501.2000", usages=connections(0)),
    case("idle", "a shared processor", database("db-f1-micro"), FOUND, "24.3000", usages=connections(0)),
    case(
        "idle", "a tier of the first generation", database("db-n1-standard-4"), FOUND, "243.3000", usages=connections(0)
    ),
    case("idle", "a hard disk", database(dataDiskType="PD_HDD"), FOUND, "242.6000", usages=connections(0)),
    # 2 virtual CPUs and 16 GiB for 0.26 an hour.
    case(
        "idle",
        "Enterprise Plus",
        database("db-perf-optimized-N-2", edition="ENTERPRISE_PLUS"),
        FOUND,
        "206.8000",
        usages=connections(0),
    ),
    # 0.08 and 0.075 an hour, and a licence for 4 virtual CPUs at least.
    case(
        "idle",
        "with a licence",
        database("db-custom-2-7680", version="SQLSERVER_2019_STANDARD"),
        FOUND,
        "422.1500",
        usages=connections(0, of="SQLSERVER"),
    ),
    case(
        "idle",
        "with a licence for each processor",
        database("db-custom-2-7680", version="SQLSERVER_2019_WEB"),
        FOUND,
        "144.7500",
        usages=connections(0, of="SQLSERVER"),
    ),
    case(
        "idle",
        "without a licence",
        database("db-custom-2-7680", version="SQLSERVER_2019_EXPRESS"),
        FOUND,
        "130.1500",
        usages=connections(0, of="SQLSERVER"),
    ),
    case("idle", "a tier that is not known", database("db-huge"), FOUND, "unknown", usages=connections(0)),
    case("idle", "no tier", database(None), UNKNOWN, usages=connections(0)),
    case(
        "idle",
        "its charges",
        database("db-huge"),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
        usages=connections(0),
    ),
    # 0.48 virtual CPUs and 3.84 GiB would do: 1 and 4 for 0.08 an hour.
    case("oversized", "found", database(), FOUND, "175.2000", target="db-custom-1-4096", usages=usual()),
    case("oversized", "clear", database(), CLEAR, usages=usual(0.7)),
    case("oversized", "boundary:cpuPercent", database(), CLEAR, usages=usual(0.4)),
    case("oversized", "boundary:cpuPercent", database(), FOUND, target="db-custom-2-4096", usages=usual(0.39)),
    case("oversized", "boundary:memoryPercent", database(), CLEAR, usages=usual(memory=0.4)),
    case("oversized", "boundary:memoryPercent", database(), FOUND, usages=usual(memory=0.39)),
    *(case("oversized", f"missing:{key}", database(), UNKNOWN, usages=usual() | {key: None}) for key in usual()),
    case("oversized", "highly available", database(availabilityType="REGIONAL"), FOUND, "350.4000", usages=usual()),
    case("oversized", "the smallest there is", database("db-custom-1-3840"), CLEAR, usages=usual(0.01, 0.01)),
    case(
        "oversized",
        "no less than a processor may have",
        database("db-custom-16-24576"),
        FOUND,
        target="db-custom-8-7424",
        usages=usual(0.39, 0.1),
    ),
    case(
        "oversized",
        "no more than a processor may have",
        database("db-custom-8-53248"),
        FOUND,
        target="db-custom-4-24832",
        usages=usual(0.1, 0.3884),
    ),
    case(
        "oversized",
        "Enterprise Plus",
        database("db-perf-optimized-N-8", edition="ENTERPRISE_PLUS"),
        FOUND,
        target="db-perf-optimized-N-2",
        usages=usual(),
    ),
    case("oversized", "the smallest of Enterprise Plus", database("db-perf-optimized-N-2"), CLEAR, usages=usual()),
    case("oversized", "a shared processor", database("db-f1-micro"), CLEAR, usages=usual()),
    case("oversized", "stopped", database(activationPolicy="NEVER"), CLEAR, usages=usual()),
    case("ha_non_production", "found", trial(), FOUND, "250.6000", target="ZONAL"),
    case("ha_non_production", "clear", trial(value="production"), CLEAR),
    case("ha_non_production", "another label", trial("team", "dev"), CLEAR),
    case("ha_non_production", "in one zone", trial(availabilityType="ZONAL"), CLEAR),
    case("ha_non_production", "by another name", trial("Environment", "Staging-2"), FOUND),
    case("ha_non_production", "a tier that is not known", trial(tier="db-huge"), FOUND, "unknown"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
