"""Amazon WorkSpaces: desktops, and when their users were last connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Asking, read_each
from app.providers.aws.reading import arn, moment, paged, placed_in, tags
from app.providers.base import Collector, FoundResource, Service

_WORKSPACE: Final = "AWS::WorkSpaces::Workspace"
_CONNECTED: Final = ("connectionState", "lastConnectedAt")


def _workspaces(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("workspaces", region)
    asking = Asking(client)
    # A page has at most 25 desktops, as many as one call asks the connections of.
    for page in paged(client, "describe_workspaces", "Workspaces"):
        if not page:
            yield []
            continue
        answers = asking.about()
        connections = {
            status["WorkspaceId"]: status
            for status in answers.all(
                "describe_workspaces_connection_status",
                "WorkspacesConnectionStatus",
                _CONNECTED,
                WorkspaceIds=[workspace["WorkspaceId"] for workspace in page],
            )
        }
        yield from read_each(
            page, partial(_workspace, connection, asking, answers.unreadable, region, connections), GONE
        )


def _workspace(
    connection: Any,
    asking: Asking,
    unreadable: list[str],
    region: str,
    connections: Mapping[str, Mapping[str, Any]],
    workspace: dict[str, Any],
) -> FoundResource:
    answers = asking.about(*unreadable)
    identifier = workspace["WorkspaceId"]
    native_id = arn(connection, "workspaces", region, f"workspace/{identifier}")
    connected = connections.get(identifier, {})
    used = moment(connected.get("LastKnownUserConnectionTimestamp"))
    return FoundResource(
        service="AmazonWorkSpaces",
        resource_type=_WORKSPACE,
        native_id=native_id,
        name=workspace.get("WorkspaceName") or workspace.get("ComputerName") or identifier,
        region=region,
        status=workspace["State"],
        tags=tags(answers.all("describe_tags", "TagList", ("tags",), ResourceId=identifier)),
        properties=answers.known(
            {
                "arn": native_id,
                "workspaceId": identifier,
                "directoryId": workspace.get("DirectoryId"),
                "userName": workspace.get("UserName"),
                "bundleId": workspace.get("BundleId"),
                **_machine(workspace.get("WorkspaceProperties") or {}),
                "connectionState": connected.get("ConnectionState"),
                "lastConnectedAt": used,
            }
        ),
        last_used_at=used,
        relations=placed_in(None, (workspace.get("SubnetId"),)),
    )


def _machine(told: Mapping[str, Any]) -> dict[str, Any]:
    """How the desktop runs, and what it is made of."""
    return {
        "runningMode": told.get("RunningMode"),
        "autoStopMinutes": told.get("RunningModeAutoStopTimeoutInMinutes"),
        "computeType": told.get("ComputeTypeName"),
        "operatingSystem": told.get("OperatingSystemName"),
        "rootVolumeGigabytes": told.get("RootVolumeSizeGib"),
        "userVolumeGigabytes": told.get("UserVolumeSizeGib"),
    }


SERVICE: Final = Service(
    name="workspaces",
    collectors=(
        Collector(
            resource_types=(_WORKSPACE,),
            permissions=(
                "workspaces:DescribeWorkspaces",
                "workspaces:DescribeWorkspacesConnectionStatus",
                "workspaces:DescribeTags",
            ),
            pages=_workspaces,
        ),
    ),
)
