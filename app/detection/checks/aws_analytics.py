"""EMR, Kinesis and OpenSearch: clusters, streams and domains that idle, are too large, or pay for an old version."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, days, percent
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, exact, has_lived, required, unused
from app.detection.savings import Part, difference, hours, in_all, part, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

EMR: Final = "AWS::EMR::Cluster"
STREAM: Final = "AWS::Kinesis::Stream"
DOMAIN: Final = "AWS::OpenSearchService::Domain"
_HOUR_SECONDS: Final = 3600
_SHARD_IN: Final = Decimal(2**20)
_SHARD_RECORDS: Final = Decimal(1000)
_SHARD_OUT: Final = Decimal(2 * 2**20)
"""What one shard takes and gives a second: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
_OF_STREAM: Final = (("StreamName", "name"),)
_OF_DOMAIN: Final = (("DomainName", "name"), ("ClientId", "account"))
_NORMALIZED: Final = {"micro": Decimal("0.5"), "small": Decimal(1), "medium": Decimal(2), "large": Decimal(4)}
_STANDARD: Final = {
    "Elasticsearch": frozenset({"5.6", "6.8", "7.9", "7.10"}),
    "OpenSearch": frozenset({"1.3"}),
}
_LAST_EXTENDED: Final = {"Elasticsearch": (7, 8), "OpenSearch": (2, 9)}
"""Up to this version, but for those above, extended support is charged since 2025-11-08.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/what-is.html#choosing-version
"""


def _emr_saving(facts: Facts) -> Saving:
    """Its own fee and its machines, where all of them are groups of On-Demand Instances."""
    groups = facts.subject.items("instances")
    if not all(group.get("market") == "ON_DEMAND" and group.get("instanceType") for group in groups) or not groups:
        return unknown("What Spot Instances and fleets cost changes by the hour.")
    parts: list[Part] = []
    for group in groups:
        kind, count = group["instanceType"], Decimal(group.get("running") or 0)
        if count > 0:
            fee = hours(f"emr.{kind}", f"EMR hours of {group.get('role')}", count)
            parts.append(replace(fee, of=facts.subject))  # its machines are on bills of their own
            parts.append(hours(f"ec2.{kind}.linux", f"EC2 hours of {group.get('role')}", count))
    return in_all(facts, *parts)


