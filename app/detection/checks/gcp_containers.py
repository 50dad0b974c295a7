"""GKE clusters without work, and Cloud Run services that are kept warm for nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Neighbours, days, percent
from app.detection.checks.gcp_machine_types import (
    MACHINE_PRICES,
    MACHINE_PRICING,
    MACHINE_PROPERTIES,
    is_on_demand,
    machine_parts,
)
from app.detection.checks.gcp_values import INSTANCE, at, listed, number, window
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, exact, has_lived, unused
from app.detection.savings import Part, hours, in_all, part, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

CLUSTER: Final = "container.googleapis.com/Cluster"
RUN_SERVICE: Final = "run.googleapis.com/Service"
_CLUSTER_HOUR: Final = "gcp.gke.cluster.hour"
_CPU: Final = Metric(
    "cpu",
    "kubernetes.io/node/cpu/allocatable_utilization",
    Daily.AVERAGE,
    "k8s_node",
    (("resource.labels.cluster_name", "name"), ("resource.labels.location", "properties.location")),
)
_ANY_NODE: Final = Metric(
    "nodes", _CPU.name, Daily.MAXIMUM, _CPU.namespace, _CPU.dimensions, silent_at_zero=True, days=MIN_AGE_DAYS
)
"""No node is so idle that it tells 0: a day of 0 is one without nodes."""
_REQUESTS: Final = Metric(
    "requests",
    "run.googleapis.com/request_count",
    Daily.SUM,
    "cloud_run_revision",
    (("resource.labels.service_name", "name"), ("resource.labels.location", "properties.location")),
    silent_at_zero=True,
)
_NODES: Final = Neighbours(RelationshipKind.MEMBER_OF, INSTANCE, MACHINE_PROPERTIES, costs=True)
_GKE_PRICING: Final = "https://cloud.google.com/kubernetes-engine/pricing"
_QUANTITY: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>m|Ki|Mi|Gi|Ti|k|M|G|T)?")
_UNITS: Final[dict[str, Decimal]] = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGT", 1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", 1)},
}
_GIB: Final = Decimal(2**30)


def _is_autopilot(cluster: Subject) -> bool:
    return at(cluster, "autopilot.enabled") is True


def _empty(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "RUNNING" or _is_autopilot(cluster) or at(cluster, "currentNodeCount"):
        return None
    facts.none_other(INSTANCE)
    made = cluster.created_at or cluster.first_seen_at
    if facts.related(RelationshipKind.MEMBER_OF, INSTANCE) or not facts.is_older(made, MIN_AGE_DAYS):
        return None
    if busiest_day(facts, "nodes") > 0:
        return None
    pools = len(listed(cluster, "nodePools"))
    return Finding(
        saving=whole(facts, hours(_CLUSTER_HOUR, "hours of the cluster")),
        evidence=(
            Evidence("nodes", "0"),
            Evidence("node pools", str(pools)),
            Evidence("days without nodes", f"{facts.threshold(MIN_AGE_DAYS):f}"),
        ),
    )


def _idle(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "RUNNING" or _is_autopilot(cluster) or not has_lived(facts):
        return None
    busiest = exact(facts.usage("cpu").maximum) * 100
    if busiest >= facts.threshold("cpuPercent"):
        return None
    nodes = facts.related(RelationshipKind.MEMBER_OF, INSTANCE)
    return Finding(
        saving=_cost_with_nodes(facts),
        evidence=(
            Evidence("nodes", str(len(nodes))),
            Evidence("processors of all nodes, busiest day", f"{busiest:.1f}", "%"),
            window(facts),
        ),
        covers_parts=True,
    )


def _cost_with_nodes(facts: Facts) -> Saving:
    """The fee of a cluster and the machines that are its nodes."""
    nodes = facts.related(RelationshipKind.MEMBER_OF, INSTANCE)
    parts = [replace(hours(_CLUSTER_HOUR, "hours of the cluster"), of=facts.subject)]
    for node in nodes:
        of_node = machine_parts(node) if is_on_demand(node) else None
        if of_node is None:
            return unknown("Some of its nodes are Spot machines, or of a type that is not known.")
        parts += [replace(one, label=f"{one.label} of {node.name}", of=node) for one in of_node]
    return in_all(facts, *parts) if nodes else unknown("Its nodes were not read.")


def _min_instances_idle(facts: Facts) -> Finding | None:
    service = facts.subject
    count = number(service, "minInstanceCount")
    evidence = unused(facts, "requests", unit="requests") if count > 0 else None
    if evidence is None:
        return None
    return Finding(
        saving=_warm_cost(facts, count),
        evidence=(Evidence("instances at least", f"{count:f}"), *evidence),
        target="0 instances at least",
    )


def _warm_cost(facts: Facts, count: Decimal) -> Saving:
    """What instances cost that wait; Cloud Run gives one virtual CPU and 512 MiB where nothing is said."""
    limits: Any = at(facts.subject, "limits") or {}
    cpus, memory = _quantity(limits.get("cpu", "1")), _quantity(limits.get("memory", "512Mi"))
    if cpus is None or memory is None:
        return unknown("How much processor and memory an instance has is not known.")
    return part(facts, *_warm_parts(facts.subject, cpus * count, memory / _GIB * count))


def _warm_parts(service: Subject, cpus: Decimal, gib: Decimal) -> Iterator[Part]:
    # With the processor always on, waiting costs as much as work; else there is a lower price for it.
    kind = "idle" if service.flag("cpuIdle") else "always"
    yield hours(f"gcp.run.{kind}.vcpu", "virtual CPU hours", cpus)
    yield hours(f"gcp.run.{kind}.gib", "GiB hours", gib)


def _quantity(told: object) -> Decimal | None:
    """A quantity as Kubernetes writes it, such as `1000m` or `512Mi`."""
    found = _QUANTITY.fullmatch(str(told))
    return None if found is None else Decimal(found["number"]) * _UNITS[found["unit"] or ""]


CHECKS: Final = (
    Check(
        id="gcp.gke.empty",
        title="GKE cluster without nodes",
        description="A cluster is paid by the hour. This one has no nodes, so nothing can run in it. Autopilot "
        "clusters are left out, whose nodes are Google's.",
        provider=Provider.GCP,
        area=Area.CONTAINERS,
        resource_types=(CLUSTER,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner. Save what is declared in it if it may be needed again, then delete the cluster. "
        "One zonal or Autopilot cluster of a billing account is free.",
        find=_empty,
        properties=("autopilot", "currentNodeCount", "location", "nodePools"),
        prices=(_CLUSTER_HOUR,),
        saving="All hours of the cluster.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there, and without nodes.", most=90),),
        metrics=(_ANY_NODE,),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, INSTANCE),),
        absence_of=(INSTANCE,),
        links=(_GKE_PRICING, "https://cloud.google.com/kubernetes-engine/docs/how-to/deleting-a-cluster"),
    ),
    Check(
        id="gcp.gke.idle",
        title="GKE cluster whose nodes do next to nothing",
        description="On no day did its nodes use to speak of what pods may have of their processors. Autopilot "
        "clusters are left out, which are paid by what pods ask for.",
        provider=Provider.GCP,
        area=Area.CONTAINERS,
        resource_types=(CLUSTER,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.REVIEW,
        remediation="Ask whether it is needed; if not, delete it. Else let node pools scale down to less, or move what "
        "runs there to another cluster.",
        find=_idle,
        properties=("autopilot", "location"),
        prices=(_CLUSTER_HOUR, *MACHINE_PRICES),
        saving="All hours of the cluster and of its nodes: what deleting it saves.",
        parameters=(
            percent("cpuPercent", 10, "On each day its nodes have to need less of their processors on average."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU,),
        neighbours=(_NODES,),
        links=(
            _GKE_PRICING,
            MACHINE_PRICING,
            "https://cloud.google.com/monitoring/api/metrics_kubernetes",
        ),
    ),
    Check(
        id="gcp.run.min_instances_idle",
        title="Cloud Run service that is kept warm for nobody",
        description="The service keeps instances ready, which are paid while they wait, and no request came.",
        provider=Provider.GCP,
        area=Area.CONTAINERS,
        resource_types=(RUN_SERVICE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Set the least number of instances to 0: an instance starts with the first request. Services that "
        "work without requests, such as on a queue, need theirs: leave them out by a label.",
        find=_min_instances_idle,
        properties=("minInstanceCount", "cpuIdle", "limits", "location"),
        prices=("gcp.run.*",),
        saving="All hours of the processors and memory of the instances that wait, of their first container.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),),
        metrics=(_REQUESTS,),
        links=("https://cloud.google.com/run/pricing", "https://cloud.google.com/run/docs/configuring/min-instances"),
    ),
)
