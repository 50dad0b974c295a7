"""Checks of EMR, Kinesis and OpenSearch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_analytics import DOMAIN, EMR, STREAM
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "emr.m5.xlarge": ("0.1", PriceUnit.HOUR),
    "ec2.m5.xlarge.linux": ("0.2", PriceUnit.HOUR),
    "kinesis.shard": ("0.02", PriceUnit.HOUR),
    "kinesis.stream": ("0.04", PriceUnit.HOUR),
    "opensearch.r6g.large": ("0.2", PriceUnit.HOUR),
    "opensearch.m6g.large": ("0.1", PriceUnit.HOUR),
    "opensearch.ultrawarm1.medium": ("0.3", PriceUnit.HOUR),
    "opensearch.storage.gp3": ("0.1", PriceUnit.GIB_MONTH),
    "opensearch.extended_support": ("0.01", PriceUnit.HOUR),
}
ON_DEMAND = {"role": "CORE", "instanceType": "m5.xlarge", "market": "ON_DEMAND", "running": 2}
MIB = 2**20


def cluster(status: str = "WAITING", born: float = 10, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"instances": [ON_DEMAND, ON_DEMAND | {"role": "MASTER", "running": 1}]}
    plain["autoTerminationIdleSeconds"] = None
    return subject(EMR, "arn:emr", status=status, created_at=ago(born), properties=plain | properties)


def stream(status: str = "ACTIVE", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"mode": "PROVISIONED", "openShards": 10, "consumers": 0}
    return subject(STREAM, "arn:stream", status=status, created_at=ago(born), properties=plain | properties)


def domain(status: str = "Active", **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "instanceType": "r6g.large.search",
        "instanceCount": 2,
        "dedicatedMasterType": None,
        "dedicatedMasterCount": 0,
        "warmType": None,
        "warmCount": 0,
        "ebs": True,
        "volumeType": "gp3",
        "volumeGigabytes": 100,
        "engine": "OpenSearch",
        "engineVersion": "2.11",
    }
    return subject(DOMAIN, "arn:domain", status=status, properties=plain | properties)


def is_idle(value: float | None) -> dict[str, Usage | None]:
    return {"isIdle": flat(value, 1)}


def flow(read: float | None, written: float | None = 0) -> dict[str, Usage | None]:
    return {"read": flat(read, 7), "written": flat(written, 7)}


def peaks(written: float | None, records: float | None = 0, read: float | None = 0) -> dict[str, Usage | None]:
    """MiB, records and MiB a second in the busiest hour."""
    told = {
        "peakWritten": None if written is None else written * MIB,
        "peakRecords": records,
        "peakRead": None if read is None else read * MIB,
    }
    return {key: flat(None if value is None else value * 3600, 7) for key, value in told.items()}


def load(searches: float | None, cpu: float | None) -> dict[str, Usage | None]:
    return {"searches": flat(searches, 14), "cpu": flat(cpu, 14)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CLUSTERS = (
    # Three machines for 0.3 an hour.
    case("emr.idle", "found", cluster(), FOUND, "657.0000", usages=is_idle(1)),
    # 30 in 30 days for EMR, and three machines for 0.2 an hour, which have bills of their own.
    case(
        "emr.idle",
        "charges",
        cluster(),
        FOUND,
        "468.4375",
        usages=is_idle(1),
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
    case("emr.idle", "clear", cluster(), CLEAR, usages=is_idle(0)),
    case("emr.idle", "missing:isIdle", cluster(), UNKNOWN, usages=is_idle(None)),
    case("emr.idle", "at work", cluster("RUNNING"), CLEAR),
    case("emr.idle", "ends by itself", cluster(autoTerminationIdleSeconds=3600), CLEAR),
    case("emr.idle", "policy could not be read", cluster(unreadable=["autoTerminationIdleSeconds"]), UNKNOWN),
    case("emr.idle", "too new", cluster(born=0.5), CLEAR),
    case(
        "emr.idle",
        "Spot Instances",
        cluster(instances=[ON_DEMAND | {"market": "SPOT"}]),
        FOUND,
        "unknown",
        usages=is_idle(1),
    ),
)
STREAMS = (
    case("kinesis.idle", "found", stream(), FOUND, "146.0000", usages=flow(0)),
    case("kinesis.idle", "written but never read", stream(), FOUND, "146.0000", usages=flow(0, 1000)),
    case("kinesis.idle", "clear", stream(), CLEAR, usages=flow(1)),
    case("kinesis.idle", "consumers of their own", stream(consumers=1), CLEAR, usages=flow(0, 1)),
    case("kinesis.idle", "consumers of nothing", stream(consumers=1), FOUND, "146.0000", usages=flow(0)),
    case("kinesis.idle", "consumers that are not told", stream(consumers=None), CLEAR, usages=flow(0, 1)),
    case("kinesis.idle", "on demand", stream(mode="ON_DEMAND", openShards=4), FOUND, "29.2000", usages=flow(0)),
    case("kinesis.idle", "missing:read", stream(), UNKNOWN, usages=flow(None)),
    case("kinesis.idle", "missing:written", stream(consumers=1), UNKNOWN, usages=flow(0, None)),
    case("kinesis.idle", "too new", stream(born=6), CLEAR),
    case("kinesis.idle", "being made", stream("CREATING"), CLEAR),
    # 1.2 shards are used: 3 would do.
    case("kinesis.overshard", "found", stream(), FOUND, "102.2000", target="3 shards", usages=peaks(1.2)),
    case("kinesis.overshard", "clear", stream(), CLEAR, usages=peaks(5)),
    case("kinesis.overshard", "many small records", stream(), CLEAR, usages=peaks(0.1, 3000)),
    case("kinesis.overshard", "read more than written", stream(), CLEAR, usages=peaks(0.1, 0, 6)),
    case("kinesis.overshard", "boundary:usedPercent", stream(), CLEAR, usages=peaks(2)),
    case("kinesis.overshard", "boundary:usedPercent", stream(), FOUND, usages=peaks(1.99)),
    case("kinesis.overshard", "missing:peakWritten", stream(), UNKNOWN, usages=peaks(None)),
    case("kinesis.overshard", "missing:peakRecords", stream(), UNKNOWN, usages=peaks(0, None)),
    case("kinesis.overshard", "missing:peakRead", stream(), UNKNOWN, usages=peaks(0, 0, None)),
    case("kinesis.overshard", "nothing comes", stream(), FOUND, "131.4000", target="1 shards", usages=peaks(0)),
    case("kinesis.overshard", "one shard", stream(openShards=1), CLEAR),
    case("kinesis.overshard", "on demand", stream(mode="ON_DEMAND"), CLEAR),
)
DOMAINS = (
    # 292 for nodes and 20 for volumes.
    case("opensearch.idle", "found", domain(), FOUND, "312.0000", usages=load(0, 3)),
    case("opensearch.idle", "clear", domain(), CLEAR, usages=load(1, 3)),
    case("opensearch.idle", "boundary:cpuPercent", domain(), CLEAR, usages=load(0, 10)),
    case("opensearch.idle", "boundary:cpuPercent", domain(), FOUND, usages=load(0, 9.9)),
    case("opensearch.idle", "missing:searches", domain(), UNKNOWN, usages=load(None, 3)),
    case("opensearch.idle", "missing:cpu", domain(), UNKNOWN, usages=load(0, None)),
    case("opensearch.idle", "being changed", domain("Modifying"), CLEAR),
    case(
        "opensearch.idle",
        "masters and warm nodes",
        domain(
            dedicatedMasterType="m6g.large.search",
            dedicatedMasterCount=3,
            warmType="ultrawarm1.medium.search",
            warmCount=1,
            ebs=False,
        ),
        FOUND,
        "730.0000",
        usages=load(0, 3),
    ),
    # Two nodes of four each.
    case("opensearch.extended", "found", domain(engineVersion="2.9"), FOUND, "58.4000"),
    case("opensearch.extended", "clear", domain(), CLEAR),
    case("opensearch.extended", "the last of its line", domain(engineVersion="1.3"), CLEAR),
    case("opensearch.extended", "Elasticsearch", domain(engine="Elasticsearch", engineVersion="7.4"), FOUND, "58.4000"),
    case("opensearch.extended", "Elasticsearch 7.10", domain(engine="Elasticsearch", engineVersion="7.10"), CLEAR),
    case(
        "opensearch.extended",
        "larger nodes",
        domain(engineVersion="1.0", instanceType="r5.2xlarge.search", instanceCount=1),
        FOUND,
        "116.8000",
    ),
    case(
        "opensearch.extended",
        "a size without a number",
        domain(engineVersion="1.0", instanceType="r5.metal.search"),
        FOUND,
        "unknown",
    ),
    case("opensearch.extended", "no version", domain(engineVersion=None), UNKNOWN),
)
CASES = (*CLUSTERS, *STREAMS, *DOMAINS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