def _emr_idle(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "WAITING" or not has_lived(facts):
        return None
    if cluster.text("autoTerminationIdleSeconds") is not None or exact(facts.usage("isIdle").minimum) < 1:
        return None
    evidence = (Evidence("state", "WAITING"), Evidence("idle, days", f"{facts.threshold(LOOKBACK_DAYS):f}"))
    return Finding(_emr_saving(facts), evidence)


def _stream_parts(stream: Subject, shards: Decimal | None = None) -> list[Part]:
    if stream.text("mode") == "ON_DEMAND":
        return [hours("kinesis.stream", "stream hours")]
    return [hours("kinesis.shard", "shard hours", stream.number("openShards") if shards is None else shards)]


def _stream_idle(facts: Facts) -> Finding | None:
    stream = facts.subject
    if stream.status != "ACTIVE":
        return None
    # Consumers with a throughput of their own are not told of by the records that are got.
    keys = ("read",) if stream.text("consumers") == "0" else ("read", "written")
    shown = unused(facts, *keys, unit="bytes")
    return None if shown is None else Finding(whole(facts, *_stream_parts(stream)), shown)


def _overshard(facts: Facts) -> Finding | None:
    stream = facts.subject
    if stream.status != "ACTIVE" or stream.text("mode") == "ON_DEMAND" or not has_lived(facts):
        return None
    shards = stream.number("openShards")
    if shards <= 1:
        return None
    needs = (("peakWritten", _SHARD_IN), ("peakRecords", _SHARD_RECORDS), ("peakRead", _SHARD_OUT))
    used = max(busiest_day(facts, key) / _HOUR_SECONDS / most for key, most in needs)
    if used * 100 >= shards * facts.threshold("usedPercent"):
        return None
    # Twice the busiest hour: minutes within it are busier still.
    target = max(Decimal(1), (used * 2).to_integral_value(rounding="ROUND_CEILING"))
    return Finding(
        saving=difference(facts, now=_stream_parts(stream), then=_stream_parts(stream, target)),
        evidence=(Evidence("shards", f"{shards:f}"), Evidence("busiest hour", f"{used:.2f}", "shards")),
        target=f"{target} shards",
    )


def _domain_parts(domain: Subject) -> list[Part]:
    data = domain.number("instanceCount")
    parts = [hours(_code(required(domain, "instanceType")), "hours of data nodes", data)]
    for kind, count, label in (
        ("dedicatedMasterType", "dedicatedMasterCount", "hours of dedicated masters"),
        ("warmType", "warmCount", "hours of warm nodes"),
    ):
        if domain.number(count) > 0:
            parts.append(hours(_code(required(domain, kind)), label, domain.number(count)))
    if domain.flag("ebs"):
        code, size = f"opensearch.storage.{required(domain, 'volumeType')}", domain.number("volumeGigabytes")
        parts.append(Part(code, size * data, PriceUnit.GIB_MONTH, "GiB"))
    return parts


def _code(instance_type: str) -> str:
    """`m6g.large.search` and its older form `m6g.large.elasticsearch` are the same."""
    return f"opensearch.{instance_type.removesuffix('.search').removesuffix('.elasticsearch')}"


def _domain_idle(facts: Facts) -> Finding | None:
    domain = facts.subject
    if domain.status != "Active":
        return None
    shown = unused(facts, "searches", unit="searches")
    if shown is None or (cpu := exact(facts.usage("cpu").maximum)) >= facts.threshold("cpuPercent"):
        return None
    evidence = (*shown, Evidence("busiest day's average CPU", f"{cpu:.1f}", "percent"))
    return Finding(whole(facts, *_domain_parts(domain)), evidence)


def _is_extended(engine: str, version: str) -> bool:
    last = _LAST_EXTENDED.get(engine)
    if last is None or version in _STANDARD[engine]:
        return False
    major, _, minor = version.partition(".")
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) <= last


def _domain_extended(facts: Facts) -> Finding | None:
    domain = facts.subject
    engine, version = required(domain, "engine"), required(domain, "engineVersion")
    if not _is_extended(engine, version):
        return None
    evidence = (Evidence("version", f"{engine} {version}"),)
    units = _normalized_units(domain)
    if units is None:
        return Finding(unknown("The size of one of its nodes is not known."), evidence)
    code, label = "opensearch.extended_support", "normalized instance hours"
    return Finding(part(facts, hours(code, label, units)), evidence)


def _normalized_units(domain: Subject) -> Decimal | None:
    """What AWS counts the size of its nodes as, such as 8 for one of `xlarge`; None where a size has no number."""
    total = Decimal(0)
    for kind, count in (
        ("instanceType", "instanceCount"),
        ("dedicatedMasterType", "dedicatedMasterCount"),
        ("warmType", "warmCount"),
    ):
        number = domain.number(count)
        if number > 0:
            size = required(domain, kind).partition(".")[2].partition(".")[0]
            multiple = size.removesuffix("xlarge") or "1"
            each = _NORMALIZED.get(size)
            if each is None and size.endswith("xlarge") and multiple.isdigit():
                each = Decimal(8 * int(multiple))
            if each is None:
                return None
            total += number * each
    return total


_check: Final[Any] = partial(Check, provider=Provider.AWS, area=Area.ANALYTICS)
_stream_metric = partial(Metric, namespace="AWS/Kinesis", dimensions=_OF_STREAM, silent_at_zero=True)
_NODES: Final = (
    "instanceType",
    "instanceCount",
    "dedicatedMasterType",
    "dedicatedMasterCount",
    "warmType",
    "warmCount",
)
_KINESIS_LINKS: Final = (
    "https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html",
    "https://aws.amazon.com/kinesis/data-streams/pricing/",
)

