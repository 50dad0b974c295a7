"""Cloud SQL instances: idle, larger than they have to be, highly available where nobody needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.checks.gcp_values import at, number, window, word
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, exact, has_lived
from app.detection.savings import Part, difference, hours, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

SQL: Final = "sqladmin.googleapis.com/Instance"
_PROPERTIES: Final = ("databaseId", "databaseVersion", "instanceType", "settings")
_PRICES: Final = ("gcp.sql.*",)
_DATABASE_ID: Final = (("resource.labels.database_id", "properties.databaseId"),)
_PREFIX: Final = "cloudsql.googleapis.com/database"
_CONNECTIONS: Final = Metric(
    "connections", f"{_PREFIX}/network/connections", Daily.MAXIMUM, "cloudsql_database", _DATABASE_ID
)
# Those above are told of MySQL and SQL Server alone.
_BACKENDS: Final = Metric(
    "backends", f"{_PREFIX}/postgresql/num_backends", Daily.MAXIMUM, "cloudsql_database", _DATABASE_ID
)
# Hours, as Cloud Monitoring offers percentiles of distributions alone.
_CPU: Final = Metric("cpu", f"{_PREFIX}/cpu/utilization", Daily.P95_HOURS, "cloudsql_database", _DATABASE_ID)
_MEMORY: Final = Metric("memory", f"{_PREFIX}/memory/utilization", Daily.P95_HOURS, "cloudsql_database", _DATABASE_ID)
_TIER: Final = re.compile(
    r"db-custom-(?P<cpus>\d+)-(?P<mib>\d+)|db-perf-optimized-N-(?P<fast>\d+)|db-n1-(?P<series>standard|highmem)-(?P<old>\d+)"
)
_GIB_A_CPU: Final = {"standard": Decimal("3.75"), "highmem": Decimal("6.5")}
_SHARED: Final = frozenset({"db-f1-micro", "db-g1-small"})
_FAST_SIZES: Final = (2, 4, 8, 16, 32, 48, 64, 80, 96, 128)
_FAST_GIB: Final = 8
_MIB_A_GIB: Final = 1024
_LEAST_GIB: Final = Decimal("3.75")
_MOST_GIB_A_CPU: Final = Decimal("6.5")
_LEAST_GIB_A_CPU: Final = Decimal("0.9")
_QUARTER: Final = Decimal("0.25")
_LICENSED: Final = frozenset({"WEB", "STANDARD", "ENTERPRISE"})
_LEAST_LICENSED_CPUS: Final = 4
_HEADROOM: Final = Decimal("1.2")
_TRIAL_KEYS: Final = frozenset({"env", "environment", "stage", "tier"})
_TRIAL: Final = re.compile(r"(non-?prod|dev|test|qa|stag|sandbox|demo|trial|lab)")
_PRICING: Final = "https://cloud.google.com/sql/pricing"
_METRICS: Final = "https://cloud.google.com/monitoring/api/metrics_gcp_c#gcp-cloudsql"


def _is_running(instance: Subject) -> bool:
    always = at(instance, "settings.activationPolicy") in {"ALWAYS", None}
    return instance.status == "RUNNABLE" and always and at(instance, "instanceType") != "ON_PREMISES_INSTANCE"


def _copies(instance: Subject) -> int:
    """How many machines and disks are paid: a highly available instance has two of each."""
    return 2 if at(instance, "settings.availabilityType") == "REGIONAL" else 1


def _size(tier: str) -> tuple[Decimal, Decimal] | None:
    """Virtual CPUs and GiB of a tier; None where they are not known."""
    found = _TIER.fullmatch(tier)
    if found is None:
        return None
    if found["cpus"]:
        return Decimal(found["cpus"]), Decimal(found["mib"]) / _MIB_A_GIB
    if found["fast"]:
        return Decimal(found["fast"]), Decimal(found["fast"]) * _FAST_GIB
    return Decimal(found["old"]), Decimal(found["old"]) * _GIB_A_CPU[found["series"]]


def _machine(instance: Subject, tier: str, copies: int, label: str = "") -> Iterator[Part]:
    """What the machines of an instance are billed, licences included. Raises ValueError for an unknown tier."""
    if tier in _SHARED:
        yield hours(f"gcp.sql.{tier}", f"hours{label}", copies)
        return
    size = _size(tier)
    if size is None:
        raise ValueError(tier)
    edition = str(at(instance, "settings.edition") or "ENTERPRISE").lower()
    yield hours(f"gcp.sql.{edition}.vcpu", f"virtual CPU hours{label}", size[0] * copies)
    yield hours(f"gcp.sql.{edition}.gib", f"GiB hours{label}", size[1] * copies)
    version = word(instance, "databaseVersion")
    licence = version.rpartition("_")[2]
    if version.startswith("SQLSERVER") and licence in _LICENSED:
        cpus = size[0] if licence == "WEB" else max(size[0], Decimal(_LEAST_LICENSED_CPUS))
        yield hours(f"gcp.sql.license.{licence.lower()}", f"licensed virtual CPU hours{label}", cpus)


def _storage(instance: Subject, copies: int, label: str = "") -> Part:
    kind = str(at(instance, "settings.dataDiskType") or "PD_SSD").lower()
    size = number(instance, "settings.dataDiskSizeGb") * copies
    return Part(f"gcp.sql.storage.{kind}", size, PriceUnit.GIB_MONTH, f"GiB{label}")


def _priced(facts: Facts, now: str, then: str | None = None, *, copies_then: int = 1) -> Saving:
    """All of an instance, or what it costs more as it is than as another tier or with fewer copies."""
    instance, copies = facts.subject, _copies(facts.subject)
    try:
        if then is None:
            return whole(facts, *_machine(instance, now, copies), _storage(instance, copies))
        is_now: Sequence[Part] = list(_machine(instance, now, copies, " as it is"))
        to_be = list(_machine(instance, then, copies_then, " to be"))
    except ValueError:
        why = f"What the tier {now} is made of is not known; its charges would tell what it costs."
        return whole(facts) if then is None and facts.cost is not None else unknown(why)
    if copies_then != copies:
        is_now = [*is_now, _storage(instance, copies, " as it is")]
        to_be.append(_storage(instance, copies_then, " to be"))
    return difference(facts, now=is_now, then=to_be)


def _idle(facts: Facts) -> Finding | None:
    instance = facts.subject
    if not _is_running(instance) or not has_lived(facts):
        return None
    key = "backends" if word(instance, "databaseVersion").startswith("POSTGRES") else "connections"
    most = busiest_day(facts, key)
    if most > facts.threshold("connections"):
        return None
    tier = word(instance, "settings.tier")
    return Finding(
        saving=_priced(facts, tier),
        evidence=(Evidence("tier", tier), Evidence("most connections at a time", f"{most:f}"), window(facts)),
    )


def _oversized(facts: Facts) -> Finding | None:
    instance = facts.subject
    if not _is_running(instance):
        return None
    tier = word(instance, "settings.tier")
    now = _size(tier)
    if now is None or not tier.startswith(("db-custom-", "db-perf-optimized-N-")):
        return None
    cpu, memory = exact(facts.usage("cpu").maximum) * 100, exact(facts.usage("memory").maximum) * 100
    if cpu >= facts.threshold("cpuPercent") or memory >= facts.threshold("memoryPercent"):
        return None
    target = _smaller(tier, now, now[0] * cpu / 100 * _HEADROOM, now[1] * memory / 100 * _HEADROOM)
    if target is None:
        return None
    return Finding(
        saving=_priced(facts, tier, target, copies_then=_copies(instance)),
        evidence=(
            Evidence("tier", f"{tier}: {now[0]:f} virtual CPUs, {now[1]:f} GiB"),
            Evidence("processor, p95 of the busiest day", f"{cpu:f}", "%"),
            Evidence("memory, p95 of the fullest day", f"{memory:f}", "%"),
            window(facts),
        ),
        target=target,
    )


def _smaller(tier: str, now: tuple[Decimal, Decimal], cpus: Decimal, gib: Decimal) -> str | None:
    """The smallest tier of the same kind that has so much; None where that is no smaller than what there is."""
    if not tier.startswith("db-custom-"):
        sizes = (size for size in _FAST_SIZES if size >= cpus and size * _FAST_GIB >= gib and size < now[0])
        size = next(sizes, None)
        return None if size is None else f"db-perf-optimized-N-{size}"
    least = max(cpus, gib / _MOST_GIB_A_CPU)
    count = 1 if least <= 1 else int((least / 2).to_integral_value(ROUND_CEILING)) * 2
    needed = max(gib, _LEAST_GIB, count * _LEAST_GIB_A_CPU)
    memory = (needed / _QUARTER).to_integral_value(ROUND_CEILING) * _QUARTER
    if count > now[0] or memory > now[1] or (Decimal(count), memory) == now:
        return None
    return f"db-custom-{count}-{int(memory * _MIB_A_GIB)}"


def _ha_non_production(facts: Facts) -> Finding | None:
    instance = facts.subject
    names = [f"{key}={value}" for key, value in instance.tags.items() if _says_trial(key, value)]
    if not _is_running(instance) or _copies(instance) == 1 or not names:
        return None
    tier = word(instance, "settings.tier")
    return Finding(
        saving=_priced(facts, tier, tier, copies_then=1),
        evidence=(Evidence("availability", "REGIONAL"), Evidence("label", ", ".join(sorted(names)))),
        target="ZONAL",
    )


def _says_trial(key: str, value: str) -> bool:
    return key.lower() in _TRIAL_KEYS and _TRIAL.match(value.lower()) is not None


CHECKS: Final = (
    Check(
        id="gcp.sql.idle",
        title="Cloud SQL instance that nobody connects to",
        description="There was no connection to any of its databases, yet its machine and its storage are paid.",
        provider=Provider.GCP,
        area=Area.DATABASE,
        resource_types=(SQL,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Stop the instance, which ends the payment for all but storage and addresses. If nobody misses it "
        "for some weeks, export it and delete it.",
        find=_idle,
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="All of the instance: machines, licences and storage, twice where it is highly available.",
        parameters=(
            Parameter(
                "connections",
                Decimal(0),
                "connections",
                "So many at a time are nobody's; of PostgreSQL, so many to each of its databases.",
            ),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CONNECTIONS, _BACKENDS),
        links=(_PRICING, _METRICS),
    ),
    Check(
        id="gcp.sql.oversized",
        title="Cloud SQL instance that is larger than it has to be",
        description="Processor and memory are used for a small part only, so a smaller tier does.",
        provider=Provider.GCP,
        area=Area.DATABASE,
        resource_types=(SQL,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Change the instance to the tier told as the target; it restarts. Watch it for some days.",
        find=_oversized,
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="Price of the tier less the price of the smallest that leaves a fifth of room.",
        parameters=(
            percent("cpuPercent", 40, "95 % of the hours of each day have to need less of the processor than this."),
            percent("memoryPercent", 40, "95 % of the hours of each day have to need less of the memory than this."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _MEMORY),
        links=(_PRICING, "https://cloud.google.com/sql/docs/mysql/instance-settings", _METRICS),
    ),
    Check(
        id="gcp.sql.ha_non_production",
        title="Cloud SQL instance for trials that is highly available",
        description="A label says that it is not for production, yet it is kept twice and paid twice.",
        provider=Provider.GCP,
        area=Area.DATABASE,
        resource_types=(SQL,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Change the availability of the instance to a single zone; it restarts. Keep its backups.",
        find=_ha_non_production,
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="Price of the second machine and the second copy of the storage.",
        links=(_PRICING, "https://cloud.google.com/sql/docs/mysql/high-availability"),
    ),
)
