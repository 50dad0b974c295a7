"""Amazon Bedrock: provisioned throughput of models, and deployments of custom models."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Asking, read_each
from app.providers.aws.reading import moment, paged, tags
from app.providers.base import Collector, FoundResource, Service

_CODE: Final = "AmazonBedrock"
_THROUGHPUT: Final = "AWS::Bedrock::ProvisionedModelThroughput"
_DEPLOYMENT: Final = "AWS::Bedrock::CustomModelDeployment"


def _throughputs(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("bedrock", region)
    asking = Asking(client)
    for page in paged(client, "list_provisioned_model_throughputs", "provisionedModelSummaries"):
        yield from read_each(page, partial(_throughput, asking, region), GONE)


def _throughput(asking: Asking, region: str, throughput: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = throughput["provisionedModelArn"]
    return FoundResource(
        service=_CODE,
        resource_type=_THROUGHPUT,
        native_id=native_id,
        name=throughput["provisionedModelName"],
        region=region,
        status=throughput["status"],
        tags=tags(answers.all("list_tags_for_resource", "tags", ("tags",), resourceARN=native_id)),
        properties=answers.known(
            {
                "arn": native_id,
                "modelArn": throughput.get("modelArn"),
                "foundationModelArn": throughput.get("foundationModelArn"),
                "modelUnits": throughput.get("modelUnits"),
                "desiredModelUnits": throughput.get("desiredModelUnits"),
                "commitmentDuration": throughput.get("commitmentDuration"),
                "commitmentEndsAt": moment(throughput.get("commitmentExpirationTime")),
                "lastModifiedAt": moment(throughput.get("lastModifiedTime")),
            }
        ),
        created_at=moment(throughput.get("creationTime")),
    )


def _deployments(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("bedrock", region)
    asking = Asking(client)
    for page in paged(client, "list_custom_model_deployments", "modelDeploymentSummaries"):
        yield from read_each(page, partial(_deployment, asking, region), GONE)


def _deployment(asking: Asking, region: str, deployment: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = deployment["customModelDeploymentArn"]
    return FoundResource(
        service=_CODE,
        resource_type=_DEPLOYMENT,
        native_id=native_id,
        name=deployment["customModelDeploymentName"],
        region=region,
        status=deployment["status"],
        tags=tags(answers.all("list_tags_for_resource", "tags", ("tags",), resourceARN=native_id)),
        properties=answers.known(
            {
                "arn": native_id,
                "modelArn": deployment.get("modelArn"),
                "lastModifiedAt": moment(deployment.get("lastUpdatedAt")),
            }
        ),
        created_at=moment(deployment.get("createdAt")),
    )


SERVICE: Final = Service(
    name="bedrock",
    collectors=(
        Collector(
            resource_types=(_THROUGHPUT,),
            permissions=("bedrock:ListProvisionedModelThroughputs", "bedrock:ListTagsForResource"),
            pages=_throughputs,
        ),
        Collector(
            resource_types=(_DEPLOYMENT,),
            permissions=("bedrock:ListCustomModelDeployments", "bedrock:ListTagsForResource"),
            pages=_deployments,
        ),
    ),
)
