"""Clusters of DocumentDB, Neptune and MemoryDB that nobody uses."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Neighbours, days
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import required, unused
from app.detection.savings import Part, hours, in_all, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Severity

DOCUMENTS: Final = "AWS::DocDB::DBCluster"
DOCUMENTS_INSTANCE: Final = "AWS::DocDB::DBInstance"
GRAPH: Final = "AWS::Neptune::DBCluster"
GRAPH_INSTANCE: Final = "AWS::Neptune::DBInstance"
MEMORY: Final = "AWS::MemoryDB::Cluster"
_SERVERLESS: Final = "db.serverless"
_BY_CLUSTER: Final = (("DBClusterIdentifier", "name"),)
_KIND: Final = ("instanceClass", "storageType")
_DELETE: Final = (
    "Ask its owner, take a final snapshot, then delete the instances and the cluster; or stop it for a week."
)


def _parts(service: str, member: Subject) -> list[Part]:
    name = required(member, "instanceClass")
    if name == _SERVERLESS:
        return []
    end = ".iopt1" if member.text("storageType") == "iopt1" else ""
    return [hours(f"{service}.{name}{end}", "hours")]


def _cluster_idle(service: str, instance_type: str, key: str, facts: Facts) -> Finding | None:
    if facts.subject.status != "available":
        return None
    shown = unused(facts, key, unit=key)
    if shown is None:
        return None
    members = facts.related(RelationshipKind.MEMBER_OF, instance_type)
    if not members:
        facts.none_other(instance_type)
        return None  # without instances there are no hours to pay
    parts = [replace(part, of=each) for each in members for part in _parts(service, each)]
    return Finding(
        saving=in_all(facts, *parts) if parts else unknown("Serverless capacity is billed by use."),
        evidence=(*shown, Evidence("instances", ", ".join(sorted(each.name for each in members)))),
        covers_parts=True,
    )


def _memory_idle(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "available":
        return None
    shown = unused(facts, "hits", "misses", "writes", unit="commands")
    if shown is None:
        return None
    # Clusters from before there was Valkey do not say what they are.
    code = f"memorydb.{required(cluster, 'nodeType')}.{cluster.text('engine') or 'redis'}"
    return Finding(whole(facts, hours(code, "node hours", cluster.number("nodes"))), shown)


_check = partial(
    Check,
    provider=Provider.AWS,
    area=Area.DATABASE,
    severity=Severity.HIGH,
    confidence=Confidence.LIKELY,
    remedy=Remedy.DELETE,
    remediation=_DELETE,
    parameters=(days(LOOKBACK_DAYS, 14, "How many days have to pass without use.", most=90),),
)

CHECKS: Final = (
    _check(
        id="aws.docdb.idle",
        title="DocumentDB cluster that nobody connects to",
        description="A cluster without a connection to any of its instances pays the hours of all of them.",
        resource_types=(DOCUMENTS,),
        find=partial(_cluster_idle, "docdb", DOCUMENTS_INSTANCE, "connections"),
        prices=("docdb.db.*",),
        saving="The hours of its instances; storage, which only charges tell, comes on top.",
        metrics=(Metric("connections", "DatabaseConnections", Daily.MAXIMUM, "AWS/DocDB", _BY_CLUSTER),),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, DOCUMENTS_INSTANCE, _KIND, costs=True),),
        absence_of=(DOCUMENTS_INSTANCE,),
        links=(
            "https://docs.aws.amazon.com/documentdb/latest/developerguide/cloud_watch.html",
            "https://aws.amazon.com/documentdb/pricing/",
        ),
    ),
    _check(
        id="aws.neptune.idle",
        title="Neptune cluster that nobody asks anything",
        description="A cluster without a request pays the hours of all its instances.",
        resource_types=(GRAPH,),
        find=partial(_cluster_idle, "neptune", GRAPH_INSTANCE, "requests"),
        prices=("neptune.db.*",),
        saving="The hours of its instances; storage, which only charges tell, comes on top.",
        metrics=(Metric("requests", "TotalRequestsPerSec", Daily.MAXIMUM, "AWS/Neptune", _BY_CLUSTER),),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, GRAPH_INSTANCE, _KIND, costs=True),),
        absence_of=(GRAPH_INSTANCE,),
        links=(
            "https://docs.aws.amazon.com/neptune/latest/userguide/cw-metrics.html",
            "https://aws.amazon.com/neptune/pricing/",
        ),
    ),
    _check(
        id="aws.memorydb.idle",
        title="MemoryDB cluster that nobody reads or writes",
        description="A cluster whose keys are neither read nor set pays all its nodes. Connections do not tell: "
        "MemoryDB itself keeps some to watch it.",
        resource_types=(MEMORY,),
        find=_memory_idle,
        properties=("nodeType", "engine", "nodes"),
        prices=("memorydb.db.*",),
        saving="All of its nodes.",
        metrics=tuple(
            Metric(key, name, Daily.SUM, "AWS/MemoryDB", (("ClusterName", "name"),))
            for key, name in (("hits", "KeyspaceHits"), ("misses", "KeyspaceMisses"), ("writes", "SetTypeCmds"))
        ),
        links=(
            "https://docs.aws.amazon.com/memorydb/latest/devguide/metrics.memorydb.html",
            "https://aws.amazon.com/memorydb/pricing/",
        ),
    ),
)
