"""What the provider itself recommends, from `connectAccount` over a real worker to the graph, scan by scan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.embedded import EngineUrls
from app.recommendations.jobs import request_measuring
from app.schema.node import parse_id
from tests.clients import GraphQL, register
from tests.house.statements import counted
from tests.providers.aws.answering import DENIED, Answering, answering
from tests.providers.moto import ACCOUNT, REGION, far_client
from tests.scanning.company import ADVISERS, Company, worker

ADVICE = """query ($slug: String!, $first: Int!, $where: RecommendationFilter) { organization(slug: $slug) {
  savingsSummary { potential }
  accounts(first: 1) { nodes { providerAdvice { source count readAt completedAt
    problem { code message remedy permission } } } }
  recommendations(first: $first, where: $where) { nodes { checkId subject state resolution remedy isCounted
    check { advice } saving { monthly { amount currency } basis reason }
    secondOpinions { source kind title remedy agrees target monthlySaving { amount currency } savingReason
      lookbackDays refreshedAt link } } } } }"""
HUB, OPTIMIZER = "COST_OPTIMIZATION_HUB", "COMPUTE_OPTIMIZER"
OF_HUB = "aws.advice.cost_optimization_hub"
MOST_SECONDS = 120


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The far sides are a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("127.0.0.1",)})


@pytest.fixture
def advisers() -> Iterator[Answering]:
    """AWS's advisers: the account is enrolled in one of them."""
    enrolled = {"items": [{"accountId": ACCOUNT, "status": "Active"}]}
    with answering(ListEnrollmentStatuses=enrolled, GetEnrollmentStatus={"status": "Inactive"}) as far_side:
        yield far_side


@pytest.fixture
async def company(
    graphql: GraphQL,
    runtime: Runtime,
    moto_url: str,
    advisers: Answering,
    settings: Settings,
    engine_urls: EngineUrls,
) -> AsyncIterator[Company]:
    person = await register(graphql)
    async with worker(settings, engine_urls):
        made = Company(graphql, runtime, person, moto_url)
        await made.connect(**dict.fromkeys(ADVISERS, advisers.url))
        yield made


def volumes(url: str) -> tuple[str, str]:
    """A volume that nothing uses, and one that an instance has."""
    ec2 = far_client(url, "ec2")
    (instance,) = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"]
    made = {"AvailabilityZone": f"{REGION}a", "Size": 100, "VolumeType": "gp3"}
    lone, used = (str(ec2.create_volume(**made)["VolumeId"]) for _ in range(2))
    ec2.attach_volume(VolumeId=used, InstanceId=instance["InstanceId"], Device="/dev/sdf")
    return lone, used


def say(action: str, volume: str, saving: float) -> dict[str, Any]:
    return {
        "recommendationId": "good for a day",
        "accountId": ACCOUNT,
        "region": REGION,
        "resourceId": volume,
        "resourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/{volume}",
        "currentResourceType": "EbsVolume",
        "actionType": action,
        "estimatedMonthlySavings": saving,
        "currencyCode": "USD",
        "lastRefreshTimestamp": 1_795_000_000,
        "recommendationLookbackPeriodInDays": 32,
    }


async def read(
    company: Company, first: int = 10, **where: Any
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], str]:
    """What is told of each adviser by source, each recommendation by check and subject, and what could be saved."""
    values = {"slug": company.person.slug, "first": first, "where": where}
    organization = (await company.graphql.data(ADVICE, values, token=company.person.token))["organization"]
    (account,) = organization["accounts"]["nodes"]
    advice = {each["source"]: each for each in account["providerAdvice"]}
    nodes = {f"{node['checkId']} {node['subject']}": node for node in organization["recommendations"]["nodes"]}
    return advice, nodes, organization["savingsSummary"]["potential"]


async def measured(company: Company, owner: Database) -> tuple[dict[str, Any], dict[str, dict[str, Any]], str]:
    """Measure the account as after a scan, wait until it was looked at, and read."""
    organization_id = parse_id(company.person.organization_id).id
    async with company.runtime.database.write(organization_id) as session:
        (account_id,) = (await session.execute(text("SELECT id FROM accounts"))).scalars()
        await request_measuring(session, organization_id, account_id)
    return await looked(company, owner)