CHECKS: Final = (
    _check(
        id="aws.emr.idle",
        title="EMR cluster that waits for work and does not end by itself",
        description="A waiting cluster pays all its machines, and without a policy nothing ends it.",
        resource_types=(EMR,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Terminate the cluster, and give the next one an auto-termination policy of an hour.",
        find=_emr_idle,
        properties=("instances", "autoTerminationIdleSeconds"),
        prices=("emr.*", "ec2.*.linux"),
        saving="EMR's fee and the EC2 hours of its instances.",
        parameters=(days(LOOKBACK_DAYS, 1, "How many days it has to be idle without a break.", most=90),),
        metrics=(
            Metric("isIdle", "IsIdle", Daily.MINIMUM, "AWS/ElasticMapReduce", (("JobFlowId", "properties.clusterId"),)),
        ),
        links=(
            "https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html",
            "https://aws.amazon.com/emr/pricing/",
        ),
    ),
    _check(
        id="aws.kinesis.idle",
        title="Data stream that nobody reads",
        description="Shards are paid by the hour, whether records come and are read or not.",
        resource_types=(STREAM,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Find out who still writes to it, stop that, then delete the stream.",
        find=_stream_idle,
        properties=("mode", "openShards", "consumers"),
        prices=("kinesis.*",),
        saving="The hours of its shards, or of the stream where it is on demand.",
        parameters=(days(LOOKBACK_DAYS, 7, "How many days have to pass without a read.", most=90),),
        metrics=(
            _stream_metric("read", "GetRecords.Bytes", Daily.SUM),
            _stream_metric("written", "IncomingBytes", Daily.SUM),
        ),
        links=_KINESIS_LINKS,
    ),
    _check(
        id="aws.kinesis.overshard",
        title="Data stream with many more shards than it needs",
        description="Even the busiest hour uses a small part of what its shards can take and give.",
        resource_types=(STREAM,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Update the shard count to the one told as the target, half of it at a time, or go on-demand.",
        find=_overshard,
        properties=("mode", "openShards"),
        prices=("kinesis.*",),
        saving="The hours of the shards that are there less those of twice what the busiest hour needs.",
        parameters=(
            percent("usedPercent", 20, "The busiest hour has to use less than this of the shards."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(
            _stream_metric("peakWritten", "IncomingBytes", Daily.PEAK_HOUR),
            _stream_metric("peakRecords", "IncomingRecords", Daily.PEAK_HOUR),
            _stream_metric("peakRead", "GetRecords.Bytes", Daily.PEAK_HOUR),
        ),
        links=_KINESIS_LINKS,
    ),
    _check(
        id="aws.opensearch.idle",
        title="Search domain that nobody searches",
        description="A domain without a search and with little CPU pays all its nodes and volumes.",
        resource_types=(DOMAIN,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner, keep a manual snapshot in S3, then delete the domain.",
        find=_domain_idle,
        properties=(*_NODES, "ebs", "volumeType", "volumeGigabytes"),
        prices=("opensearch.*",),
        saving="The hours of all nodes, and their volumes.",
        parameters=(
            percent("cpuPercent", 10, "CPU has to stay below this on the average of each day."),
            days(LOOKBACK_DAYS, 14, "How many days have to pass without a search.", most=90),
        ),
        metrics=(
            Metric("searches", "SearchRate", Daily.MAXIMUM, "AWS/ES", _OF_DOMAIN),
            Metric("cpu", "CPUUtilization", Daily.AVERAGE, "AWS/ES", _OF_DOMAIN),
        ),
        links=(
            "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-cloudwatchmetrics.html",
            "https://aws.amazon.com/opensearch-service/pricing/",
        ),
    ),
    _check(
        id="aws.opensearch.extended",
        title="Search domain that pays for extended support of an old version",
        description="Since the end of standard support each normalized instance hour costs a surcharge.",
        resource_types=(DOMAIN,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.UPGRADE,
        remediation="Upgrade the domain to a version in standard support, by way of those between.",
        find=_domain_extended,
        properties=(*_NODES, "engine", "engineVersion"),
        prices=("opensearch.extended_support",),
        saving="The surcharge: normalized instance hours of all nodes.",
        links=(
            "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/what-is.html",
            "https://aws.amazon.com/opensearch-service/pricing/",
        ),
    ),
)
