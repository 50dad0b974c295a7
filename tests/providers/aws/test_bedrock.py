"""Bedrock's provisioned throughput and custom deployments, against a far side of its wire format."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from app.providers.aws import bedrock
from app.providers.base import FoundResource
from tests.providers.aws.answering import DENIED, Refusal, answering, read
from tests.providers.moto import REGION

THROUGHPUT = "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abc123"
OTHER = "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/def456"
DEPLOYMENT = "arn:aws:bedrock:eu-west-1:123456789012:custom-model-deployment/xyz"
MODEL = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-haiku"
LIST = "GET /provisioned-model-throughputs"


def summary(arn: str, name: str) -> dict[str, object]:
    return {
        "provisionedModelArn": arn,
        "provisionedModelName": name,
        "modelArn": MODEL,
        "desiredModelArn": MODEL,
        "foundationModelArn": MODEL,
        "modelUnits": 2,
        "desiredModelUnits": 3,
        "status": "InService",
        "commitmentDuration": "OneMonth",
        "commitmentExpirationTime": "2026-12-01T00:00:00Z",
        "creationTime": "2026-11-01T08:30:00Z",
        "lastModifiedTime": "2026-11-02T08:30:00Z",
    }


def test_provisioned_throughput_of_all_pages_with_its_tags() -> None:
    pages = [
        {"provisionedModelSummaries": [summary(THROUGHPUT, "chat")], "nextToken": "more"},
        {"provisionedModelSummaries": [summary(OTHER, "batch")]},
    ]

    def tags(arguments: dict[str, str]) -> object:
        return {"tags": [{"key": "team", "value": "search"}] if arguments["resourceARN"] == THROUGHPUT else []}

    with answering(**{LIST: pages, "POST /listTagsForResource": tags}) as far_side:
        found = read(far_side.url, bedrock.SERVICE, "AWS::Bedrock::ProvisionedModelThroughput")

    assert [resource.native_id for resource in found] == [THROUGHPUT, OTHER]
    assert found[0] == FoundResource(
        service="AmazonBedrock",
        resource_type="AWS::Bedrock::ProvisionedModelThroughput",
        native_id=THROUGHPUT,
        name="chat",
        region=REGION,
        status="InService",
        tags={"team": "search"},
        properties={
            "arn": THROUGHPUT,
            "modelArn": MODEL,
            "foundationModelArn": MODEL,
            "modelUnits": 2,
            "desiredModelUnits": 3,
            "commitmentDuration": "OneMonth",
            "commitmentEndsAt": "2026-12-01T00:00:00+00:00",
            "lastModifiedAt": "2026-11-02T08:30:00+00:00",
        },
        created_at=datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
    )
    assert far_side.calls(LIST) == [{}, {"nextToken": "more"}]


def test_custom_model_deployment() -> None:
    deployment = {
        "customModelDeploymentArn": DEPLOYMENT,
        "customModelDeploymentName": "tuned",
        "modelArn": MODEL,
        "createdAt": "2026-10-01T00:00:00Z",
        "status": "Active",
    }
    answers = {
        "GET /model-customization/custom-model-deployments": {"modelDeploymentSummaries": [deployment]},
        "POST /listTagsForResource": {"tags": []},
    }
    with answering(**answers) as far_side:
        (found,) = read(far_side.url, bedrock.SERVICE, "AWS::Bedrock::CustomModelDeployment")

    assert (found.native_id, found.name, found.status, found.created_at) == (
        DEPLOYMENT,
        "tuned",
        "Active",
        datetime(2026, 10, 1, tzinfo=UTC),
    )
    assert found.properties == {"arn": DEPLOYMENT, "modelArn": MODEL, "lastModifiedAt": None}


def test_denied_tags_are_unknown_and_the_list_stays() -> None:
    summaries = {"provisionedModelSummaries": [summary(THROUGHPUT, "chat")]}
    with answering(**{LIST: summaries, "POST /listTagsForResource": DENIED}) as far_side:
        (found,) = read(far_side.url, bedrock.SERVICE, "AWS::Bedrock::ProvisionedModelThroughput")

    assert found.tags == {}
    assert found.properties["unreadable"] == ["tags"]
    assert found.properties["modelUnits"] == 2


def test_a_resource_deleted_since_the_list_is_left_out() -> None:
    summaries = {"provisionedModelSummaries": [summary(THROUGHPUT, "chat"), summary(OTHER, "batch")]}

    def tags(arguments: dict[str, str]) -> object:
        gone = arguments["resourceARN"] == THROUGHPUT
        return Refusal("ResourceNotFoundException", 404) if gone else {"tags": []}

    with answering(**{LIST: summaries, "POST /listTagsForResource": tags}) as far_side:
        found = read(far_side.url, bedrock.SERVICE, "AWS::Bedrock::ProvisionedModelThroughput")

    assert [resource.native_id for resource in found] == [OTHER]


@pytest.mark.parametrize(
    "refusal", [DENIED, Refusal("ThrottlingException", 429), Refusal("InternalServerException", 500)]
)
def test_a_refused_list_is_an_error_and_not_an_empty_list(refusal: Refusal) -> None:
    with answering(**{LIST: refusal}) as far_side, pytest.raises(ClientError) as raised:
        read(far_side.url, bedrock.SERVICE, "AWS::Bedrock::ProvisionedModelThroughput")
    assert raised.value.response["Error"]["Code"] == refusal.code


def test_a_failing_further_call_is_an_error_and_not_unknown() -> None:
    summaries = {"provisionedModelSummaries": [summary(THROUGHPUT, "chat")]}
    throttled = Refusal("ThrottlingException", 429)
    with (
        answering(**{LIST: summaries, "POST /listTagsForResource": throttled}) as far_side,
        pytest.raises(ClientError) as raised,
    ):
        read(far_side.url, bedrock.SERVICE, "AWS::Bedrock::ProvisionedModelThroughput")
    assert raised.value.response["Error"]["Code"] == "ThrottlingException"
