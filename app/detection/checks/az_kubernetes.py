"""Kubernetes clusters without work, or whose nodes could cost less."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, days
from app.detection.checks.az_facts import LEARN, PRICING, number, shown_since, sku, so_since, told
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.savings import hours, part, unknown
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

CLUSTER: Final = "microsoft.containerservice/managedclusters"
_RUNNING: Final = "Running"
_PAID_TIERS: Final = frozenset({"standard", "premium"})


def _user_pools(facts: Facts) -> list[Mapping[str, Any]]:
    """The node pools for the customer's own work; those for the system are always there."""
    return [pool for pool in facts.subject.items("agentPoolProfiles") if (told(pool, "mode") or "").lower() == "user"]


def _empty(facts: Facts) -> Finding | None:
    cluster = facts.subject
    tier = sku(cluster, "tier")
    pools = _user_pools(facts)
    # Without pools of their own, customers' pods run on those of the system.
    if tier not in _PAID_TIERS or cluster.status != _RUNNING or not pools:
        return None
    since = so_since(facts, "agentPoolProfiles")
    if any(number(cluster, pool, "count", otherwise=0) for pool in pools) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    names = ", ".join(sorted(told(pool, "name") or "?" for pool in pools))
    return Finding(
        saving=part(facts, hours(f"az.aks.{tier}", "hours of its tier")),
        evidence=(Evidence("node pools without nodes", names), shown_since(since)),
    )


def _no_spot(facts: Facts) -> Finding | None:
    cluster = facts.subject
    pools = _user_pools(facts)
    if cluster.status != _RUNNING or any((told(pool, "scaleSetPriority") or "").lower() == "spot" for pool in pools):
        return None
    growing = [pool for pool in pools if pool.get("enableAutoScaling") is True]
    if not growing:
        return None
    shown = ", ".join(
        sorted(f"{told(pool, 'name')}: {told(pool, 'count') or 0} x {told(pool, 'vmSize')}" for pool in growing)
    )
    return Finding(
        saving=unknown("How much of the work could run on nodes that may go at any time is not known."),
        evidence=(Evidence("node pools that grow by themselves", shown), Evidence("node pools on spot", "none")),
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.CONTAINERS, resource_types=(CLUSTER,), prices=("az.aks.*",))
CHECKS: Final = (
    _check(
        id="az.aks.empty",
        title="Kubernetes cluster without nodes for its work",
        description="None of its user node pools has a node, so no work runs there, yet the Standard or "
        "Premium tier is paid by the hour.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Ask its owner. Stop the cluster, which keeps its state and costs only its disks, change it to the "
        "Free tier, or delete it.",
        find=_empty,
        properties=("sku", "agentPoolProfiles"),
        watched=("agentPoolProfiles",),
        saving="All hours of the tier; the nodes of the system pools, which have charges of their own, come on top.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be like that."),),
        links=(PRICING + "kubernetes-service/", LEARN + "aks/start-stop-cluster"),
    ),
    _check(
        id="az.aks.no_spot",
        title="Kubernetes cluster that grows without spot nodes",
        description="Its node pools grow with the work, and none of them uses spot machines, which cost a fraction but "
        "may be taken away at any time.",
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation="Find work that may be interrupted, such as batch jobs and tests. Add a spot node pool for it with "
        "tolerations and limits on what it may cost.",
        find=_no_spot,
        properties=("agentPoolProfiles",),
        saving="The difference of prices for what can move, which is not known.",
        links=(PRICING + "virtual-machines/linux/", LEARN + "aks/spot-node-pool"),
    ),
)