async def looked(company: Company, owner: Database) -> tuple[dict[str, Any], dict[str, dict[str, Any]], str]:
    """Wait until the account was measured and looked at, and read."""
    async with asyncio.timeout(MOST_SECONDS):
        while await _jobs(owner, "IN ('QUEUED', 'RUNNING')"):  # noqa: ASYNC110 - it is the worker's to end them
            await asyncio.sleep(0.05)
    assert await _jobs(owner, "<> 'SUCCEEDED'") == 0
    return await read(company)


async def _jobs(owner: Database, states: str) -> int:
    async with owner.read(None) as session:
        return int((await session.execute(text(f"SELECT count(*) FROM jobs WHERE state {states}"))).scalar_one())  # noqa: S608


async def test_from_the_first_word_to_the_last(
    company: Company, advisers: Answering, runtime: Runtime, moto_url: str, owner: Database
) -> None:
    lone, used = volumes(moto_url)
    both = {"items": [say("Delete", lone, 9.5), say("Rightsize", used, 4.25)]}
    advisers.answers["ListRecommendations"] = both
    assert (await company.scan("ec2"))["state"] in {"SUCCEEDED", "PARTIAL"}
    advice, nodes, potential = await looked(company, owner)
    assert (advice[HUB]["count"], advice[HUB]["problem"]) == (2, None)
    assert advice[OPTIMIZER]["completedAt"] is None
    assert advice[OPTIMIZER]["problem"]["code"] == "NOT_ENABLED"
    assert "Opt in" in advice[OPTIMIZER]["problem"]["remedy"]
    assert nodes.keys() == {f"{OF_HUB} {lone}", f"{OF_HUB} {used}"}
    assert nodes[f"{OF_HUB} {used}"] == {
        "checkId": OF_HUB,
        "subject": used,
        "state": "OPEN",
        "resolution": None,
        "remedy": "RESIZE",
        "isCounted": True,
        "check": {"advice": HUB},
        "saving": {"monthly": {"amount": "4.25", "currency": "USD"}, "basis": "PROVIDER", "reason": None},
        "secondOpinions": [],
    }
    assert potential == "13.75"

    async with owner.write(None) as session:  # as if the volumes had been there for a month
        await session.execute(text("UPDATE resources SET first_seen_at = first_seen_at - interval '30 days'"))
        await session.execute(text("UPDATE account_looks SET ground = 'of another day'"))
    advice, nodes, potential = await measured(company, owner)
    assert (nodes[f"{OF_HUB} {lone}"]["state"], nodes[f"{OF_HUB} {lone}"]["resolution"]) == ("RESOLVED", "MERGED")
    assert nodes[f"aws.ebs.unattached {lone}"]["secondOpinions"] == [
        {
            "source": HUB,
            "kind": "Delete",
            "title": f"Delete {lone}",
            "remedy": "DELETE",
            "agrees": True,
            "target": None,
            "monthlySaving": {"amount": "9.5", "currency": "USD"},
            "savingReason": None,
            "lookbackDays": 32,
            "refreshedAt": "2026-11-18T11:06:40Z",
            "link": "https://docs.aws.amazon.com/cost-management/latest/userguide/cost-optimization-hub.html",
        }
    ]
    assert nodes[f"{OF_HUB} {used}"]["state"] == "OPEN"

    counts = []
    for first in (1, 2):
        with counted(runtime.database) as statements:
            assert len((await read(company, first, state={"eq": "OPEN"}))[1]) == first
        counts.append(len(statements))
    assert counts[0] == counts[1], "statements do not grow with the page"

    advisers.answers["ListRecommendations"] = DENIED
    denied, after, still = await measured(company, owner)
    assert denied[HUB]["problem"]["permission"] == "cost-optimization-hub:ListRecommendations"
    assert (denied[HUB]["count"], denied[HUB]["completedAt"]) == (2, advice[HUB]["completedAt"])
    assert (after, still) == (nodes, potential), "what was told stays while it cannot be read"

    advisers.answers["ListRecommendations"] = {"items": both["items"][:1]}
    advice, nodes, _ = await measured(company, owner)
    assert (advice[HUB]["count"], advice[HUB]["problem"]) == (1, None)
    assert (nodes[f"{OF_HUB} {used}"]["state"], nodes[f"{OF_HUB} {used}"]["resolution"]) == ("RESOLVED", "CHANGED")
    assert nodes[f"aws.ebs.unattached {lone}"]["state"] == "OPEN"
