"""EC2 instances of another type than they need: too large, or of an old generation."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Neighbours, days, percent
from app.detection.checks.aws_ebs import INSTANCE
from app.detection.checks.aws_ec2 import EC2_PRICES, GROUP, NO_MEMBER, ON_DEMAND_PRICING, RUNNING
from app.detection.checks.aws_instance_types import (
    ON_DEMAND_ONLY,
    PRICED,
    SUCCESSORS,
    InstanceType,
    equivalent,
    machine,
    smallest,
    type_of,
)
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact
from app.detection.savings import difference
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

_HEADROOM: Final = Decimal("1.2")
_INSTANCE_ID: Final = (("InstanceId", "id"),)
_CPU: Final = Metric("cpu", "CPUUtilization", Daily.P95, "AWS/EC2", _INSTANCE_ID)
_MEMORY: Final = Metric("memory", "mem_used_percent", Daily.P95, "CWAgent", _INSTANCE_ID)
_GROUP: Final = Neighbours(RelationshipKind.MEMBER_OF, GROUP, outgoing=True)
_CHANGE_TYPE: Final = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-resize.html"


def _oversized(facts: Facts) -> Finding | None:
    now = type_of(facts.subject)
    if now.has_local_disks:
        return None
    cpu, memory = exact(facts.usage("cpu").maximum), exact(facts.usage("memory").maximum)
    if cpu >= facts.threshold("cpuPercent") or memory >= facts.threshold("memoryPercent"):
        return None
    target = smallest(now.family, now.cpus * cpu / 100 * _HEADROOM, now.gib * memory / 100 * _HEADROOM)
    if target is None or target.gib >= now.gib:
        return None
    return Finding(
        saving=_to(facts, target),
        evidence=(
            Evidence("type", f"{now.name}: {now.cpus} virtual CPUs, {now.gib:f} GiB"),
            Evidence("target", f"{target.name}: {target.cpus} virtual CPUs, {target.gib:f} GiB"),
            Evidence("processor, p95 of the busiest day", f"{cpu:f}", "%"),
            Evidence("memory, p95 of the fullest day", f"{memory:f}", "%"),
            Evidence("days", str(facts.usage("cpu").days)),
        ),
        target=target.name,
    )


def _previous_generation(facts: Facts) -> Finding | None:
    now = type_of(facts.subject)
    newer = [equivalent(now, family) for family in SUCCESSORS.get(now.family, ())]
    return _cheapest(facts, now, (found for found in newer if found is not None))


def _cheapest(facts: Facts, now: InstanceType, targets: Iterable[InstanceType]) -> Finding | None:
    """The change that saves most; the first where no prices are known, None where there is nothing to change to."""
    found = [(target, _to(facts, target)) for target in targets]
    if not found:
        return None
    target, saving = max(found, key=lambda each: each[1].amount or Decimal(0))
    return Finding(
        saving=saving,
        evidence=(
            Evidence("type", f"{now.name}: {now.cpus} virtual CPUs, {now.gib:f} GiB"),
            Evidence("target", f"{target.name}: {target.cpus} virtual CPUs, {target.gib:f} GiB"),
        ),
        part_of=next((group.native_id for group in facts.related(RelationshipKind.MEMBER_OF, GROUP)), None),
        target=target.name,
    )


def _to(facts: Facts, target: InstanceType) -> Saving:
    now = machine(facts.subject, label="hours as it is")
    return difference(facts, now=[now], then=[machine(facts.subject, target.name, label=f"hours as {target.name}")])


CHECKS: Final = (
    Check(
        id="aws.ec2.oversized",
        title="Instance that is larger than it has to be",
        description="Processor and memory are used for a small part only, so a smaller size of the same family does. "
        "Memory is told by the CloudWatch agent only; where it does not run, nothing is found. Instances with local "
        "disks are left out, whose smaller sizes have smaller disks, and members of Auto Scaling groups.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Stop the instance, change it to the type told as the target, start it and watch it for some days.",
        find=_oversized,
        only_where=(RUNNING, *ON_DEMAND_ONLY, NO_MEMBER),
        properties=PRICED,
        prices=EC2_PRICES,
        saving="Price of the type less the price of the smallest of its family that leaves a fifth of room.",
        parameters=(
            percent("cpuPercent", 40, "95 % of each day has to need less of the processor than this."),
            percent("memoryPercent", 40, "95 % of each day has to need less of the memory than this."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _MEMORY),
        links=(
            ON_DEMAND_PRICING,
            _CHANGE_TYPE,
            "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Install-CloudWatch-Agent.html",
        ),
    ),
    Check(
        id="aws.ec2.previous_generation",
        title="Instance of a previous generation",
        description="Newer families do the same work for less money, or more work for the same. Found where the list "
        "price of a newer one of the same processor architecture is lower; the cheapest of them is the target.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Check that the system has drivers for ENA and NVMe, stop the instance, change it to the type told "
        "as the target and start it; what is on local disks is lost. In an Auto Scaling group change the template.",
        find=_previous_generation,
        only_where=(RUNNING, *ON_DEMAND_ONLY),
        properties=PRICED,
        prices=EC2_PRICES,
        saving="Price of the type less the price of the newer one that is no smaller.",
        neighbours=(_GROUP,),
        links=(ON_DEMAND_PRICING, _CHANGE_TYPE, "https://aws.amazon.com/ec2/previous-generation/"),
    ),
)
