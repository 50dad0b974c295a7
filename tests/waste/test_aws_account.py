"""All waste of a whole AWS account is found and nothing else, with the right money; what cannot be read is no waste."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.detection.catalogue import CHECKS
from app.embedded import EngineUrls
from tests.clients import GraphQL, register
from tests.providers.aws.cloudwatch import CloudWatch, Refusal, cloudwatch_before
from tests.scanning.company import Company, worker
from tests.waste.aws_waste import expected, known_without_metrics
from tests.waste.looking import Found, count, differences, looked, measured_before, seen_for_long
from tests.waste.seeding import OLD, REGION

SERVICES = (
    *("autoscaling", "ec2", "elb", "elbv2", "lambda", "ecr", "eks", "efs", "fsx", "s3", "logs"),
    *("rds", "docdb", "neptune", "elasticache", "redshift", "dynamodb"),
    *("kinesis", "opensearch", "sagemaker", "emr", "mq", "dms", "transfer"),
    *("kms", "route53", "wafv2", "cloudfront", "cloudtrail"),
)
DENIED = [Refusal("AccessDenied", 403)] * 10_000
"""What CloudWatch answers while metrics are denied."""
PROJECT = Path(__file__).resolve().parents[2]
LEAST_CHECKS = 70


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The emulator is a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("127.0.0.1",)})


@pytest.fixture
def far_account() -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of the account, and native ids by label."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.waste.far_account", str(port)]
    environment = {**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{port}", json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture
def metrics(far_account: tuple[str, dict[str, str]]) -> Iterator[CloudWatch]:
    """CloudWatch of the account, which denies everything for now."""
    with cloudwatch_before(far_account[0]) as found:
        found.faults.extend(DENIED)
        yield found


@pytest.fixture
async def company(
    graphql: GraphQL,
    runtime: Runtime,
    far_account: tuple[str, dict[str, str]],
    metrics: CloudWatch,
    settings: Settings,
    engine_urls: EngineUrls,
) -> AsyncIterator[Company]:
    """A new organization that has connected the account, and a worker."""
    person = await register(graphql)
    async with worker(settings, engine_urls):
        made = Company(graphql, runtime, person, far_account[0], REGION)
        await made.connect(cloudwatch=metrics.url)
        yield made


async def _check_decoys(company: Company, ids: dict[str, str], found: Found) -> None:
    """Each check has looked at something that is no waste, and all that was put there was read."""
    there = {node["nativeId"]: node["resourceType"] for node in (await company.inventory())["resources"]["nodes"]}
    assert set(ids.values()) <= there.keys()
    checks = {check for check, _ in found}
    assert len(checks) >= LEAST_CHECKS
    for check in checks:
        alike = {node for node, type_ in there.items() if type_ in CHECKS[check].resource_types}
        assert alike - {node for each, node in found if each == check}, f"{check} has no decoy"
    assert len(set(ids.values()) - {node for _, node in found}) >= LEAST_CHECKS


async def test_all_waste_is_found_and_nothing_else(
    company: Company, far_account: tuple[str, dict[str, str]], metrics: CloudWatch, owner: Database
) -> None:
    ids, wanted = far_account[1], expected()
    await looked(company, owner, *SERVICES)
    await seen_for_long(owner, OLD)
    denied = await looked(company, owner, SERVICES[0])
    unmeasured = {key: money for key, money in wanted.items() if known_without_metrics(key)}
    assert differences(denied, ids, unmeasured) == [], "without metrics nothing is idle"

    metrics.faults.clear()
    found = await looked(company, owner, SERVICES[0])
    assert differences(found, ids, wanted) == []
    await _check_decoys(company, ids, found)

    metrics.faults.extend(DENIED)
    await measured_before(owner)
    again = await looked(company, owner, SERVICES[0])
    assert again == found, "what was found stays open when metrics are denied"
    refused = "SELECT count(DISTINCT resource_id) FROM resource_usage WHERE problem LIKE '%cloudwatch:GetMetricData%'"
    assert await count(owner, refused) > 0, "they were asked for"
