"""Lambda as moto tells it; provisioned concurrency, which moto lacks, as AWS's wire format does."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.providers.aws.lambda_functions import SERVICE
from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import read
from tests.providers.aws.in_front import Told, in_front, refused_as_json
from tests.providers.aws.network import network
from tests.providers.moto import far_client

FUNCTION = "AWS::Lambda::Function"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"
READY = "/provisioned-concurrency?List=ALL"


def make(url: str, name: str, **more: Any) -> None:
    iam = far_client(url, "iam")
    role = iam.create_role(RoleName=f"role-of-{name}", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "def handle(event, context): ...")
    far_client(url, "lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="handler.handle",
        Code={"ZipFile": code.getvalue()},
        **more,
    )


def test_function_with_provisioned_concurrency_and_without_its_environment(moto_url: str) -> None:
    _, subnets = network(moto_url)
    make(
        moto_url,
        "resize",
        MemorySize=512,
        Timeout=30,
        Architectures=["arm64"],
        EphemeralStorage={"Size": 1024},
        Environment={"Variables": {"TOKEN": "never-told"}},
        VpcConfig={"SubnetIds": subnets, "SecurityGroupIds": []},
        Tags={"team": "web"},
    )
    configuration = {
        "FunctionArn": ARN + "resize:live",
        "RequestedProvisionedConcurrentExecutions": 5,
        "AllocatedProvisionedConcurrentExecutions": 4,
        "Status": "IN_PROGRESS",
    }
    first = {"ProvisionedConcurrencyConfigs": [configuration], "NextMarker": "two"}
    second = {"ProvisionedConcurrencyConfigs": [{**configuration, "FunctionArn": ARN + "resize:3"}]}

    def ours(name: str, _body: str) -> Told | None:
        if READY not in name:
            return None
        return Told(json.dumps(second if "Marker=two" in name else first))

    with in_front(moto_url, ours) as front:
        (found,) = read(front.url, SERVICE, FUNCTION)

    assert (found.service, found.resource_type) == ("AWSLambda", FUNCTION)
    assert (found.native_id, found.name, found.region) == (ARN + "resize", "resize", "eu-west-1")
    assert (found.status, found.tags) == ("Active", {"team": "web"})
    properties = dict(found.properties)
    assert properties.pop("codeSizeBytes") > 0
    assert properties.pop("lastModifiedAt").endswith("+00:00")
    assert properties == {
        "arn": ARN + "resize",
        "runtime": "python3.12",
        "architectures": ["arm64"],
        "packageType": "Zip",
        "memoryMb": 512,
        "timeoutSeconds": 30,
        "ephemeralStorageMb": 1024,
        "layers": [],
        "snapStart": "None",
        "logGroup": None,
        "provisionedConcurrency": [
            {"qualifier": "live", "requested": 5, "allocated": 4, "status": "IN_PROGRESS"},
            {"qualifier": "3", "requested": 5, "allocated": 4, "status": "IN_PROGRESS"},
        ],
        "provisionedConcurrencyResources": ["resize:live", "resize:3"],
    }
    assert "never-told" not in str(found)
    assert found.relations == tuple(Relation(RelationshipKind.IN_NETWORK, subnet) for subnet in subnets)


def test_denied_concurrency_is_unknown_and_a_deleted_function_is_left_out(moto_url: str) -> None:
    for name in ("denied", "gone", "none"):
        make(moto_url, name)
    answers = {
        "denied": refused_as_json("AccessDeniedException", 403),
        "gone": refused_as_json("ResourceNotFoundException", 404),
        "none": Told('{"ProvisionedConcurrencyConfigs": []}'),
    }

    def ours(name: str, _body: str) -> Told | None:
        return answers.get(name.split("/")[3]) if READY in name else None

    with in_front(moto_url, ours) as front:
        found = {function.name: function.properties for function in read(front.url, SERVICE, FUNCTION)}

    assert sorted(found) == ["denied", "none"]
    assert found["denied"]["provisionedConcurrency"] is None
    assert found["denied"]["unreadable"] == ["provisionedConcurrency", "provisionedConcurrencyResources"]
    assert found["none"]["provisionedConcurrency"] == []
    assert "unreadable" not in found["none"]


def test_an_endpoint_that_lacks_the_operation_leaves_the_concurrency_unknown(moto_url: str) -> None:
    # moto says that it does not know such a path.
    make(moto_url, "resize")
    (found,) = read(moto_url, SERVICE, FUNCTION)
    assert (found.properties["provisionedConcurrency"], found.properties["unreadable"]) == (
        None,
        ["provisionedConcurrency", "provisionedConcurrencyResources"],
    )


def test_denied_tags_end_the_reading_for_untagged_and_unknown_must_not_look_alike(moto_url: str) -> None:
    make(moto_url, "resize", Tags={"team": "web"})

    def ours(name: str, _body: str) -> Told | None:
        return refused_as_json("AccessDeniedException") if name == "GetResources" else None

    with in_front(moto_url, ours) as front, pytest.raises(ClientError, match="GetResources"):
        read(front.url, SERVICE, FUNCTION)
