"""Azure SQL: databases that nobody uses, pools without databases, and more of them than is needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Neighbours, days, percent
from app.detection.checks.az_facts import LEARN, PRICING, capacity, shown_since, sku
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact, has_lived, latest, required, unused
from app.detection.savings import Part, difference, hours, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

DATABASE: Final = "microsoft.sql/servers/databases"
POOL: Final = "microsoft.sql/servers/elasticpools"
INSTANCE: Final = "microsoft.sql/managedinstances"
_SYSTEM: Final = frozenset({"master", "tempdb"})
_DTUS: Final[Mapping[str, int]] = MappingProxyType(
    {"s0": 10, "s1": 20, "s2": 50, "s3": 100, "s4": 200, "s6": 400, "s7": 800, "s9": 1600, "s12": 3000}
    | {"p1": 125, "p2": 250, "p4": 500, "p6": 1000, "p11": 1750, "p15": 4000}
)
_SMALL: Final = frozenset({"s0", "s1", "s2"})
_SMALL_GIB: Final = 250
"""The most that the three smallest sizes of the Standard tier can hold."""
_VIRTUAL_CORES: Final = tuple(map(Decimal, (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 32, 40, 80)))
_INSTANCE_CORES: Final = tuple(map(Decimal, (4, 8, 16, 24, 32, 40, 64, 80)))
_FREE_GIB: Final = Decimal(32)
"""Of a managed instance; storage is added 32 GB at a time."""
_HEADROOM: Final = Decimal("1.2")
_KIND: Final = ("sku", "currentServiceObjectiveName", "elasticPoolId", "licenseType", "maxSizeBytes", "secondaryType")
_BY_USE: Final = "A serverless database is paid by use, which only its charges tell."
_MIB_A_GIB: Final = 1024
_CONNECTIONS: Final = Metric("connections", "connection_successful", Daily.SUM, silent_at_zero=True)
_CPU: Final = Metric("cpu", "cpu_percent", Daily.P95_HOURS)
_DTU: Final = Metric("dtu", "dtu_consumption_percent", Daily.P95_HOURS)
_READ: Final = Metric("dataRead", "physical_data_read_percent", Daily.P95_HOURS)
_LOG: Final = Metric("logWritten", "log_write_percent", Daily.P95_HOURS)
_INSTANCE_CPU: Final = Metric("cpu", "avg_cpu_percent", Daily.P95_HOURS)
_STORED: Final = Metric("storedMegabytes", "storage_space_used_mb", Daily.AVERAGE)


def _objective(database: Subject) -> str:
    """Its size as Azure names it: `s3`, `gp_gen5_4`, `gp_s_gen5_2`."""
    return required(database, "currentServiceObjectiveName").lower()


def _own_licence(subject: Subject) -> str:
    return ".ahb" if subject.text("licenseType") == "BasePrice" else ""


def _cores_part(database: Subject, cores: Decimal) -> Part:
    kind = _objective(database).rpartition("_")[0]
    return hours(f"az.sqldb.{kind}{_own_licence(database)}", "virtual core hours", cores)


def _cores(database: Subject) -> Decimal | None:
    """The virtual cores of a database; None of one that is paid by DTUs."""
    kind, _, count = _objective(database).rpartition("_")
    return Decimal(count) if kind and count.isdigit() else None


def _database_cost(facts: Facts) -> Saving:
    database = facts.subject
    name, cores = _objective(database), _cores(database)
    if cores is None:
        return whole(facts, hours(f"az.sqldb.{name}", "hours"))
    tier = name.partition("_")[0]
    if facts.cost is None and (_is_serverless(database) or tier == "hs"):
        return unknown(_BY_USE if _is_serverless(database) else "Hyperscale storage is paid by what is used.")
    size = database.number("maxSizeBytes") / GIB
    storage = Part(f"az.sqldb.storage.{tier}", size, PriceUnit.GIB_MONTH, "GiB")
    return whole(facts, _cores_part(database, cores), storage)


def _is_serverless(database: Subject) -> bool:
    return "_s_" in _objective(database)


def _is_judged(database: Subject) -> bool:
    """Whether a database has a bill of its own for being online: members of a pool have none."""
    is_own = database.name.lower() not in _SYSTEM and database.text("elasticPoolId") is None
    return is_own and database.status == "Online" and sku(database, "tier") not in {"system", "datawarehouse", "free"}


def _idle(facts: Facts) -> Finding | None:
    # A replica is there to take over.
    if not _is_judged(facts.subject) or facts.subject.text("secondaryType") is not None:
        return None
    shown = unused(facts, "connections", unit="connections")
    return None if shown is None else Finding(_database_cost(facts), shown)


def _oversized(facts: Facts) -> Finding | None:
    database = facts.subject
    if not _is_judged(database) or _is_serverless(database) or not has_lived(facts):
        return None
    cores = _cores(database)
    name = _objective(database)
    if cores is None and name not in _DTUS:
        return None  # Basic is the smallest
    keys = ("dtu",) if cores is None else ("cpu", "dataRead", "logWritten")
    used = {key: exact(facts.usage(key).maximum) for key in keys}
    if max(used.values()) >= facts.threshold("usedPercent"):
        return None
    target = _dtu_target(database, used["dtu"]) if cores is None else _cores_target(cores, max(used.values()))
    if target is None:
        return None
    now, then = (
        (hours(f"az.sqldb.{name}", f"hours of {name}"), hours(f"az.sqldb.{target}", f"hours of {target}"))
        if cores is None
        else (_cores_part(database, cores - Decimal(target)), None)
    )
    stays = [] if cores is None else [_cores_part(database, Decimal(target))]
    return Finding(
        saving=difference(facts, now=[now], then=[then] if then else [], beside=stays),
        evidence=(
            Evidence("size", name),
            *(Evidence(f"{key}, p95 of the busiest day", f"{value:.1f}", "%") for key, value in used.items()),
        ),
        target=target if cores is None else f"{target} virtual cores",
    )


def _dtu_target(database: Subject, used: Decimal) -> str | None:
    """The smallest size of the same tier that leaves a fifth of room, where the data would fit."""
    name = _objective(database)
    needed = _DTUS[name] * used / 100 * _HEADROOM
    size = database.number("maxSizeBytes") / GIB
    for other, dtus in _DTUS.items():
        fits = other not in _SMALL or size <= _SMALL_GIB
        if other[0] == name[0] and needed <= dtus < _DTUS[name] and fits:
            return other
    return None


def _cores_target(cores: Decimal, used: Decimal, steps: tuple[Decimal, ...] = _VIRTUAL_CORES) -> str | None:
    needed = cores * used / 100 * _HEADROOM
    return next((f"{step:f}" for step in steps if needed <= step < cores), None)


def _empty_pool(facts: Facts) -> Finding | None:
    pool = facts.subject
    since = pool.created_at or pool.first_seen_at
    if facts.related(RelationshipKind.MEMBER_OF, DATABASE) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    facts.none_other(DATABASE)
    name, count = sku(pool), capacity(pool, otherwise=0)
    by_dtus = name.endswith("pool")
    part = (
        hours(f"az.sqlpool.{name}.{count}", "hours")
        if by_dtus
        else hours(f"az.sqlpool.{name}{_own_licence(pool)}", "virtual core hours", count)
    )
    return Finding(whole(facts, part), (Evidence("databases", "0"), shown_since(since)))


def _oversized_instance(facts: Facts) -> Finding | None:
    instance = facts.subject
    if instance.status != "Ready" or instance.text("instancePoolId") is not None or not has_lived(facts):
        return None
    cores, size = instance.number("vCores"), instance.number("storageSizeInGB")
    cpu, stored = exact(facts.usage("cpu").maximum), latest(facts, "storedMegabytes") / _MIB_A_GIB
    kind = f"{sku(instance)}{_own_licence(instance)}"
    parts: list[Part] = []
    targets: list[str] = []
    target = _cores_target(cores, cpu, _INSTANCE_CORES) if cpu < facts.threshold("cpuPercent") else None
    if target is not None:
        parts.append(hours(f"az.sqlmi.{kind}", "virtual core hours less", cores - Decimal(target)))
        targets.append(f"{target} virtual cores")
    needed = max(Decimal(math.ceil(stored * _HEADROOM / _FREE_GIB)) * _FREE_GIB, _FREE_GIB)
    if stored * 100 < size * facts.threshold("storagePercent") and needed < size:
        tier = sku(instance).partition("_")[0]
        parts.append(Part(f"az.sqlmi.storage.{tier}", size - needed, PriceUnit.GIB_MONTH, "GB less"))
        targets.append(f"{needed:f} GB")
    if not parts:
        return None
    return Finding(
        saving=difference(facts, now=parts, then=[]),
        evidence=(
            Evidence("processor, p95 of the busiest day", f"{cpu:.1f}", f"% of {cores:f} virtual cores"),
            Evidence("stored", f"{stored:.0f}", f"of {size:f} GB"),
        ),
        target=", ".join(targets),
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.DATABASE)
_PRICES_OF_DATABASES: Final = PRICING + "azure-sql-database/single/"
_LOOK: Final = days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90)
CHECKS: Final = (
    _check(
        id="az.sqldb.idle",
        title="Database that nobody connects to",
        description="A database without a single connection costs as much as a busy one. Members of elastic pools and "
        "replicas are left out.",
        resource_types=(DATABASE,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner, export it to a storage account, then delete it. If it is needed now and then, make "
        "it serverless: it pauses by itself.",
        find=_idle,
        properties=_KIND,
        prices=("az.sqldb.*",),
        saving="All of the database: its hours, and its storage where that is paid apart.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days have to pass without a connection.", most=90),),
        metrics=(_CONNECTIONS,),
        links=(_PRICES_OF_DATABASES, LEARN + "azure-sql/database/serverless-tier-overview"),
    ),
    _check(
        id="az.sqldb.oversized",
        title="Database on a larger size than it needs",
        description="It uses so little of its DTUs, or of processor, reads and log of its virtual cores, that a "
        "smaller size of the same tier would do.",
        resource_types=(DATABASE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Scale the database to the target; connections are cut once, for some seconds.",
        find=_oversized,
        properties=_KIND,
        prices=("az.sqldb.*",),
        saving="Hours of its size less hours of the smallest that leaves a fifth of room.",
        parameters=(percent("usedPercent", 60, "95 % of each day has to use less than this of all of them."), _LOOK),
        metrics=(_CPU, _DTU, _READ, _LOG),
        links=(_PRICES_OF_DATABASES, LEARN + "azure-sql/database/scale-resources"),
    ),
    _check(
        id="az.sqlpool.empty",
        title="Elastic pool without databases",
        description="A pool is paid by the hour, whether databases are in it or not.",
        resource_types=(POOL,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Make sure that no database is about to be moved into it, then delete the pool.",
        find=_empty_pool,
        properties=("sku", "licenseType"),
        prices=("az.sqlpool.*",),
        saving="All hours of the pool.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there."),),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, DATABASE),),
        absence_of=(DATABASE,),
        links=(PRICING + "azure-sql-database/elastic/", LEARN + "azure-sql/database/elastic-pool-overview"),
    ),
    _check(
        id="az.sqlmi.oversized",
        title="Managed instance that is larger than it has to be",
        description="Its processors are hardly used, or its storage is mostly empty. Members of instance pools are "
        "left out.",
        resource_types=(INSTANCE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Scale it to the target at a quiet hour: it takes a while, and connections are cut once at the "
        "end. Fewer virtual cores also mean less memory.",
        find=_oversized_instance,
        properties=("sku", "vCores", "storageSizeInGB", "licenseType", "instancePoolId"),
        prices=("az.sqlmi.*",),
        saving="Price of the virtual cores and of the storage that are not needed, a fifth of room left.",
        parameters=(
            percent("cpuPercent", 40, "95 % of each day has to need less of the processors than this."),
            percent("storagePercent", 50, "Less than this of the storage has to be used."),
            _LOOK,
        ),
        metrics=(_INSTANCE_CPU, _STORED),
        links=(
            PRICING + "azure-sql-managed-instance/single/",
            LEARN + "azure-sql/managed-instance/resource-limits",
        ),
    ),
)
