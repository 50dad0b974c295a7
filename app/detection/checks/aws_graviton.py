"""What could run on AWS's own Arm processors: instances, databases, caches, functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Neighbours, days
from app.detection.checks import aws_elasticache, aws_lambda, aws_rds
from app.detection.checks.aws_ebs import INSTANCE
from app.detection.checks.aws_ec2 import EC2_PRICES, GROUP, ON_DEMAND_PRICING
from app.detection.checks.aws_instance_types import (
    ARM_FAMILIES,
    PRICED,
    InstanceType,
    equivalent,
    instance_type,
    is_on_demand,
    machine,
    system_of,
    type_of,
)
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import required
from app.detection.savings import Part, difference
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

_X86: Final = "x86_64"
_AVAILABLE: Final = "available"
_LINUX: Final = frozenset({"Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux"})
_OPEN_ENGINES: Final = ("aurora", "mariadb", "mysql", "postgres")
"""Engines of RDS that there are Graviton classes for; those of Oracle and Microsoft have none."""
_MANAGED_FAMILIES: Final = frozenset({"t4g", "m7g", "r7g"})
"""Graviton families that RDS and ElastiCache have."""


def _instance(facts: Facts) -> Finding | None:
    instance = facts.subject
    if instance.status != "running" or not is_on_demand(instance) or instance.text("architecture") != _X86:
        return None
    if system_of(instance) not in _LINUX:
        return None
    now = type_of(instance)
    target = _on_arm(now)
    if target is None:
        return None
    groups = facts.related(RelationshipKind.MEMBER_OF, GROUP)
    then = machine(instance, target.name)
    return _finding(facts, now.name, target.name, [machine(instance)], [then], groups[0].native_id if groups else None)


def _database(facts: Facts) -> Finding | None:
    database = facts.subject
    if database.status != _AVAILABLE or not required(database, "engine").startswith(_OPEN_ENGINES):
        return None
    names = _managed(required(database, "instanceClass"))
    if names is None:
        return None
    cluster = next(iter(facts.targets.get(RelationshipKind.MEMBER_OF, ())), None)
    now, then = aws_rds.instance_parts(database), aws_rds.instance_parts(database, names[1])
    return _finding(facts, *names, now, then, cluster)


def _cache(facts: Facts) -> Finding | None:
    cache = facts.subject
    if not aws_elasticache.is_judged(cache):
        return None
    names = _managed(required(cache, "nodeType"))
    if names is None:
        return None
    now, then = aws_elasticache.node_parts(cache), aws_elasticache.node_parts(cache, names[1])
    return _finding(facts, *names, now, then)


def _function(facts: Facts) -> Finding | None:
    if aws_lambda.is_arm(facts.subject):
        return None
    time = aws_lambda.running_time(facts)
    if time == 0:
        return None
    now, then = (
        Part(code, time, PriceUnit.HOUR, "GiB-hours") for code in ("lambda.duration.gib", "lambda.duration.arm.gib")
    )
    return _finding(facts, _X86, "arm64", [now], [then])


def _managed(name: str) -> tuple[str, str] | None:
    """A class such as `db.m5.large`, and its like on Graviton; None where there is none, or it is Graviton already."""
    service, _, plain = name.partition(".")
    now = instance_type(plain)
    if now is None:
        if plain == "serverless" or plain.partition(".")[0].endswith(("g", "gd")):
            return None
        message = f"The class {name} is not in the catalogue."
        raise UnknownFactError(message)
    target = _on_arm(now)
    return (name, f"{service}.{target.name}") if target is not None and target.family in _MANAGED_FAMILIES else None


def _on_arm(now: InstanceType) -> InstanceType | None:
    family = ARM_FAMILIES.get(now.family)
    return None if family is None else equivalent(now, family)


def _finding(
    facts: Facts, now: str, target: str, today: list[Part], tomorrow: list[Part], part_of: str | None = None
) -> Finding:
    return Finding(
        saving=difference(facts, now=_labelled(today, "as it is"), then=_labelled(tomorrow, f"as {target}")),
        evidence=(Evidence("today", now), Evidence("on Graviton", target)),
        part_of=part_of,
        target=target,
    )


def _labelled(parts: list[Part], how: str) -> list[Part]:
    return [replace(part, label=f"{part.label} {how}") for part in parts]


_BY_TYPE: Final[Mapping[str, Callable[[Facts], Finding | None]]] = MappingProxyType(
    {
        INSTANCE: _instance,
        aws_rds.INSTANCE: _database,
        aws_elasticache.CLUSTER: _cache,
        aws_elasticache.GROUP: _cache,
        aws_lambda.FUNCTION: _function,
    }
)


def _graviton_candidate(facts: Facts) -> Finding | None:
    return _BY_TYPE[facts.subject.resource_type](facts)


CHECKS: Final = (
    Check(
        id="aws.ec2.graviton_candidate",
        title="Work that could run on Graviton",
        description="AWS's own Arm processors cost about a fifth less than Intel's and AMD's for the same size. "
        "Databases of open engines and caches run on them as they are; whether the software of an instance or a "
        "function does has to be tried. Instances with Windows are left out.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=tuple(_BY_TYPE),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Of an instance: start an Arm image of its system on the target, install the software for arm64, "
        "test it and move the work over; in an Auto Scaling group change the template. Of a database or a cache: "
        "change its class in a maintenance window. Of a function: build its package for arm64 and change its "
        "architecture.",
        find=_graviton_candidate,
        properties=(
            *PRICED,
            "architecture",
            *("architectures", "memoryMb"),
            *("instanceClass", "engine", "licenseModel", "cluster", "multiAz", "storageType"),
            *("nodeType", "nodes", "members", "replicationGroup"),
        ),
        prices=(*EC2_PRICES, "rds.db.*", "elasticache.*", "lambda.duration.*"),
        saving="Price of what runs today less the price of what is no smaller on Graviton; of a function by the time "
        "for which it ran.",
        parameters=(days(LOOKBACK_DAYS, 14, "For how many days the time of a function is looked at.", most=90),),
        metrics=(replace(aws_lambda.DURATION, resource_types=(aws_lambda.FUNCTION,)),),
        neighbours=(
            Neighbours(RelationshipKind.MEMBER_OF, GROUP, outgoing=True),
            Neighbours(RelationshipKind.MEMBER_OF, aws_rds.CLUSTER, outgoing=True),
        ),
        links=(ON_DEMAND_PRICING, "https://aws.amazon.com/ec2/graviton/"),
    ),
)
