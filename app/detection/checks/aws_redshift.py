"""Redshift: clusters that nobody connects to, or that are hardly busy and never paused."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Neighbours, days, percent
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived, required, unused
from app.detection.savings import Part, difference, hours, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Severity

CLUSTER: Final = "AWS::Redshift::Cluster"
SCHEDULE: Final = "AWS::Redshift::ScheduledAction"
_BY_CLUSTER: Final = (("ClusterIdentifier", "name"),)
_CONNECTIONS: Final = Metric("connections", "DatabaseConnections", Daily.MAXIMUM, "AWS/Redshift", _BY_CLUSTER)
_CPU: Final = Metric("cpu", "CPUUtilization", Daily.AVERAGE, "AWS/Redshift", _BY_CLUSTER)
_PROPERTIES: Final = ("nodeType", "nodes", "multiAz")


def _parts(cluster: Subject, nodes: Decimal) -> list[Part]:
    count = nodes * 2 if cluster.text("multiAz") in {"Enabled", "True"} else nodes
    return [hours(f"redshift.{required(cluster, 'nodeType')}", "node hours", count)]


def _idle(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "available":
        return None
    shown = unused(facts, "connections", unit="connections")
    return None if shown is None else Finding(whole(facts, *_parts(cluster, cluster.number("nodes"))), shown)


def _is_paused_by_schedule(facts: Facts) -> bool:
    schedules = facts.related(RelationshipKind.ATTACHED_TO, SCHEDULE)
    if any(each.text("action") == "PauseCluster" and each.status == "ACTIVE" for each in schedules):
        return True
    facts.none_other(SCHEDULE)
    return False


def _underused(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "available" or not has_lived(facts):
        return None
    cpu = exact(facts.usage("cpu").mean)
    if cpu > facts.threshold("cpuPercent") or _is_paused_by_schedule(facts):
        return None
    nodes = cluster.number("nodes")
    target = (nodes / 2).to_integral_value(rounding="ROUND_CEILING")
    if nodes > 1:
        saving = difference(facts, now=_parts(cluster, nodes), then=_parts(cluster, target))
    else:
        saving = unknown("What a pause saves depends on its hours.")
    evidence = (Evidence("average CPU", f"{cpu:.1f}", "percent"), Evidence("nodes", f"{nodes:f}"))
    return Finding(saving, evidence, target=f"{target} nodes" if nodes > 1 else "pause")


_check = partial(
    Check,
    provider=Provider.AWS,
    area=Area.ANALYTICS,
    resource_types=(CLUSTER,),
    properties=_PROPERTIES,
    prices=("redshift.*",),
    links=(
        "https://docs.aws.amazon.com/redshift/latest/mgmt/rs-mgmt-pause-resume-cluster.html",
        "https://aws.amazon.com/redshift/pricing/",
    ),
)

CHECKS: Final = (
    _check(
        id="aws.redshift.idle",
        title="Redshift cluster that nobody connects to",
        description="A cluster without a single connection pays the hours of all its nodes.",
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Pause the cluster; if nobody misses it in some weeks, take a final snapshot and delete it.",
        find=_idle,
        saving="The hours of all nodes.",
        parameters=(days(LOOKBACK_DAYS, 7, "How many days have to pass without a connection.", most=90),),
        metrics=(_CONNECTIONS,),
    ),
    _check(
        id="aws.redshift.underused",
        title="Redshift cluster that is hardly busy and never paused",
        description="The cluster does little, and no schedule pauses it when nobody works with it.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Resize it to half of its nodes if the data fits, or pause it by a schedule at night and at "
        "weekends; for work now and then take Redshift Serverless.",
        find=_underused,
        saving="Hours of its nodes less those of half of them.",
        parameters=(
            percent("cpuPercent", 10, "CPU must not be more than this on the average of the days."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU,),
        neighbours=(Neighbours(RelationshipKind.ATTACHED_TO, SCHEDULE, ("action",)),),
        absence_of=(SCHEDULE,),
    ),
)
