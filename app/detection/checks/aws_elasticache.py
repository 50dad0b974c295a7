"""ElastiCache: caches that nobody uses, or that are larger than they need to be.

A cluster of a replication group is judged with its group: a replica may well wait for its turn.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Neighbours, Parameter, days, percent
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived, required, unused
from app.detection.savings import Part, difference, hours, of_several, whole
from app.detection.sizes import smaller
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

CLUSTER: Final = "AWS::ElastiCache::CacheCluster"
GROUP: Final = "AWS::ElastiCache::ReplicationGroup"
_MEMCACHED: Final = "memcached"
_OWN_CONNECTIONS: Final = 4
"""With so many, at the most, ElastiCache itself watches a node of Valkey or Redis OSS.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
"""
_OF_CLUSTER: Final = (("CacheClusterId", "name"),)
_OF_MEMBERS: Final = (("CacheClusterId", "properties.members"),)
_ITS_CLUSTERS: Final = Neighbours(RelationshipKind.MEMBER_OF, CLUSTER, costs=True)
_PROPERTIES: Final = ("nodeType", "engine", "nodes", "replicationGroup", "members", "dataTiering")


def node_parts(cache: Subject, name: str | None = None) -> list[Part]:
    """The hours of its nodes, of the type that they have or would have."""
    is_group = cache.resource_type == GROUP
    count = Decimal(len(cache.items("members"))) if is_group else cache.number("nodes")
    name = name or required(cache, "nodeType")
    return [hours(f"elasticache.{name}.{required(cache, 'engine')}", "node hours", count)]


def is_judged(cache: Subject) -> bool:
    """Whether checks look at it: the nodes of a group are looked at with their group."""
    return cache.status == "available" and cache.text("replicationGroup") is None


def _is_hardly_used(facts: Facts) -> tuple[Evidence, ...] | None:
    hits, misses = exact(facts.usage("hits").total), exact(facts.usage("misses").total)
    most = max(exact(facts.usage("connections").maximum) - _OWN_CONNECTIONS, Decimal(0))
    if most >= facts.threshold("connections"):
        return None
    if hits + misses > 0 and hits * 100 >= (hits + misses) * facts.threshold("hitPercent"):
        return None
    return (
        Evidence("hits", f"{hits:f}"),
        Evidence("misses", f"{misses:f}"),
        Evidence("most connections of clients", f"{most:f}"),
    )


def _idle(facts: Facts) -> Finding | None:
    cache = facts.subject
    if not is_judged(cache) or not has_lived(facts):
        return None
    if required(cache, "engine") == _MEMCACHED:
        shown = unused(facts, "gets", "failedGets", unit="commands")
    else:
        shown = _is_hardly_used(facts)
    if shown is None:
        return None
    # Charges of a group are those of its clusters, which have their own.
    is_group = cache.resource_type == GROUP
    return Finding(_all_of(facts), shown, covers_parts=is_group)


def _all_of(facts: Facts) -> Saving:
    parts = node_parts(facts.subject)
    if facts.subject.resource_type != GROUP:
        return whole(facts, *parts)
    return of_several(facts, facts.related(RelationshipKind.MEMBER_OF, CLUSTER), now=parts, saved=parts)


def _cost_less(facts: Facts, target: str) -> Saving:
    now, then = node_parts(facts.subject), node_parts(facts.subject, target)
    if facts.subject.resource_type != GROUP:
        return difference(facts, now=now, then=then)
    return of_several(facts, facts.related(RelationshipKind.MEMBER_OF, CLUSTER), now=now, saved=now, then=then)


def _oversized(facts: Facts) -> Finding | None:
    cache = facts.subject
    if not is_judged(cache) or not has_lived(facts) or required(cache, "engine") == _MEMCACHED:
        return None
    target = smaller(required(cache, "nodeType"))
    if target is None:
        return None
    cpu, memory = exact(facts.usage("cpu").maximum), exact(facts.usage("memory").maximum)
    if cpu >= facts.threshold("cpuPercent") or 100 - memory <= facts.threshold("freeMemoryPercent"):
        return None
    return Finding(
        saving=_cost_less(facts, target),
        evidence=(
            Evidence("CPU of the engine, 95th percentile of the busiest day", f"{cpu:.1f}", "percent"),
            Evidence("most memory used", f"{memory:.1f}", "percent"),
        ),
        target=target,
    )


def _use(dimensions: tuple[tuple[str, str], ...]) -> tuple[Metric, ...]:
    metric = partial(Metric, namespace="AWS/ElastiCache", dimensions=dimensions)
    return (
        metric("hits", "CacheHits", Daily.SUM),
        metric("misses", "CacheMisses", Daily.SUM),
        metric("connections", "CurrConnections", Daily.MAXIMUM),
    )


def _load(dimensions: tuple[tuple[str, str], ...]) -> tuple[Metric, ...]:
    metric = partial(Metric, namespace="AWS/ElastiCache", dimensions=dimensions)
    return (
        metric("cpu", "EngineCPUUtilization", Daily.P95),
        metric("memory", "DatabaseMemoryUsagePercentage", Daily.MAXIMUM),
    )


_GETS: Final = (
    Metric("gets", "GetHits", Daily.SUM, "AWS/ElastiCache", _OF_CLUSTER),
    Metric("failedGets", "GetMisses", Daily.SUM, "AWS/ElastiCache", _OF_CLUSTER),
)
_METRICS_LINK: Final = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.html"
_common: Final[dict[str, Any]] = {
    "provider": Provider.AWS,
    "area": Area.DATABASE,
    "properties": _PROPERTIES,
    "prices": ("elasticache.cache.*",),
    "links": (_METRICS_LINK, "https://aws.amazon.com/elasticache/pricing/"),
}
_idle_check = partial(
    Check,
    **_common,
    title="Cache that hardly anybody uses",
    description="Nearly no client is connected, and nearly nothing that is asked for is found, yet each node is paid.",
    severity=Severity.HIGH,
    confidence=Confidence.LIKELY,
    remedy=Remedy.DELETE,
    remediation="Ask its owner, take a final backup if the data matters, then delete it.",
    find=_idle,
    saving="All of its nodes.",
    parameters=(
        percent("hitPercent", 5, "Fewer than this of the keys asked for have to be found."),
        Parameter("connections", Decimal(2), "connections", "A node has to have fewer clients than this at all times."),
        days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
    ),
)
_oversized_check = partial(
    Check,
    **_common,
    title="Cache on a larger node type than it needs",
    description="CPU and memory are so little used that the next smaller node type of the same family would do.",
    severity=Severity.MEDIUM,
    confidence=Confidence.LIKELY,
    remedy=Remedy.RESIZE,
    remediation="Modify it to the node type told as the target, online and at a quiet time.",
    find=_oversized,
    saving="Hours of its nodes less those of the next smaller type.",
    parameters=(
        percent("cpuPercent", 40, "The 95th percentile of the engine's CPU has to stay below this on each day."),
        percent("freeMemoryPercent", 60, "More than this of the memory has to be free at all times."),
        days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
    ),
)

CHECKS: Final = (
    _idle_check(id="aws.elasticache.idle", resource_types=(CLUSTER,), metrics=(*_use(_OF_CLUSTER), *_GETS)),
    _idle_check(
        id="aws.elasticache.group_idle", resource_types=(GROUP,), metrics=_use(_OF_MEMBERS), neighbours=(_ITS_CLUSTERS,)
    ),
    _oversized_check(id="aws.elasticache.oversized", resource_types=(CLUSTER,), metrics=_load(_OF_CLUSTER)),
    _oversized_check(
        id="aws.elasticache.group_oversized",
        resource_types=(GROUP,),
        metrics=_load(_OF_MEMBERS),
        neighbours=(_ITS_CLUSTERS,),
    ),
)
