"""How much the demo's machines, databases and gateways are used: invented like all else, a value a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from app.demo.estate import Resource, between
from app.demo.stored import GIB
from app.detection.catalogue import checks_of
from app.detection.check import Daily, Metric, signature
from app.models import now
from app.recommendations.usage_plan import metrics_of
from app.records.usage import StoredUsage

DAYS = 30
IDLE, LARGE, OFFICE, BUSY = "idle", "large", "office", "busy"
SAMPLES_A_DAY = 288
_MEASURED = frozenset(
    {
        "AWS::EC2::Instance",
        "AWS::EC2::NatGateway",
        "AWS::RDS::DBInstance",
        "microsoft.compute/virtualmachines",
        "compute.googleapis.com/Instance",
        "sqladmin.googleapis.com/Instance",
    }
)
_USES = {1: IDLE, 2: LARGE, 3: OFFICE}
"""Of so many in twenty; all others have work to do."""
_OF = 20
_PERCENT = {IDLE: (1, 3), LARGE: (9, 16), OFFICE: (45, 60), BUSY: (55, 85)}
_MEGABYTES = {IDLE: (1, 2), LARGE: (900, 1500), OFFICE: (900, 1500), BUSY: (2000, 9000)}
_MEMORY_GIB = {"Standard_B2ms": 8, "Standard_E4s_v5": 32}
_WORKING_HOURS = range(7, 18)
_SATURDAY = 5


def use_of(resource: Resource) -> str:
    """What a resource is used for: nothing, little, office hours only, or work by day and night."""
    if resource.name == "unused-egress":
        return IDLE
    if resource.kind.inventory_type == "AWS::EC2::NatGateway" or resource.environment != "production":
        return BUSY
    return _USES.get(between(1, _OF, resource.id, "use"), BUSY)


def usages(resources: Sequence[Resource], ids: Mapping[str, UUID], today: date) -> Iterator[StoredUsage]:
    """The days before today of all that checks read of what runs; `ids` are ours, by the ids of bills."""
    first, read_at = today - timedelta(days=DAYS), now()
    days = [first + timedelta(days=number) for number in range(DAYS)]
    for one in resources:
        if one.kind.inventory_type not in _MEASURED or one.status in {"stopped", "halted"} or one.id not in ids:
            continue
        for name, metric in _metrics(one.kind.inventory_type).items():
            values = [_value(one, metric, day) for day in days]
            yield StoredUsage(ids[one.id], name, first, values, [SAMPLES_A_DAY] * DAYS, read_at)


def _metrics(resource_type: str) -> Mapping[str, Metric]:
    """What the checks of a type read, as it is stored."""
    found = [metric for check in checks_of(resource_type) for metric in metrics_of(check, resource_type)]
    return {signature(metric): metric for metric in found if metric.key in _VALUES}


def _value(one: Resource, metric: Metric, day: date) -> float:
    use = use_of(one)
    key = _VALUES[metric.key]
    if key in _DRAWN:
        return _DRAWN[key](one, metric, day)
    percent = float(between(*_PERCENT[use], one.id, metric.key, day))
    if key == "free":
        return (100 - percent) / 100 * _MEMORY_GIB.get(one.variant[0], 16) * GIB
    if key == "share" and one.kind.provider == "GCP":
        return percent / 100
    return min(percent * 1.2, 100) if metric.daily is Daily.MAXIMUM and use != IDLE else percent


_VALUES = {
    "cpu": "share",
    "memory": "percent",
    "received": "bytes",
    "sent": "bytes",
    "taken": "bytes",
    "quietHours": "hours",
    "connections": "connections",
    "backends": "connections",
    "freeMemory": "free",
}
"""By the keys of metrics, what kind of value each has."""


def _connections(one: Resource, metric: Metric, day: date) -> float:
    return 0.0 if use_of(one) == IDLE else float(between(4, 40, one.id, metric.key, day))


def _bytes(one: Resource, metric: Metric, day: date) -> float:
    return float(between(*_MEGABYTES[use_of(one)], one.id, metric.key, day) * 1_000_000)


def _hours(one: Resource, _: Metric, day: date) -> float:
    return float(_quiet_hours(use_of(one), day))


_DRAWN = {"connections": _connections, "bytes": _bytes, "hours": _hours}


def _quiet_hours(use: str, day: date) -> int:
    """The hours of a day in which the processor rested, as QUIET_HOURS tells them."""
    if use == IDLE:
        return 2**24 - 1
    if use != OFFICE:
        return 0
    working = () if day.weekday() >= _SATURDAY else _WORKING_HOURS
    return sum(1 << hour for hour in range(24) if hour not in working)
