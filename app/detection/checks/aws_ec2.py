"""EC2 instances that do nothing: stopped for long, idle, or idle at the same hours of each week."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
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
    percent,
)
from app.detection.checks.aws_ebs import INSTANCE, VOLUME, stopped_since, volume_parts
from app.detection.checks.aws_instance_types import ON_DEMAND_ONLY, PRICED, is_on_demand, machine
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, exact
from app.detection.savings import Part, hours, in_all, nothing, portion, unknown, whole
from app.detection.usage import Usage
from app.records import Provider, RelationshipKind
from app.records.conditions import Below, NoTag, StatusIn, TextNotIn
from app.records.detection import Confidence, Remedy, Saving, Severity

EIP: Final = "AWS::EC2::EIP"
GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
EIP_HOUR: Final = "eip.hour"
EC2_PRICES: Final = ("ec2.*",)
ON_DEMAND_PRICING: Final = "https://aws.amazon.com/ec2/pricing/on-demand/"
_GROUP_TAG: Final = "aws:autoscaling:groupName"
_INSTANCE_ID: Final = (("InstanceId", "id"),)
_MEGABYTE: Final = Decimal(1_000_000)
_WEEK: Final = 7
_HOURS_A_WEEK: Final = 168
_HOURS_A_DAY: Final = 24
_QUIET_PERCENT: Final = 5.0
_CPU: Final = Metric("cpu", "CPUUtilization", Daily.MAXIMUM, "AWS/EC2", _INSTANCE_ID)
_RECEIVED: Final = Metric("received", "NetworkIn", Daily.SUM, "AWS/EC2", _INSTANCE_ID)
_SENT: Final = Metric("sent", "NetworkOut", Daily.SUM, "AWS/EC2", _INSTANCE_ID)
_QUIET: Final = Metric("quietHours", "CPUUtilization", Daily.QUIET_HOURS, "AWS/EC2", _INSTANCE_ID, below=_QUIET_PERCENT)
_VOLUMES: Final = Neighbours(
    RelationshipKind.ATTACHED_TO,
    VOLUME,
    ("volumeType", "sizeGiB", "iops", "throughputMiBps", "attachments"),
    costs=True,
)
_ADDRESSES: Final = Neighbours(RelationshipKind.ATTACHED_TO, EIP, costs=True)
RUNNING: Final = StatusIn(("running",))
NO_MEMBER: Final = NoTag(_GROUP_TAG)
"""A group that started an instance decides about it, and would replace it."""
_MONITORING: Final = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html"


def running_cost(facts: Facts) -> Saving:
    """What an instance costs while it runs."""
    if facts.cost is None and not is_on_demand(facts.subject):
        return unknown("Spot prices move from hour to hour; only its charges tell what it costs.")
    return whole(facts, machine(facts.subject))


def _stopped_long(facts: Facts) -> Finding | None:
    instance = facts.subject
    since = stopped_since(instance)
    if since is None or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=_left_behind(facts),
        evidence=(Evidence("state", "stopped"), Evidence("stopped since", since.isoformat())),
        covers_parts=True,
    )


def _left_behind(facts: Facts) -> Saving:
    """What is paid for a stopped instance: its volumes and its addresses."""
    volumes = {each.native_id: each for each in facts.related(RelationshipKind.ATTACHED_TO, VOLUME)}
    named = {each.get("volumeId") for each in facts.subject.items("blockDevices")} - {None}
    missing = sorted(named - volumes.keys())
    if missing:
        return unknown(f"Its volumes were not all read: {', '.join(missing)}.")
    parts = list(_parts(volumes.values(), facts.related(RelationshipKind.ATTACHED_TO, EIP)))
    return in_all(facts, *parts) if parts else nothing("It has no volumes and no addresses.")


def _parts(volumes: Iterable[Subject], addresses: Iterable[Subject]) -> Iterator[Part]:
    for volume in volumes:
        for part in volume_parts(volume):
            yield replace(part, label=f"{part.label} of {volume.native_id}", of=volume)
    for address in addresses:
        yield replace(hours(EIP_HOUR, f"hours of {address.native_id}"), of=address)


def _idle(facts: Facts) -> Finding | None:
    cpu = exact(facts.usage("cpu").maximum)
    traffic = busiest_day(facts, "received", "sent") / _MEGABYTE
    return Finding(
        saving=running_cost(facts),
        evidence=(
            Evidence("busiest moment", f"{cpu:f}", "% CPU"),
            Evidence("busiest day", f"{traffic:f}", "MB sent and received"),
            Evidence("days", str(facts.usage("cpu").days)),
        ),
    )


def _schedule_candidate(facts: Facts) -> Finding | None:
    quiet = _quiet_hours_of_the_week(facts.usage("quietHours"))
    share = Decimal(quiet) / _HOURS_A_WEEK
    if quiet == _HOURS_A_WEEK or share * 100 <= facts.threshold("quietPercent"):
        return None
    return Finding(
        saving=portion(running_cost(facts), share, "share of quiet hours"),
        evidence=(
            Evidence("hours that are quiet each week", str(quiet), "of 168"),
            Evidence("days", str(facts.usage("quietHours").days)),
        ),
        target=f"runs {_HOURS_A_WEEK - quiet} hours a week",
    )


def _quiet_hours_of_the_week(usage: Usage) -> int:
    """How many hours of a week were quiet in each week of the window; one that is not known was not."""
    count = 0
    for weekday in range(_WEEK):
        of_the_day = usage.values[weekday::_WEEK]
        always = (1 << _HOURS_A_DAY) - 1 if of_the_day else 0
        for hours_of_a_day in of_the_day:
            always &= int(hours_of_a_day or 0)
        count += always.bit_count()
    return count


CHECKS: Final = (
    Check(
        id="aws.ec2.stopped_long",
        title="Instance that has long been stopped",
        description="A stopped instance is not paid for, but its volumes and its Elastic IP addresses are. Members of "
        "Auto Scaling groups are left out: a group may keep some stopped to have them at hand.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Ask its owner. If it may be needed again, make an image of it. Then terminate it, delete the "
        "volumes that are left and release its addresses.",
        find=_stopped_long,
        only_where=(StatusIn(("stopped",)), NO_MEMBER),
        properties=("stateChangedAt", "blockDevices"),
        prices=("ebs.*", EIP_HOUR),
        saving="Its volumes and its Elastic IP addresses.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to be stopped."),),
        neighbours=(_VOLUMES, _ADDRESSES),
        links=(
            "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html",
            "https://aws.amazon.com/ebs/pricing/",
        ),
    ),
    Check(
        id="aws.ec2.idle",
        title="Instance that does nothing",
        description="Its processor was never busy and it sent and received next to nothing, yet each hour is paid. "
        "Members of Auto Scaling groups are looked at with their group.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Ask its owner what it is for, then stop it. If nobody misses it for some weeks, make an image and "
        "terminate it with its volumes.",
        find=_idle,
        only_where=(
            RUNNING,
            NO_MEMBER,
            TextNotIn("tenancy", ("host",)),
            Below(("cpu",), "cpuPercent"),
            Below(("received", "sent"), "networkMegabytesPerDay", unit=_MEGABYTE),
        ),
        properties=PRICED,
        prices=EC2_PRICES,
        saving="All hours of the instance; its volumes are still paid while it is stopped.",
        parameters=(
            percent("cpuPercent", 5, "The processor has to be less busy than this at all times."),
            Parameter("networkMegabytesPerDay", Decimal(5), "MB", "Each day has to have less traffic, in and out."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _RECEIVED, _SENT),
        links=(ON_DEMAND_PRICING, _MONITORING),
    ),
    Check(
        id="aws.ec2.schedule_candidate",
        title="Instance that is needed at some hours only",
        description="Most hours of the week it does nothing, the same ones each week: nights and weekends, as a rule. "
        "An hour is quiet where the processor was busy for less than 5 % on average.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.SCHEDULE,
        remediation="Let a schedule stop and start it around the hours in which it works, for instance EventBridge "
        "Scheduler or Instance Scheduler on AWS. Check first that nothing else has to reach it at other times.",
        find=_schedule_candidate,
        only_where=(RUNNING, NO_MEMBER, *ON_DEMAND_ONLY),
        properties=PRICED,
        prices=EC2_PRICES,
        saving="The share of its hours that are quiet in each week.",
        parameters=(
            percent("quietPercent", 60, "More than this of a week's hours has to be quiet."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at; whole weeks are best.", most=90),
        ),
        metrics=(_QUIET,),
        links=(ON_DEMAND_PRICING, "https://aws.amazon.com/solutions/implementations/instance-scheduler-on-aws/"),
    ),
)
