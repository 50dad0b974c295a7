"""The policy that is printed is the least that the collectors need, and AWS takes it."""

from __future__ import annotations

import json
import re

from app.providers.aws import cost_explorer, cost_exports
from app.providers.aws.cloud import AwsCloud
from app.providers.aws.policy import COST_BUCKET, EXTERNAL_ID, OF_THE_CONNECTION, required_permissions
from app.records import Provider
from tests.providers.moto import ACCOUNT, far_client

READING = re.compile(r"(Describe|Get|List|Simulate)[A-Za-z0-9]+")


def test_the_policy_lists_exactly_what_is_called() -> None:
    cloud = AwsCloud()
    documents = json.loads(cloud.policy())
    statement, advice = documents["permissions"]["Statement"]
    declared = {
        permission
        for service in cloud.services()
        for collector in service.collectors
        for permission in collector.permissions
    }
    assert cloud.provider is Provider.AWS
    assert set(statement["Action"]) == declared | set(OF_THE_CONNECTION)
    assert statement["Action"] == sorted(set(statement["Action"]), key=str.lower)
    assert set(advice["Action"]) == {permission for one in cloud.advisers() for permission in one.permissions}
    assert all(READING.fullmatch(action.partition(":")[2]) for action in [*statement["Action"], *advice["Action"]])


def test_the_policy_fits_a_managed_policy() -> None:
    document = json.loads(AwsCloud().policy())["permissions"]
    assert len(json.dumps(document, separators=(",", ":"))) <= 6144


def test_an_account_without_advice_lacks_nothing() -> None:
    cloud = AwsCloud()
    advice = {permission for one in cloud.advisers() for permission in one.permissions}
    assert not advice & set(required_permissions(cloud.services()))


def test_the_trust_policy_asks_for_the_external_id() -> None:
    (statement,) = json.loads(AwsCloud().policy())["trust"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}


def test_cost_sources_have_a_policy_of_their_own_for_one_bucket() -> None:
    explorer, export = json.loads(AwsCloud().policy())["costs"]["Statement"]
    assert explorer["Action"] == list(cost_explorer.PERMISSIONS)
    assert export["Action"] == list(cost_exports.PERMISSIONS)
    assert export["Resource"] == [COST_BUCKET, f"{COST_BUCKET}/*"]
    asked_for = required_permissions(AwsCloud().services())
    assert not {*explorer["Action"], *export["Action"]} & set(asked_for), "an account without costs lacks nothing"


def test_iam_takes_the_documents(moto_url: str) -> None:
    documents = json.loads(AwsCloud().policy())
    documents["trust"]["Statement"][0]["Principal"]["AWS"] = f"arn:aws:iam::{ACCOUNT}:root"
    iam = far_client(moto_url, "iam")
    iam.create_role(RoleName="skyledger", AssumeRolePolicyDocument=json.dumps(documents["trust"]))
    documents["costs"]["Statement"][1]["Resource"] = ["arn:aws:s3:::acme-costs", "arn:aws:s3:::acme-costs/*"]
    iam.create_policy(PolicyName="skyledger-costs", PolicyDocument=json.dumps(documents["costs"]))
    made = iam.create_policy(PolicyName="skyledger", PolicyDocument=json.dumps(documents["permissions"]))
    assert made["Policy"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:policy/skyledger"


def test_every_collector_says_what_it_reads_and_needs() -> None:
    services = AwsCloud().services()
    types = [kind for service in services for collector in service.collectors for kind in collector.resource_types]
    names = [service.name for service in services]
    assert len(names) == len(set(names))
    assert len(types) == len(set(types))
    assert all(kind.startswith("AWS::") for kind in types)
    assert all(collector.permissions for service in services for collector in service.collectors)
