"""A whole account, from `connectAccount` over a real worker to the graph: every type, its relations, what changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.config import Settings
from app.context import Runtime
from app.embedded import EngineUrls
from app.providers.aws.cloud import AwsCloud
from tests.clients import GraphQL, register
from tests.providers.moto import REGION, far_client
from tests.scanning.company import Company, worker
from tests.scanning.moto_account import Seeded, seed

# Services of which moto has nothing that is read; asking in vain, three times with pauses, is another test's matter.
ABSENT_FROM_MOTO = {
    "appstream",
    "bedrock",
    "globalaccelerator",
    "mwaa",
    "reserved-instances",
    "savingsplans",
    "storagegateway",
}
# What it does not know of the others is a failure of the far side, never an empty list.
UNKNOWN_TO_MOTO = {
    "AWS::EC2::CapacityReservation",
    "AWS::EC2::ClientVpnEndpoint",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::Redshift::ScheduledAction",
    "AWS::SageMaker::App",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The emulator is a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("127.0.0.1",)})


@pytest.fixture
async def company(
    graphql: GraphQL, runtime: Runtime, moto_url: str, settings: Settings, engine_urls: EngineUrls
) -> AsyncIterator[Company]:
    person = await register(graphql)
    async with worker(settings, engine_urls):
        yield Company(graphql, runtime, person, moto_url)


def failed_types(scan: dict[str, Any]) -> set[str]:
    """The types that could not be read."""
    return {type_ for step in scan["steps"] for problem in step["problems"] for type_ in problem["resourceTypes"]}


def related(inventory: dict[str, Any], native_id: str) -> set[tuple[str, str]]:
    """What a resource says of others that are in the inventory."""
    (found,) = [node for node in inventory["resources"]["nodes"] if node["nativeId"] == native_id]
    return {(each["kind"], each["nativeId"]) for each in found["relationships"] if each["resource"]}


async def test_every_type_of_an_account_with_its_relations(company: Company) -> None:
    made = await asyncio.to_thread(seed, company.url)
    await company.connect()
    scan = await company.scan(*({service.name for service in AwsCloud().services()} - ABSENT_FROM_MOTO))

    assert failed_types(scan) == UNKNOWN_TO_MOTO, "everything else was read"
    assert scan["state"] == "PARTIAL"
    assert scan["totals"]["found"] == scan["totals"]["added"] > 60
    inventory = await company.inventory()
    counts = {entry["key"]: entry["count"] for entry in inventory["inventorySummary"]["byType"]}
    known = {type_ for service in AwsCloud().services() for each in service.collectors for type_ in each.resource_types}
    assert len(counts) >= 40
    assert set(counts) <= known
    assert sum(counts.values()) == inventory["resources"]["totalCount"] == scan["totals"]["found"]
    assert inventory["accounts"]["nodes"] == [{"health": {"state": "DEGRADED"}}]
    _check_relations(inventory, made)
    assert "canary" not in json.dumps(inventory), "no secret of a customer's resource is kept"


def _check_relations(inventory: dict[str, Any], made: Seeded) -> None:
    ids = made.ids
    assert related(inventory, ids["web"]) >= {
        ("IN_NETWORK", ids["vpc"]),
        ("IN_NETWORK", ids["subnet"]),
        ("CREATED_FROM", ids["image"]),
    }
    assert related(inventory, ids["volume"]) >= {("ATTACHED_TO", ids["web"]), ("CREATED_FROM", ids["snapshot"])}
    assert related(inventory, ids["loose"]) == set()
    assert related(inventory, ids["snapshot"]) == {("CREATED_FROM", ids["snapshot_source"])}
    assert related(inventory, ids["targets"]) >= {("BEHIND", ids["balancer"])}
    assert related(inventory, ids["database_snapshot"]) >= {("CREATED_FROM", ids["database"])}
    assert ("IN_NETWORK", ids["vpc"]) in related(inventory, ids["nat"])
    assert ("MEMBER_OF", f"arn:aws:eks:{REGION}:123456789012:cluster/shop") in {
        pair
        for node in inventory["resources"]["nodes"]
        if node["resourceType"] == "AWS::EKS::Nodegroup"
        for pair in related(inventory, node["nativeId"])
    }


async def test_deletions_changes_and_a_denied_service_in_a_second_scan(company: Company) -> None:
    services = ("logs", "rds", "dynamodb", "s3")
    made = await asyncio.to_thread(_seed_little, company.url)
    await company.connect(*(await asyncio.to_thread(_make_user, company.url)))
    first = await company.scan(*services)
    assert first["state"] == "SUCCEEDED", first
    assert first["totals"]["added"] == first["totals"]["found"] >= 5
    before = {node["nativeId"]: node["id"] for node in (await company.inventory())["resources"]["nodes"]}
    again = await company.scan(*services)
    assert again["totals"] == {**first["totals"], "added": 0, "unchanged": first["totals"]["found"]}

    await asyncio.to_thread(_change, made)
    try:
        second = await company.scan(*services)
    finally:
        await asyncio.to_thread(_ask_for_permissions_after, company.url, "inf")

    assert second["state"] == "PARTIAL"
    steps = {step["service"]: step for step in second["steps"]}
    assert {name: step["state"] for name, step in steps.items()} == {
        "logs": "SUCCEEDED",
        "rds": "FAILED",
        "dynamodb": "SUCCEEDED",
        "s3": "PARTIAL",
    }
    (hidden,) = steps["s3"]["problems"]
    assert (hidden["code"], hidden["permission"]) == ("DENIED", "s3:GetBucketVersioning")
    assert {problem["code"] for problem in steps["rds"]["problems"]} == {"DENIED"}
    assert "rds:DescribeDBInstances" in {problem["permission"] for problem in steps["rds"]["problems"]}
    counts = {name: [step[key] for key in ("added", "changed", "removed", "unchanged")] for name, step in steps.items()}
    assert counts == {"logs": [0, 1, 0, 1], "rds": [0, 0, 0, 0], "dynamodb": [0, 0, 1, 0], "s3": [1, 0, 0, 1]}
    inventory = await company.inventory()
    after = {node["nativeId"]: node["id"] for node in inventory["resources"]["nodes"]}
    assert after.keys() - before.keys() == {"skyledger-new"}
    assert before.keys() - after.keys() == {f"arn:aws:dynamodb:{REGION}:123456789012:table/carts"}
    assert made.ids["database"] in after, "what could not be read stays"
    assert all(after[native_id] == id_ for native_id, id_ in before.items() if native_id in after), "same rows"
    (bucket,) = [node for node in inventory["resources"]["nodes"] if node["name"] == "skyledger-old"]
    assert bucket["properties"]["versioning"] == "Enabled", "what was last known of a denied property stays"
    assert "versioning" in bucket["properties"]["unreadable"]
    (changed,) = [node for node in inventory["resources"]["nodes"] if node["name"] == "/shop/web"]
    assert changed["properties"]["retentionDays"] == 14
    assert inventory["accounts"]["nodes"] == [{"health": {"state": "DEGRADED"}}]


def _seed_little(url: str) -> Seeded:
    made = Seeded(url)
    for name in ("/shop/web", "/shop/jobs"):
        made.client("logs").create_log_group(logGroupName=name)
    made.client("s3").create_bucket(Bucket="skyledger-old", CreateBucketConfiguration={"LocationConstraint": REGION})
    made.client("s3").put_bucket_versioning(Bucket="skyledger-old", VersioningConfiguration={"Status": "Enabled"})
    made.client("dynamodb").create_table(
        TableName="carts",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    made.client("rds").create_db_instance(
        DBInstanceIdentifier="orders", DBInstanceClass="db.m5.large", Engine="postgres", AllocatedStorage=100
    )
    made.ids["database"] = f"arn:aws:rds:{REGION}:123456789012:db:orders"
    return made


def _make_user(url: str) -> tuple[str, str]:
    """A user that may do everything for now: its keys."""
    iam = far_client(url, "iam")
    iam.create_user(UserName="skyledger")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="skyledger", PolicyName="allow", PolicyDocument=json.dumps(allow))
    key = iam.create_access_key(UserName="skyledger")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _change(made: Seeded) -> None:
    """A table goes, a log group changes, a bucket comes; RDS and a property of buckets are denied from now on."""
    made.client("dynamodb").delete_table(TableName="carts")
    made.client("logs").put_retention_policy(logGroupName="/shop/web", retentionInDays=14)
    made.client("s3").create_bucket(Bucket="skyledger-new", CreateBucketConfiguration={"LocationConstraint": REGION})
    deny = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": ["rds:*", "s3:GetBucketVersioning"], "Resource": "*"}],
    }
    made.client("iam").put_user_policy(UserName="skyledger", PolicyName="deny", PolicyDocument=json.dumps(deny))
    _ask_for_permissions_after(made.url, "0")


def _ask_for_permissions_after(url: str, calls: str) -> None:
    """Have moto check policies after so many calls."""
    httpx.post(f"{url}/moto-api/reset-auth", content=calls, timeout=120).raise_for_status()
