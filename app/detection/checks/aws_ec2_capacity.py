"""Capacity of EC2 that is kept and not used: empty dedicated hosts, unused reservations, idle Auto Scaling groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
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
    percent,
)
from app.detection.checks.aws_ebs import INSTANCE
from app.detection.checks.aws_ec2 import EC2_PRICES, GROUP, ON_DEMAND_PRICING
from app.detection.checks.aws_instance_types import PRICED, is_on_demand, machine, price_code
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, exact, required
from app.detection.savings import hours, in_all, part, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

HOST: Final = "AWS::EC2::Host"
RESERVATION: Final = "AWS::EC2::CapacityReservation"
_MEGABYTE: Final = Decimal(1_000_000)
_GROUP_NAME: Final = (("AutoScalingGroupName", "name"),)
_CPU: Final = Metric("cpu", "CPUUtilization", Daily.MAXIMUM, "AWS/EC2", _GROUP_NAME)
_RECEIVED: Final = Metric("received", "NetworkIn", Daily.SUM, "AWS/EC2", _GROUP_NAME)
_SENT: Final = Metric("sent", "NetworkOut", Daily.SUM, "AWS/EC2", _GROUP_NAME)
_USED: Final = Metric(
    "used",
    "InstanceUtilization",
    Daily.MAXIMUM,
    "AWS/EC2CapacityReservations",
    (("CapacityReservationId", "id"),),
)


def _host_empty(facts: Facts) -> Finding | None:
    host = facts.subject
    if host.status != "available" or host.items("instanceIds"):
        return None
    since = max(host.same_since("instanceIds"), host.created_at or host.first_seen_at)
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    family = host.text("instanceFamily") or required(host, "instanceType").partition(".")[0]
    return Finding(
        saving=whole(facts, hours(f"ec2.host.{family}", "hours")),
        evidence=(Evidence("instances", "0"), Evidence("empty since, at the latest", since.isoformat())),
    )


def _reservation_unused(facts: Facts) -> Finding | None:
    reservation = facts.subject
    if reservation.status != "active" or reservation.text("reservationType") == "capacity-block":
        return None
    if reservation.text("ownerId") != required(reservation, "arn").split(":")[4]:
        return None  # shared by another account, which pays
    total, peak = reservation.number("totalInstances"), exact(facts.usage("used").maximum)
    if peak >= facts.threshold("usedPercent"):
        return None
    needed = (total * peak / 100).to_integral_value(ROUND_CEILING)
    platform = required(reservation, "instancePlatform")
    code = price_code(required(reservation, "instanceType"), platform, reservation.text("tenancy"))
    return Finding(
        saving=part(facts, hours(code, "hours of instances that were never used", total - needed)),
        evidence=(
            Evidence("reserved", f"{total:f}", "instances"),
            Evidence("most that were used", f"{peak:f}", "%"),
            Evidence("days", str(facts.usage("used").days)),
        ),
        target=f"{needed} instances",
    )


def _group_underused(facts: Facts) -> Finding | None:
    group = facts.subject
    wanted = group.number("desiredCapacity")
    if wanted == 0:
        return None
    cpu = exact(facts.usage("cpu").maximum)
    traffic = busiest_day(facts, "received", "sent") / _MEGABYTE / wanted
    if cpu >= facts.threshold("cpuPercent") or traffic >= facts.threshold("networkMegabytesPerDay"):
        return None
    return Finding(
        saving=_members_cost(facts, facts.related(RelationshipKind.MEMBER_OF, INSTANCE)),
        evidence=(
            Evidence("instances", f"{wanted:f}"),
            Evidence("busiest moment", f"{cpu:f}", "% CPU"),
            Evidence("busiest day", f"{traffic:f}", "MB sent and received by each instance"),
            Evidence("days", str(facts.usage("cpu").days)),
        ),
        covers_parts=True,
    )


def _members_cost(facts: Facts, members: Sequence[Subject]) -> Saving:
    running = [each for each in members if each.status == "running"]
    wanted = facts.subject.number("desiredCapacity")
    if len(running) < wanted:
        return unknown(f"Of its {wanted:f} instances {len(running)} are in the inventory.")
    if not all(is_on_demand(each) or facts.cost_of(each) for each in running):
        return unknown("Some of its instances are spot instances, whose prices move from hour to hour.")
    parts = [machine(each) for each in running]
    return in_all(
        facts,
        *(replace(one, label=f"hours of {each.native_id}", of=each) for one, each in zip(parts, running, strict=True)),
    )


CHECKS: Final = (
    Check(
        id="aws.ec2.dedicated_host_empty",
        title="Dedicated host without instances",
        description="A dedicated host is paid by the hour as a whole, whether instances run on it or not.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(HOST,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Release the host; another one can be allocated when it is needed. A Mac host can be released 24 "
        "hours after it was allocated. One with a host reservation is paid until the reservation ends.",
        find=_host_empty,
        properties=("instanceIds", "instanceType", "instanceFamily"),
        watched=("instanceIds",),
        prices=("ec2.host.*",),
        saving="All hours of the host.",
        parameters=(days(MIN_AGE_DAYS, 1, "How long it has to be without instances."),),
        links=(
            "https://aws.amazon.com/ec2/dedicated-hosts/pricing/",
            "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/dedicated-hosts-overview.html",
        ),
    ),
    Check(
        id="aws.ec2.capacity_reservation_unused",
        title="Capacity reservation that is mostly unused",
        description="Reserved capacity is paid like running instances, also what no instance uses. Reservations that "
        "other accounts share, and capacity blocks, which are paid in advance, are left out.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(RESERVATION,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Lower the number of reserved instances to the one told as the target, or cancel the reservation.",
        find=_reservation_unused,
        properties=(
            "arn",
            "ownerId",
            "instanceType",
            "instancePlatform",
            "tenancy",
            "reservationType",
            "totalInstances",
        ),
        prices=EC2_PRICES,
        saving="All hours of the instances that were reserved and at no time used.",
        parameters=(
            percent("usedPercent", 50, "At no time may as much of the reservation as this have been used."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_USED,),
        links=(
            ON_DEMAND_PRICING,
            "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-reservation-cw-metrics.html",
        ),
    ),
    Check(
        id="aws.asg.underused",
        title="Auto Scaling group that does nothing",
        description="No instance of the group was ever busy, and all of them sent and received next to nothing.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(GROUP,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Ask its owner what it is for, then set its minimum and desired capacity to 0. If nobody misses it "
        "for some weeks, delete the group.",
        find=_group_underused,
        properties=("desiredCapacity",),
        prices=EC2_PRICES,
        saving="All hours of its instances.",
        parameters=(
            percent("cpuPercent", 5, "The busiest processor has to be less busy than this at all times."),
            Parameter("networkMegabytesPerDay", Decimal(5), "MB", "Traffic of each instance has to be less each day."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _RECEIVED, _SENT),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, INSTANCE, PRICED, costs=True),),
        links=(
            ON_DEMAND_PRICING,
            "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-cloudwatch-monitoring.html",
        ),
    ),
)
