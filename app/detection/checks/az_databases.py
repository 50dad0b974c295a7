"""Open databases, Cosmos DB and caches: without connections, or larger than they need to be."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.checks.az_facts import LEARN, PRICING, listed, number, sku, told
from app.detection.checks.az_machine_sizes import next_smaller, size_of
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived, unused
from app.detection.savings import Part, difference, hours, portion, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, PriceBasis, PriceUnit, Remedy, Severity

POSTGRES: Final = "microsoft.dbforpostgresql/flexibleservers"
MYSQL: Final = "microsoft.dbformysql/flexibleservers"
COSMOS: Final = "microsoft.documentdb/databaseaccounts"
REDIS: Final = "microsoft.cache/redis"
_SHORT: Final = {POSTGRES: "pg", MYSQL: "mysql"}
_HEADROOM: Final = Decimal("1.2")
_SERVER: Final = ("sku", "storage", "highAvailability", "replicationRole")
_CONNECTIONS: Final = Metric("connections", "active_connections", Daily.MAXIMUM)
_CPU: Final = Metric("cpu", "cpu_percent", Daily.P95_HOURS)
_UNITS: Final = Metric("requestUnits", "NormalizedRUConsumption", Daily.MAXIMUM)
_CLIENTS: Final = Metric("clients", "connectedclients", Daily.MAXIMUM)
_OPERATIONS: Final = Metric("operations", "operationsPerSecond", Daily.MAXIMUM)


def _machines(server: Subject) -> int:
    """One, or two where one stands by."""
    mode = told(server.properties.get("highAvailability"), "mode")
    return 1 if mode in {None, "Disabled"} else 2


def _server_part(server: Subject, name: str | None = None) -> Part:
    size = name or sku(server)
    return hours(f"az.{_SHORT[server.resource_type]}.{size}", f"hours of {size}", _machines(server))


def _storage_part(server: Subject) -> Part:
    size = number(server, server.record("storage"), "storageSizeGB")
    code = f"az.{_SHORT[server.resource_type]}.storage"
    return Part(code, size * _machines(server), PriceUnit.GIB_MONTH, "GiB")


def _server_idle(facts: Facts) -> Finding | None:
    server = facts.subject
    if server.status != "Ready":
        return None
    shown = unused(facts, "connections", unit="connections", upto=facts.threshold("connections"))
    return None if shown is None else Finding(whole(facts, _server_part(server), _storage_part(server)), shown)


def _server_oversized(facts: Facts) -> Finding | None:
    server = facts.subject
    if server.status != "Ready" or sku(server, "tier") == "burstable" or not has_lived(facts):
        return None
    size = size_of(sku(server))
    if size is None:
        message = f"The size {sku(server)} is not in the catalogue."
        raise UnknownFactError(message)
    cpu = exact(facts.usage("cpu").maximum)
    target = next_smaller(size)
    if cpu >= facts.threshold("cpuPercent") or target is None or size.cpus * cpu / 100 * _HEADROOM > target.cpus:
        return None
    return Finding(
        saving=difference(facts, now=[_server_part(server)], then=[_server_part(server, target.name)]),
        evidence=(
            Evidence("size", f"{size.name}: {size.cpus} virtual CPUs, {size.gib:f} GiB"),
            Evidence("target", f"{target.name}: {target.cpus} virtual CPUs, {target.gib:f} GiB"),
            Evidence("processor, p95 of the busiest day", f"{cpu:.1f}", "%"),
        ),
        target=target.name,
    )


def _cosmos_overprovisioned(facts: Facts) -> Finding | None:
    account = facts.subject
    by_use = any(told(each, "name") == "EnableServerless" for each in listed(account, "capabilities"))
    if by_use or account.status != "Succeeded" or not has_lived(facts):
        return None
    used = exact(facts.usage("requestUnits").maximum)
    if used >= facts.threshold("usedPercent"):
        return None
    actual = whole(facts)
    saving = (
        portion(actual, 1 - used / 100 * _HEADROOM, "share of the request units that is not needed")
        if actual.basis is PriceBasis.ACTUAL
        else unknown("How many request units are provisioned, only its charges tell.")
    )
    evidence = (
        Evidence("busiest moment of the busiest partition", f"{used:.1f}", "% of its request units"),
        Evidence("days", str(facts.usage("requestUnits").days)),
    )
    return Finding(saving, evidence, target="autoscale, or fewer request units")


def _redis_idle(facts: Facts) -> Finding | None:
    cache = facts.subject
    if cache.status != "Succeeded":
        return None
    shown = unused(facts, "clients", unit="clients", upto=facts.threshold("clients"))
    if shown is None or unused(facts, "operations", unit="operations/s") is None:
        return None
    kind = cache.record("sku")
    size = f"{told(kind, 'family')}{told(kind, 'capacity')}".lower()
    shards = int(cache.number("shardCount")) if cache.text("shardCount") else 1
    part = hours(f"az.redis.{sku(cache)}.{size}", "hours", max(shards, 1))
    return Finding(whole(facts, part), (*shown, Evidence("operations", "none")))


_check = partial(Check, provider=Provider.AZURE, area=Area.DATABASE)


def _flexible(
    resource_type: str, what: str, id_: str, find: Callable[[Facts], Finding | None], links: tuple[str, ...]
) -> Check:
    idle = find is _server_idle
    short = _SHORT[resource_type]
    return _check(
        id=id_,
        title=f"{what} server that nobody connects to" if idle else f"{what} server on a larger size than it needs",
        description="A server without a single connection costs as much as a busy one."
        if idle
        else "Its processors are so little used that the next smaller size of the same series would do. How much of "
        "its memory it could do without is not looked at. Burstable servers are left out.",
        resource_types=(resource_type,),
        severity=Severity.HIGH if idle else Severity.MEDIUM,
        confidence=Confidence.LIKELY if idle else Confidence.POSSIBLE,
        remedy=Remedy.DELETE if idle else Remedy.RESIZE,
        remediation="Ask its owner, take a dump, then delete the server. A stopped one costs its storage only, and is "
        "started again by Azure after some days."
        if idle
        else "Scale the server to the size told as the target at a quiet hour: it restarts once. Watch how often it "
        "reads from storage: with less memory it does so more often.",
        find=find,
        properties=_SERVER,
        prices=(f"az.{short}.*",),
        saving="All of the server: hours and storage, those of a standby too."
        if idle
        else "Hours of its size less hours of the next smaller one, those of a standby too.",
        parameters=_IDLE if idle else _OVERSIZED,
        metrics=(_CONNECTIONS,) if idle else (_CPU,),
        links=links,
    )


_IDLE: Final = (
    Parameter("connections", Decimal(0), "connections", "No moment may have more; Azure's own may count."),
    days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
)
_OVERSIZED: Final = (
    percent("cpuPercent", 40, "95 % of each day has to need less of the processors than this."),
    days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
)
_PG_LINKS: Final = (PRICING + "postgresql/flexible-server/", LEARN + "postgresql/flexible-server/overview")
_MYSQL_LINKS: Final = (PRICING + "mysql/flexible-server/", LEARN + "mysql/flexible-server/overview")
CHECKS: Final = (
    _flexible(POSTGRES, "PostgreSQL", "az.pg.flex_idle", _server_idle, _PG_LINKS),
    _flexible(POSTGRES, "PostgreSQL", "az.pg.flex_oversized", _server_oversized, _PG_LINKS),
    _flexible(MYSQL, "MySQL", "az.mysql.flex_idle", _server_idle, _MYSQL_LINKS),
    _flexible(MYSQL, "MySQL", "az.mysql.flex_oversized", _server_oversized, _MYSQL_LINKS),
    _check(
        id="az.cosmos.overprovisioned",
        title="Cosmos DB account with many more request units than it uses",
        description="Provisioned request units are paid whether they are used or not, and even its busiest partition "
        "used a small part of them at its busiest moment. Serverless accounts are left out.",
        resource_types=(COSMOS,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Look at the containers one by one: let those that are busy at times only scale by themselves, "
        "lower the units of the others, and share units among small ones.",
        find=_cosmos_overprovisioned,
        properties=("capabilities",),
        saving="The share of its charges for request units that are not needed, a fifth of room left; storage, which "
        "the charges hold too, is counted with them.",
        parameters=(
            percent("usedPercent", 20, "No moment may use as much of the request units as this."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_UNITS,),
        links=(PRICING + "cosmos-db/autoscale-provisioned/", LEARN + "cosmos-db/optimize-cost-throughput"),
    ),
    _check(
        id="az.redis.idle",
        title="Redis cache that nobody uses",
        description="No client was connected and nothing was asked of it, yet each hour is paid.",
        resource_types=(REDIS,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner, export what is in it if that may be needed, then delete it.",
        find=_redis_idle,
        properties=("sku", "shardCount"),
        prices=("az.redis.*",),
        saving="All hours of the cache.",
        parameters=(
            Parameter("clients", Decimal(0), "clients", "No moment may have more; Azure's own may count."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CLIENTS, _OPERATIONS),
        links=(PRICING + "cache/", LEARN + "azure-cache-for-redis/monitor-cache-reference"),
    ),
)
