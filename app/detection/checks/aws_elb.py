"""Load balancers with nothing behind them, or nobody in front of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final

from app.detection.check import (
    LOOKBACK_DAYS,
    MIN_AGE_DAYS,
    Area,
    Check,
    Daily,
    Metric,
    Neighbours,
    Parameter,
    days,
)
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, has_lived
from app.detection.savings import hours, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Severity

BALANCER: Final = "AWS::ElasticLoadBalancingV2::LoadBalancer"
TARGET_GROUP: Final = "AWS::ElasticLoadBalancingV2::TargetGroup"
CLASSIC: Final = "AWS::ElasticLoadBalancing::LoadBalancer"
_APPLICATION: Final = "application"
_NETWORK: Final = "network"
_CODES: Final = {_APPLICATION: "elb.alb.hour", _NETWORK: "elb.nlb.hour", "gateway": "elb.gwlb.hour"}
_CLASSIC_HOUR: Final = "elb.classic.hour"
_DEAD: Final = frozenset({"unhealthy", "unused"})
"""States of targets that are sent nothing; one without health checks is `unavailable` and is sent requests."""
_OF_ALB: Final = "AWS/ApplicationELB"
_NAME: Final = (("LoadBalancer", "properties.loadBalancerDimension"),)
_REQUESTS: Final = Metric("requests", "RequestCount", Daily.SUM, _OF_ALB, _NAME, silent_at_zero=True)
_REDIRECTS: Final = Metric("redirects", "HTTP_Redirect_Count", Daily.SUM, _OF_ALB, _NAME, silent_at_zero=True)
_FIXED: Final = Metric("fixedResponses", "HTTP_Fixed_Response_Count", Daily.SUM, _OF_ALB, _NAME, silent_at_zero=True)
_FLOWS: Final = Metric("flows", "NewFlowCount", Daily.SUM, "AWS/NetworkELB", _NAME)
_GROUPS: Final = Neighbours(
    RelationshipKind.BEHIND, TARGET_GROUP, ("registeredTargets", "targetStates"), watched=("registeredTargets",)
)
_REQUESTS_PER_DAY: Final = Parameter(
    "requestsPerDay", Decimal(10), "requests", "Each day has to have fewer requests, redirected ones included."
)
_PRICING: Final = "https://aws.amazon.com/elasticloadbalancing/pricing/"
_DELETE: Final = (
    "Look for DNS records, listeners and partners that still name it, then delete the load balancer and what target "
    "groups it leaves."
)


def _empty(facts: Facts, kind: str) -> tuple[Confidence, tuple[Evidence, ...]] | None:
    """Why a load balancer of a kind has nothing to send anything to, and how sure that is."""
    balancer = facts.subject
    if balancer.text("loadBalancerType") != kind or balancer.status != "active":
        return None
    facts.none_other(TARGET_GROUP)
    groups = facts.related(RelationshipKind.BEHIND, TARGET_GROUP)
    since = max([balancer.created_at or balancer.first_seen_at, *map(_empty_since, groups)])
    if not all(map(_is_dead, groups)) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    targets = sum(int(group.number("registeredTargets")) for group in groups)
    evidence = (
        Evidence("target groups", str(len(groups))),
        Evidence("targets, all unhealthy or unused" if targets else "targets", str(targets)),
        Evidence("since, at the latest", since.isoformat()),
    )
    # How long targets are unhealthy is not known: it may be an outage of today.
    return (Confidence.POSSIBLE if targets else Confidence.OBVIOUS, evidence)


def _empty_since(group: Subject) -> datetime:
    return group.same_since("registeredTargets")


def _is_dead(group: Subject) -> bool:
    if group.number("registeredTargets") == 0:
        return True
    states = group.properties.get("targetStates") or {"unknown": 1}
    return set(states) <= _DEAD


def _application_without_targets(facts: Facts) -> Finding | None:
    found = _empty(facts, _APPLICATION)
    # Its rules may answer or redirect without any target.
    if found is None or busiest_day(facts, "redirects", "fixedResponses") >= facts.threshold("requestsPerDay"):
        return None
    return _finding(facts, *found)


def _without_targets(kind: str) -> Callable[[Facts], Finding | None]:
    def find(facts: Facts) -> Finding | None:
        found = _empty(facts, kind)
        return None if found is None else _finding(facts, *found)

    return find


def _finding(facts: Facts, confidence: Confidence, evidence: tuple[Evidence, ...]) -> Finding:
    code = _CODES[facts.subject.text("loadBalancerType") or ""]
    return Finding(saving=whole(facts, hours(code, "hours")), evidence=evidence, confidence=confidence)


def _idle(facts: Facts) -> Finding | None:
    balancer = facts.subject
    kind = balancer.text("loadBalancerType")
    if kind not in {_APPLICATION, _NETWORK} or balancer.status != "active" or not has_lived(facts):
        return None
    if kind == _NETWORK:
        most, unit, is_idle = busiest_day(facts, "flows"), "new flows", busiest_day(facts, "flows") == 0
    else:
        most, unit = busiest_day(facts, "requests", "redirects", "fixedResponses"), "requests"
        is_idle = most < facts.threshold("requestsPerDay")
    if not is_idle:
        return None
    evidence = (Evidence("busiest day", f"{most:f}", unit), Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}"))
    return _finding(facts, Confidence.LIKELY, evidence)


def _classic_unused(facts: Facts) -> Finding | None:
    balancer = facts.subject
    since = max(balancer.same_since("instanceIds"), balancer.created_at or balancer.first_seen_at)
    if balancer.items("instanceIds") or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, hours(_CLASSIC_HOUR, "hours")),
        evidence=(Evidence("instances", "0"), Evidence("since, at the latest", since.isoformat())),
    )


def _no_targets(
    short: str,
    title: str,
    find: Callable[[Facts], Finding | None],
    metrics: tuple[Metric, ...] = (),
    parameters: tuple[Parameter, ...] = (),
) -> Check:
    return Check(
        id=f"aws.elb.{short}_no_targets",
        title=title,
        description="It has no target groups, none of them has a target, or all targets are unhealthy: nothing can "
        "answer what comes in, yet each hour is paid.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(BALANCER,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation=_DELETE,
        find=find,
        properties=("loadBalancerType", "loadBalancerDimension"),
        prices=(f"elb.{short}.hour",),
        saving="All hours of the load balancer.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there and without targets."), *parameters),
        metrics=metrics,
        neighbours=(_GROUPS,),
        absence_of=(TARGET_GROUP,),
        links=(_PRICING,),
    )


CHECKS: Final = (
    _no_targets(
        "alb",
        "Application load balancer without targets",
        _application_without_targets,
        metrics=(_REDIRECTS, _FIXED),
        parameters=(_REQUESTS_PER_DAY, days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90)),
    ),
    _no_targets("nlb", "Network load balancer without targets", _without_targets(_NETWORK)),
    _no_targets("gwlb", "Gateway load balancer without targets", _without_targets("gateway")),
    Check(
        id="aws.elb.idle",
        title="Load balancer that nobody uses",
        description="Hardly any request came in to an application load balancer, redirects and fixed answers included, "
        "or no new flow to a network load balancer.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(BALANCER,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation=_DELETE,
        find=_idle,
        properties=("loadBalancerType", "loadBalancerDimension"),
        prices=("elb.alb.hour", "elb.nlb.hour"),
        saving="All hours of the load balancer.",
        parameters=(_REQUESTS_PER_DAY, days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90)),
        metrics=(_REQUESTS, _REDIRECTS, _FIXED, _FLOWS),
        links=(
            _PRICING,
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html",
        ),
    ),
    Check(
        id="aws.elb.classic_unused",
        title="Classic load balancer without instances",
        description="It has no instance to send anything to, yet each hour is paid.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(CLASSIC,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Look for DNS records that still name it, then delete the load balancer.",
        find=_classic_unused,
        properties=("instanceIds",),
        watched=("instanceIds",),
        prices=(_CLASSIC_HOUR,),
        saving="All hours of the load balancer.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there and without instances."),),
        links=(_PRICING,),
    ),
)
