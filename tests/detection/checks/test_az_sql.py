"""Checks of Azure SQL."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_sql import DATABASE, INSTANCE, POOL
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.sqldb.s2": ("0.10", PriceUnit.HOUR),
    "az.sqldb.s3": ("0.20", PriceUnit.HOUR),
    "az.sqldb.gp_gen5": ("0.25", PriceUnit.HOUR),
    "az.sqldb.gp_gen5.ahb": ("0.15", PriceUnit.HOUR),
    "az.sqldb.storage.gp": ("0.10", PriceUnit.GIB_MONTH),
    "az.sqlpool.standardpool.100": ("0.30", PriceUnit.HOUR),
    "az.sqlpool.gp_gen5": ("0.25", PriceUnit.HOUR),
    "az.sqlmi.gp_gen5": ("0.25", PriceUnit.HOUR),
    "az.sqlmi.storage.gp": ("0.10", PriceUnit.GIB_MONTH),
}
READ = frozenset({DATABASE})


def database(objective: str | None = "S3", tier: str = "Standard", gib: int = 100, **values: Any) -> Subject:
    given = {"name": "shop", "created_at": ago(200)}
    given |= {name: values.pop(name) for name in ("name", "status", "created_at") if name in values}
    properties = {
        "sku": {"name": tier, "tier": tier},
        "currentServiceObjectiveName": objective,
        "maxSizeBytes": gib * 2**30,
    }
    return subject(DATABASE, "/dbs/shop", **({"status": "Online"} | given), properties=properties | values)


def cores(count: int = 8, **values: Any) -> Subject:
    return database(f"GP_Gen5_{count}", "GeneralPurpose", **values)


def pool(name: str = "StandardPool", capacity: int = 100, age: float = 90) -> Subject:
    return subject(POOL, "/pools/p", created_at=ago(age), properties={"sku": {"name": name, "capacity": capacity}})


def instance(age: float = 200, status: str = "Ready", **values: Any) -> Subject:
    properties = {"sku": {"name": "GP_Gen5"}, "vCores": 16, "storageSizeInGB": 1024}
    return subject(INSTANCE, "/mis/m", status=status, created_at=ago(age), properties=properties | values)


def used(percent: float = 10, **keys: Usage | None) -> dict[str, Usage | None]:
    return {key: flat(percent, 30) for key in ("cpu", "dtu", "dataRead", "logWritten")} | keys


def of_instance(cpu: float = 10, gib: float = 100, **keys: Usage | None) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 30), "storedMegabytes": flat(gib * 1024, 30)} | keys


def idle(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "usages": {"connections": flat(0, 14)}}
    return Case("az.sqldb.idle", proves, given, expected, amount, **(plain | values))


def oversized(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "usages": used()}
    return Case("az.sqldb.oversized", proves, given, expected, amount, **(plain | values))


def empty(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": READ}
    return Case("az.sqlpool.empty", proves, given, expected, amount, **(plain | values))


def large(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": instance(), "prices": PRICES, "usages": of_instance()}
    return Case("az.sqlmi.oversized", proves, expected=expected, amount=amount, **(plain | values))


IN_POOL = {(RelationshipKind.MEMBER_OF, DATABASE): [database()]}
CASES = (
    idle("found", database(), FOUND, "146.0000"),
    idle("clear", database(), CLEAR, usages={"connections": flat(1, 14)}),
    idle("missing:connections", database(), UNKNOWN, usages={"connections": None}),
    # 8 virtual cores for 1,460 and 100 GiB for 10.
    idle("virtual cores", cores(), FOUND, "1470.0000"),
    idle("with a licence of one's own", cores(licenseType="BasePrice"), FOUND, "886.0000"),
    idle("serverless", database("GP_S_Gen5_2", "GeneralPurpose"), FOUND, "unknown"),
    idle("hyperscale", database("HS_Gen5_2", "Hyperscale"), FOUND, "unknown"),
    idle("in a pool", database(elasticPoolId="/pools/p"), CLEAR),
    idle("paused", database("GP_S_Gen5_2", status="Paused"), CLEAR),
    idle("a replica", database(secondaryType="Geo"), CLEAR),
    idle("the server's own", database(name="master"), CLEAR),
    idle("younger than the window", database(created_at=ago(10)), CLEAR),
    idle("no size", database(None), UNKNOWN),
    oversized("found", database(), FOUND, "unknown", target="s1"),
    oversized("half of it", database(), FOUND, "73.0000", target="s2", usages=used(40)),
    oversized("clear", database(), CLEAR, usages=used(90)),
    oversized("boundary:usedPercent", cores(), CLEAR, usages=used(60)),
    oversized("boundary:usedPercent", cores(), FOUND, "365.0000", usages=used(59), target="6 virtual cores"),
    oversized("missing:dtu", database(), UNKNOWN, usages=used(dtu=None)),
    oversized("missing:cpu", cores(), UNKNOWN, usages=used(cpu=None)),
    oversized("missing:dataRead", cores(), UNKNOWN, usages=used(dataRead=flat(None, 30))),
    oversized("missing:logWritten", cores(), UNKNOWN, usages=used(logWritten=None)),
    oversized("much is written", cores(), CLEAR, usages=used(logWritten=flat(70, 30))),
    oversized("too much data for a smaller size", database(gib=500), CLEAR),
    oversized("nothing smaller leaves room", database("S1"), CLEAR, usages=used(45)),
    oversized("basic", database("Basic", "Basic"), CLEAR),
    oversized("serverless", database("GP_S_Gen5_2", "GeneralPurpose"), CLEAR),
    oversized("younger than the window", database(created_at=ago(20)), CLEAR),
    empty("found", pool(), FOUND, "219.0000"),
    empty("clear", pool(), CLEAR, neighbours=IN_POOL),
    empty("boundary:minAgeDays", pool(age=7), CLEAR),
    empty("boundary:minAgeDays", pool(age=7.01), FOUND),
    empty("databases that were not read", pool(), UNKNOWN, complete_types=frozenset()),
    empty("virtual cores", pool("GP_Gen5", 4), FOUND, "730.0000"),
    # 12 virtual cores for 2,190; of 1,024 GB 128 would do, 896 for 89.60.
    large("found", FOUND, "2279.6000", target="4 virtual cores, 128 GB"),
    large("clear", CLEAR, usages=of_instance(90, 900)),
    large("boundary:cpuPercent", CLEAR, usages=of_instance(40, 900)),
    large("boundary:cpuPercent", FOUND, "1460.0000", usages=of_instance(39.9, 900), target="8 virtual cores"),
    large("boundary:storagePercent", CLEAR, usages=of_instance(90, 512)),
    large("boundary:storagePercent", FOUND, "38.4000", usages=of_instance(90, 511), target="640 GB"),
    large("missing:cpu", UNKNOWN, usages=of_instance(cpu=90) | {"cpu": None}),
    large("missing:storedMegabytes", UNKNOWN, usages=of_instance() | {"storedMegabytes": None}),
    large("of an instance pool", CLEAR, subject=instance(instancePoolId="/pool")),
    large("stopped", CLEAR, subject=instance(status="Stopped")),
    large("younger than the window", CLEAR, subject=instance(20)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
