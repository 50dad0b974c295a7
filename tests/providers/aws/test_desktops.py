"""WorkSpaces against moto; their connections, which moto lacks, against a far side of their wire format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.providers.aws.workspaces import SERVICE
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, answering, read
from tests.providers.moto import REGION, far_client

PREFIX = "arn:aws:workspaces:eu-west-1:123456789012:workspace"


def workspace(identifier: str) -> dict[str, Any]:
    return {
        "WorkspaceId": identifier,
        "DirectoryId": "d-1",
        "UserName": "ann",
        "State": "AVAILABLE",
        "BundleId": "wsb-1",
        "SubnetId": "subnet-a",
        "ComputerName": f"PC-{identifier}",
        "WorkspaceProperties": {
            "RunningMode": "AUTO_STOP",
            "RunningModeAutoStopTimeoutInMinutes": 60,
            "RootVolumeSizeGib": 80,
            "UserVolumeSizeGib": 50,
            "ComputeTypeName": "STANDARD",
            "OperatingSystemName": "WINDOWS_11",
        },
    }


def a_desktop() -> FoundResource:
    return FoundResource(
        service="AmazonWorkSpaces",
        resource_type="AWS::WorkSpaces::Workspace",
        native_id=f"{PREFIX}/ws-1",
        name="PC-ws-1",
        region=REGION,
        status="AVAILABLE",
        tags={"team": "hr"},
        properties={
            "arn": f"{PREFIX}/ws-1",
            "workspaceId": "ws-1",
            "directoryId": "d-1",
            "userName": "ann",
            "bundleId": "wsb-1",
            "runningMode": "AUTO_STOP",
            "autoStopMinutes": 60,
            "computeType": "STANDARD",
            "operatingSystem": "WINDOWS_11",
            "rootVolumeGigabytes": 80,
            "userVolumeGigabytes": 50,
            "connectionState": "DISCONNECTED",
            "lastConnectedAt": "2026-01-01T00:00:00+00:00",
        },
        last_used_at=datetime(2026, 1, 1, tzinfo=UTC),
        relations=(Relation(RelationshipKind.IN_NETWORK, "subnet-a"),),
    )


def test_desktops_with_the_last_connection_of_their_users() -> None:
    def connections(arguments: dict[str, Any]) -> Any:
        seen = {
            "WorkspaceId": "ws-1",
            "ConnectionState": "DISCONNECTED",
            "LastKnownUserConnectionTimestamp": 1767225600,
        }
        return {"WorkspacesConnectionStatus": [seen] if "ws-1" in arguments["WorkspaceIds"] else []}

    pages = [
        {"Workspaces": [workspace("ws-1"), workspace("ws-2")], "NextToken": "more"},
        {"Workspaces": [workspace("ws-3")]},
    ]
    with answering(
        DescribeWorkspaces=pages,
        DescribeWorkspacesConnectionStatus=connections,
        DescribeTags={"TagList": [{"Key": "team", "Value": "hr"}]},
    ) as far_side:
        found = read(far_side.url, SERVICE, "AWS::WorkSpaces::Workspace")

    assert [one["WorkspaceIds"] for one in far_side.calls("DescribeWorkspacesConnectionStatus")] == [
        ["ws-1", "ws-2"],
        ["ws-3"],
    ]
    assert [(one.name, one.last_used_at) for one in found] == [
        ("PC-ws-1", datetime(2026, 1, 1, tzinfo=UTC)),
        ("PC-ws-2", None),
        ("PC-ws-3", None),
    ]
    assert found[0] == a_desktop()


def test_connections_that_may_not_be_read_are_unknown_and_not_never() -> None:
    with answering(
        DescribeWorkspaces={"Workspaces": [workspace("ws-1")]},
        DescribeWorkspacesConnectionStatus=DENIED,
        DescribeTags={"TagList": []},
    ) as far_side:
        (found,) = read(far_side.url, SERVICE, "AWS::WorkSpaces::Workspace")

    assert found.properties["lastConnectedAt"] is None
    assert found.properties["unreadable"] == ["connectionState", "lastConnectedAt"]
    assert found.properties["runningMode"] == "AUTO_STOP"


def test_desktops_of_moto_and_an_operation_that_it_lacks(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for number, zone in enumerate("ab")
    ]
    directory = far_client(moto_url, "ds").create_directory(
        Name="corp.example.com",
        Password="Password4TheAges",
        Size="Small",
        VpcSettings={"VpcId": vpc, "SubnetIds": [subnet["SubnetId"] for subnet in subnets]},
    )["DirectoryId"]
    client = far_client(moto_url, "workspaces")
    client.register_workspace_directory(DirectoryId=directory)
    wanted = {
        "DirectoryId": directory,
        "UserName": "ann",
        "BundleId": "wsb-bundle1",
        "WorkspaceProperties": {"RunningMode": "ALWAYS_ON", "ComputeTypeName": "STANDARD"},
        "Tags": [{"Key": "team", "Value": "hr"}],
    }
    (made,) = client.create_workspaces(Workspaces=[wanted])["PendingRequests"]

    (found,) = read(moto_url, SERVICE, "AWS::WorkSpaces::Workspace")

    assert found.native_id == f"{PREFIX}/{made['WorkspaceId']}"
    assert (found.status, found.tags) == ("AVAILABLE", {"team": "hr"})
    assert (found.properties["runningMode"], found.properties["directoryId"]) == ("ALWAYS_ON", directory)
    assert found.properties["unreadable"] == ["connectionState", "lastConnectedAt"]
