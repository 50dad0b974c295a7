"""SageMaker's endpoints and notebooks against moto, its apps against a far side of their wire format."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.providers.aws.sagemaker import SERVICE
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, answering, read
from tests.providers.moto import REGION, far_client

ROLE = "arn:aws:iam::123456789012:role/FakeRole"
PREFIX = "arn:aws:sagemaker:eu-west-1:123456789012"


def an_endpoint(arn: str, modified: Any) -> FoundResource:
    return FoundResource(
        service="AmazonSageMaker",
        resource_type="AWS::SageMaker::Endpoint",
        native_id=arn,
        name="rank",
        region=REGION,
        status="InService",
        tags={"team": "search"},
        properties={
            "arn": arn,
            "endpointConfigName": "config",
            "async": False,
            "variants": [
                {
                    "name": "main",
                    "model": "ranker",
                    "instanceType": "ml.m5.large",
                    "instanceCount": 2,
                    "desiredInstanceCount": 2,
                    "acceleratorType": None,
                    "serverlessMemoryMegabytes": None,
                    "serverlessProvisionedConcurrency": None,
                }
            ],
            "variantNames": ["main"],
            "lastModifiedAt": modified,
        },
    )


def test_endpoint_with_its_variants(moto_url: str) -> None:
    client = far_client(moto_url, "sagemaker")
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/model:1"
    client.create_model(ModelName="ranker", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image})
    variant = {
        "VariantName": "main",
        "ModelName": "ranker",
        "InitialInstanceCount": 2,
        "InstanceType": "ml.m5.large",
    }
    client.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="rank", EndpointConfigName="config", Tags=[{"Key": "team", "Value": "search"}])

    (found,) = read(moto_url, SERVICE, "AWS::SageMaker::Endpoint")

    assert found.created_at is not None
    modified = found.properties["lastModifiedAt"]
    assert datetime.fromisoformat(modified) >= found.created_at
    arn = f"{PREFIX}:endpoint/rank"
    assert replace(found, created_at=None) == an_endpoint(arn, modified)


def test_an_endpoint_that_may_not_be_described_is_listed_with_unknowns() -> None:
    listed = {
        "EndpointName": "rank",
        "EndpointArn": f"{PREFIX}:endpoint/rank",
        "CreationTime": 1767225600,
        "LastModifiedTime": 1767225600,
        "EndpointStatus": "InService",
    }
    with answering(ListEndpoints={"Endpoints": [listed]}, DescribeEndpoint=DENIED, ListTags={"Tags": []}) as far_side:
        (found,) = read(far_side.url, SERVICE, "AWS::SageMaker::Endpoint")

    assert found.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.properties == {
        "arn": f"{PREFIX}:endpoint/rank",
        "endpointConfigName": None,
        "async": None,
        "variants": None,
        "variantNames": None,
        "lastModifiedAt": "2026-01-01T00:00:00+00:00",
        "unreadable": ["async", "endpointConfigName", "variantNames", "variants"],
        "deniedPermissions": ["DescribeEndpoint"],
    }
    assert far_side.calls("DescribeEndpointConfig") == []


def test_notebook_instance_with_its_network(moto_url: str) -> None:
    far_client(moto_url, "sagemaker").create_notebook_instance(
        NotebookInstanceName="lab",
        InstanceType="ml.t3.medium",
        RoleArn=ROLE,
        SubnetId="subnet-a",
        SecurityGroupIds=["sg-1"],
        VolumeSizeInGB=50,
        Tags=[{"Key": "team", "Value": "research"}],
    )

    (found,) = read(moto_url, SERVICE, "AWS::SageMaker::NotebookInstance")

    assert found.created_at is not None
    arn = f"{PREFIX}:notebook-instance/lab"
    assert replace(found, created_at=None) == FoundResource(
        service="AmazonSageMaker",
        resource_type="AWS::SageMaker::NotebookInstance",
        native_id=arn,
        name="lab",
        region=REGION,
        status="InService",
        tags={"team": "research"},
        properties={
            "arn": arn,
            "instanceType": "ml.t3.medium",
            "volumeGigabytes": 50,
            "directInternetAccess": "Enabled",
            "platform": None,
            "lifecycleConfig": None,
            "lastModifiedAt": found.properties["lastModifiedAt"],
        },
        relations=(
            Relation(RelationshipKind.IN_NETWORK, "subnet-a"),
            Relation(RelationshipKind.IN_NETWORK, "sg-1"),
        ),
    )


def an_app() -> FoundResource:
    return FoundResource(
        service="AmazonSageMaker",
        resource_type="AWS::SageMaker::App",
        native_id=f"{PREFIX}:app/d-1/team/jupyterlab/shared",
        name="shared",
        region=REGION,
        status="InService",
        tags={"team": "ml"},
        properties={
            "arn": f"{PREFIX}:app/d-1/team/jupyterlab/shared",
            "appType": "JupyterLab",
            "domainId": "d-1",
            "userProfileName": None,
            "spaceName": "team",
            "instanceType": "ml.m5.large",
            "lastUserActivityAt": "2026-01-02T00:00:00+00:00",
        },
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        last_used_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_apps_of_spaces_and_profiles_with_their_last_use() -> None:
    def app(name: str, **more: Any) -> dict[str, Any]:
        return {
            "DomainId": "d-1",
            "AppType": "JupyterLab",
            "AppName": name,
            "Status": "InService",
            "CreationTime": 1767225600,
            "ResourceSpec": {"InstanceType": "ml.m5.large"},
            **more,
        }

    pages = [
        {"Apps": [app("shared", SpaceName="team"), app("gone", Status="Deleted")], "NextToken": "more"},
        {"Apps": [app("own", UserProfileName="ann")]},
    ]

    def described(arguments: dict[str, Any]) -> Any:
        if arguments["AppName"] == "own":
            return DENIED
        return {"AppArn": f"{PREFIX}:app/d-1/team/jupyterlab/shared", "LastUserActivityTimestamp": 1767312000}

    with answering(
        ListApps=pages, DescribeApp=described, ListTags={"Tags": [{"Key": "team", "Value": "ml"}]}
    ) as far_side:
        found = read(far_side.url, SERVICE, "AWS::SageMaker::App")

    assert found[0] == an_app()
    assert [resource.name for resource in found] == ["shared", "own"]
    assert found[1].native_id == f"{PREFIX}:app/d-1/ann/jupyterlab/own"
    assert (found[1].last_used_at, found[1].properties["unreadable"]) == (None, ["lastUserActivityAt"])
    assert far_side.calls("DescribeApp")[0] == {
        "DomainId": "d-1",
        "SpaceName": "team",
        "AppType": "JupyterLab",
        "AppName": "shared",
    }
