"""Containers: EKS clusters without nodes or on old versions, ECS services that are too large, stale images in ECR."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Neighbours, days, percent
from app.detection.checks.aws_ebs import INSTANCE
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact
from app.detection.savings import Part, difference, hours, part, portion, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

CLUSTER: Final = "AWS::EKS::Cluster"
SERVICE: Final = "AWS::ECS::Service"
REPOSITORY: Final = "AWS::ECR::Repository"
_ACTIVE: Final = "ACTIVE"
_CLUSTER_HOUR: Final = "eks.cluster.hour"
_EXTENDED_HOUR: Final = "eks.extended_support.hour"
_ECR_STORAGE: Final = "ecr.storage"
_FARGATE: Final = "FARGATE"
_UNITS_A_CPU: Final = 1024
_MIB_A_GIB: Final = 1024
_HEADROOM: Final = Decimal("1.2")
_TASK_SIZES: Final = (
    (256, (512, 1024, 2048)),
    (512, range(1024, 4096 + 1, 1024)),
    (1024, range(2048, 8192 + 1, 1024)),
    (2048, range(4096, 16384 + 1, 1024)),
    (4096, range(8192, 30720 + 1, 1024)),
    (8192, range(16384, 61440 + 1, 4096)),
    (16384, range(32768, 122880 + 1, 8192)),
)
"""Units of processor, 1,024 for a virtual CPU, and the MiB of memory that Fargate offers with them."""
_GOAL_PERCENT: Final = 40
"""How busy the processor of a smaller task may be on average."""
_OF_SERVICE: Final = (("ClusterName", "properties.clusterName"), ("ServiceName", "name"))
_CPU: Final = Metric("cpu", "CPUUtilization", Daily.AVERAGE, "AWS/ECS", _OF_SERVICE)
_MEMORY: Final = Metric("memory", "MemoryUtilization", Daily.MAXIMUM, "AWS/ECS", _OF_SERVICE)
_UNTAGGED_DAYS: Final = "untaggedDays"
_UNPULLED_DAYS: Final = "unpulledDays"
_EKS_PRICING: Final = "https://aws.amazon.com/eks/pricing/"


def _extended_since(facts: Facts) -> datetime | None:
    """Since when a cluster pays for the extended support of its version; None while it does not."""
    ends = facts.subject.moment("standardSupportEndsAt")
    if ends is None:
        message = f"When the standard support of the version of {facts.subject.native_id} ends is not known."
        raise UnknownFactError(message)
    return ends if ends <= facts.now else None


def _is_ours(cluster: Subject) -> bool:
    """Whether AWS runs the cluster; others are connected to EKS only to be seen."""
    return cluster.status == _ACTIVE and cluster.text("connectedFrom") is None


def _empty_cluster(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if not _is_ours(cluster) or cluster.flag("autoMode") or cluster.flag("outpost"):
        return None
    if cluster.items("nodegroups") or cluster.items("fargateProfiles"):
        return None
    made = cluster.created_at or cluster.first_seen_at
    since = max(made, cluster.same_since("nodegroups"), cluster.same_since("fargateProfiles"))
    facts.none_other(INSTANCE)
    if facts.related(RelationshipKind.MEMBER_OF, INSTANCE) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    parts = [hours(_CLUSTER_HOUR, "hours")]
    ends = cluster.moment("standardSupportEndsAt")
    if ends is not None and ends <= facts.now:
        parts.append(hours(_EXTENDED_HOUR, "hours of extended support"))
    return Finding(
        saving=whole(facts, *parts),
        evidence=(
            Evidence("node groups, Fargate profiles and instances", "0"),
            Evidence("since, at the latest", since.isoformat()),
        ),
    )


def _extended_support(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if not _is_ours(cluster):
        return None
    since = _extended_since(facts)
    if since is None:
        return None
    return Finding(
        saving=part(facts, hours(_EXTENDED_HOUR, "hours of extended support")),
        evidence=(
            Evidence("version", cluster.text("version") or "unknown"),
            Evidence("standard support ended", since.isoformat()),
        ),
    )


def _low_utilization(facts: Facts) -> Finding | None:
    service = facts.subject
    count = service.number("desiredCount")
    launch = _launched_on(service)
    if service.status != _ACTIVE or count == 0 or launch == "EXTERNAL":
        return None
    cpu, memory = exact(facts.usage("cpu").maximum), exact(facts.usage("memory").maximum)
    if cpu >= facts.threshold("cpuPercent"):
        return None
    evidence = (
        Evidence("tasks", f"{count:f}"),
        Evidence("busiest day's average", f"{cpu:f}", "% CPU"),
        Evidence("busiest moment", f"{memory:f}", "% memory"),
        Evidence("days", str(facts.usage("cpu").days)),
    )
    if launch != _FARGATE:
        why = "Its tasks run on instances or on spot capacity, whose bill does not tell what a smaller task saves."
        return Finding(saving=unknown(why), evidence=evidence)
    now = (service.number("taskCpuUnits"), service.number("taskMemoryMib"))
    target = _smallest_task(now[0] * cpu / _GOAL_PERCENT, min(now[1], now[1] * memory / 100 * _HEADROOM))
    if target is None or target[0] > now[0] or target == now:
        return None
    saving = difference(facts, now=_task(service, now, count, "now"), then=_task(service, target, count, "then"))
    return Finding(saving=saving, evidence=evidence, target=f"{target[0]} units and {target[1]} MiB a task")


def _launched_on(service: Subject) -> str:
    """FARGATE, EC2, EXTERNAL, or what its capacity providers are where they are of several kinds."""
    launch = service.text("launchType")
    providers = {str(each.get("provider")) for each in service.items("capacityProviders")}
    return "+".join(sorted(providers)) if providers else launch or "EC2"


def _smallest_task(units: Decimal, mib: Decimal) -> tuple[Decimal, Decimal] | None:
    for offered, memories in _TASK_SIZES:
        fitting = next((each for each in memories if each >= mib), None)
        if offered >= units and fitting is not None:
            return Decimal(offered), Decimal(fitting)
    return None


def _task(service: Subject, size: tuple[Decimal, Decimal], count: Decimal, when: str) -> list[Part]:
    system = (service.text("operatingSystem") or "LINUX").partition("_")[0].lower()
    arm = service.text("architecture") == "ARM64"
    family = "fargate.arm" if arm else "fargate" if system == "linux" else f"fargate.{system}"
    return [
        hours(f"{family}.vcpu.hour", f"virtual CPU hours {when}", count * size[0] / _UNITS_A_CPU),
        hours(f"{family}.gib.hour", f"GiB-hours {when}", count * size[1] / _MIB_A_GIB),
    ]


def _stale_images(facts: Facts) -> Finding | None:
    images = _images(facts.subject)
    total = Decimal(images["bytes"])
    unpulled = _older(facts, images["byMonthOfLastUse"], _UNPULLED_DAYS)
    # The images of one platform each, behind a list of them, have no tags and are used nevertheless.
    untagged = Decimal(0) if images["indexes"] else _older(facts, images["untaggedByMonthOfPush"], _UNTAGGED_DAYS)
    stale = max(unpulled, untagged)
    if stale == 0:
        return None
    return Finding(
        saving=_share_of_storage(facts, stale, total),
        evidence=(
            Evidence("stored", f"{total / GIB:.2f}", "GiB"),
            Evidence("not pulled for long", f"{unpulled / GIB:.2f}", "GiB"),
            Evidence("without a tag for long", f"{untagged / GIB:.2f}", "GiB"),
        ),
    )


def _share_of_storage(facts: Facts, stale: Decimal, total: Decimal) -> Saving:
    stored = Part(_ECR_STORAGE, total / GIB, PriceUnit.GIB_MONTH, "GiB")
    return portion(whole(facts, stored), stale / total, "share that is stale")


def _images(repository: Subject) -> Mapping[str, Any]:
    if repository.text("images") is None:
        message = f"The images of {repository.native_id} are not known."
        raise UnknownFactError(message)
    images: Mapping[str, Any] = repository.properties["images"]
    return images


def _older(facts: Facts, months: Mapping[str, Mapping[str, int]], name: str) -> Decimal:
    """The bytes of the months that were over so many days ago."""
    ended = (sizes["bytes"] for month, sizes in months.items() if month != "unknown" and _is_over(facts, month, name))
    return Decimal(sum(ended))


def _is_over(facts: Facts, month: str, name: str) -> bool:
    year, number = map(int, month.split("-"))
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return facts.is_older(end, name)


CHECKS: Final = (
    Check(
        id="aws.eks.empty",
        title="EKS cluster without nodes",
        description="An EKS cluster is paid by the hour. This one has no node groups, no Fargate profiles and no "
        "instances of its own, so nothing can run in it.",
        provider=Provider.AWS,
        area=Area.CONTAINERS,
        resource_types=(CLUSTER,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner. Save what is declared in it if it may be needed again, then delete the cluster.",
        find=_empty_cluster,
        properties=(
            "autoMode",
            "connectedFrom",
            "fargateProfiles",
            "nodegroups",
            "outpost",
            "standardSupportEndsAt",
        ),
        watched=("nodegroups", "fargateProfiles"),
        prices=(_CLUSTER_HOUR, _EXTENDED_HOUR),
        saving="All hours of the cluster, with extended support where its version is old.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be without nodes."),),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, INSTANCE),),
        absence_of=(INSTANCE,),
        links=(_EKS_PRICING, "https://docs.aws.amazon.com/eks/latest/userguide/delete-cluster.html"),
    ),
    Check(
        id="aws.eks.extended_support",
        title="EKS cluster that pays for the support of an old version",
        description="When the standard support of its Kubernetes version has ended, a cluster costs six times as much "
        "an hour until it is upgraded.",
        provider=Provider.AWS,
        area=Area.CONTAINERS,
        resource_types=(CLUSTER,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.UPGRADE,
        remediation="Upgrade the cluster one minor version after the other, then its nodes and add-ons. EKS's upgrade "
        "insights tell what would break.",
        find=_extended_support,
        properties=("connectedFrom", "standardSupportEndsAt", "version"),
        prices=(_EXTENDED_HOUR,),
        saving="What extended support costs more an hour.",
        links=(
            _EKS_PRICING,
            "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html",
        ),
    ),
    Check(
        id="aws.ecs.low_util",
        title="ECS service whose tasks are hardly used",
        description="On no day was the processor of its tasks busy to speak of. On Fargate a task is paid by the "
        "processor and the memory that it is given, so smaller tasks cost less.",
        provider=Provider.AWS,
        area=Area.CONTAINERS,
        resource_types=(SERVICE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Register the task definition with the size told as the target and update the service; or let "
        "fewer tasks run. Watch it for some days.",
        find=_low_utilization,
        properties=(
            "architecture",
            "capacityProviders",
            "clusterName",
            "desiredCount",
            "launchType",
            "operatingSystem",
            "taskCpuUnits",
            "taskMemoryMib",
        ),
        prices=("fargate.*",),
        saving="On Fargate: price of the tasks less the price of the smallest that keep to 40 % of their processor and "
        "leave a fifth of memory. Elsewhere unknown.",
        parameters=(
            percent("cpuPercent", 10, "On each day the tasks have to need less of their processor on average."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _MEMORY),
        permissions=("ecs:DescribeTaskDefinition",),
        links=(
            "https://aws.amazon.com/fargate/pricing/",
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html",
        ),
    ),
    Check(
        id="aws.ecr.stale_images",
        title="Repository with images that nobody pulls",
        description="Images that have had no tag for long, or were not pulled for long, are stored and paid all the "
        "same. Counted by whole months, so somewhat less than there is.",
        provider=Provider.AWS,
        area=Area.CONTAINERS,
        resource_types=(REPOSITORY,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Give the repository a lifecycle policy that expires untagged images and old versions. Keep what "
        "running services or a roll-back may still need.",
        find=_stale_images,
        properties=("images",),
        prices=(_ECR_STORAGE,),
        saving="Of what the repository costs the share of the bytes that are stale.",
        parameters=(
            days(_UNTAGGED_DAYS, 30, "How long ago an image without a tag has to be pushed."),
            days(_UNPULLED_DAYS, 90, "How long ago an image has to be pulled last, or pushed if it never was."),
        ),
        links=(
            "https://aws.amazon.com/ecr/pricing/",
            "https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html",
        ),
    ),
)
