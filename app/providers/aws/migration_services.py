"""Services paid by the hour that move data and desktops: DMS, AppStream, Transfer, Storage Gateway, managed Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Answers, Asking, read_each
from app.providers.aws.reading import arn, moment, names_in, paged, placed_in, tags
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_REPLICATION: Final = "AWS::DMS::ReplicationInstance"
_FLEET: Final = "AWS::AppStream::Fleet"
_SERVER: Final = "AWS::Transfer::Server"
_GATEWAY: Final = "AWS::StorageGateway::Gateway"
_ENVIRONMENT: Final = "AWS::MWAA::Environment"
_TASKS: Final = ("tasks", "taskStates")
_ENVIRONMENT_DESCRIBED: Final = (
    "airflowVersion",
    "environmentClass",
    "maxWebservers",
    "maxWorkers",
    "minWebservers",
    "minWorkers",
    "schedulers",
    "status",
    "tags",
)


def _replications(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("dms", region)
    asking = Asking(client)
    tasks: _Tasks | None = None
    for page in paged(client, "describe_replication_instances", "ReplicationInstances"):
        tasks = tasks or (_Tasks(asking) if page else None)
        answers = asking.about(*(tasks.unreadable if tasks else ()))
        tagged: dict[str, list[dict[str, Any]]] = {}
        if page:
            arns = [instance["ReplicationInstanceArn"] for instance in page]
            for pair in answers.all("list_tags_for_resource", "TagList", ("tags",), ResourceArnList=arns):
                tagged.setdefault(pair["ResourceArn"], []).append(pair)
        yield [
            _replication(
                asking.about(*answers.unreadable),
                region,
                instance,
                tagged.get(instance["ReplicationInstanceArn"]),
                tasks.of(instance["ReplicationInstanceArn"]),
            )
            for instance in page
            if tasks
        ]


class _Tasks:
    """The states of the tasks of each replication instance."""

    def __init__(self, asking: Asking) -> None:
        client, answers = asking.client, asking.about()
        found = answers.read(
            "describe_replication_tasks",
            _TASKS,
            lambda: [
                task
                for page in paged(client, "describe_replication_tasks", "ReplicationTasks", WithoutSettings=True)
                for task in page
            ],
            GONE,  # how DMS says that there are none
        )
        self.states: dict[str, list[str]] = {}
        for task in found or ():
            self.states.setdefault(task.get("ReplicationInstanceArn", ""), []).append(task.get("Status", ""))
        self.unreadable = tuple(answers.unreadable)

    def of(self, instance: str) -> list[str]:
        """The states of one instance's tasks."""
        return sorted(self.states.get(instance, ()))


def _replication(
    answers: Answers,
    region: str,
    instance: dict[str, Any],
    tagged: list[dict[str, Any]] | None,
    tasks: list[str],
) -> FoundResource:
    native_id = instance["ReplicationInstanceArn"]
    group = instance.get("ReplicationSubnetGroup") or {}
    return FoundResource(
        service="AWSDatabaseMigrationSvc",
        resource_type=_REPLICATION,
        native_id=native_id,
        name=instance["ReplicationInstanceIdentifier"],
        region=region,
        availability_zone=instance.get("AvailabilityZone"),
        status=instance.get("ReplicationInstanceStatus"),
        tags=tags(tagged),
        properties=answers.known(
            {
                "arn": native_id,
                "tasks": len(tasks),
                "taskStates": tasks,
                "instanceClass": instance.get("ReplicationInstanceClass"),
                "engineVersion": instance.get("EngineVersion"),
                "storageGigabytes": instance.get("AllocatedStorage"),
                "multiAz": instance.get("MultiAZ"),
                "publiclyAccessible": instance.get("PubliclyAccessible"),
                "freeUntil": moment(instance.get("FreeUntil")),
            }
        ),
        created_at=moment(instance.get("InstanceCreateTime")),
        relations=placed_in(
            group.get("VpcId"),
            [subnet.get("SubnetIdentifier") for subnet in group.get("Subnets", ())],
            [one.get("VpcSecurityGroupId") for one in instance.get("VpcSecurityGroups", ())],
        ),
    )


def _fleets(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("appstream", region)
    asking = Asking(client)
    for page in paged(client, "describe_fleets", "Fleets"):
        yield from read_each(page, partial(_fleet, asking, region), GONE)


def _fleet(asking: Asking, region: str, fleet: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = fleet["Arn"]
    capacity = fleet.get("ComputeCapacityStatus") or {}
    network = fleet.get("VpcConfig") or {}
    return FoundResource(
        service="AmazonAppStream",
        resource_type=_FLEET,
        native_id=native_id,
        name=fleet["Name"],
        region=region,
        status=fleet["State"],
        tags=tags(answers.one("list_tags_for_resource", ("tags",), ResourceArn=native_id).get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "fleetType": fleet.get("FleetType"),
                "instanceType": fleet.get("InstanceType"),
                "platform": fleet.get("Platform"),
                "desiredInstances": capacity.get("Desired"),
                "runningInstances": capacity.get("Running"),
                "inUseInstances": capacity.get("InUse"),
                "maxConcurrentSessions": fleet.get("MaxConcurrentSessions"),
                "idleDisconnectSeconds": fleet.get("IdleDisconnectTimeoutInSeconds"),
            }
        ),
        created_at=moment(fleet.get("CreatedTime")),
        relations=placed_in(None, network.get("SubnetIds") or (), network.get("SecurityGroupIds") or ()),
    )


def _servers(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("transfer", region)
    asking = Asking(client)
    for page in paged(client, "list_servers", "Servers"):
        yield from read_each(page, partial(_server, asking, region), GONE)


def _server(asking: Asking, region: str, server: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    identifier, native_id = server["ServerId"], server["Arn"]
    described = answers.one("describe_server", ("protocols", "tags", "vpcEndpointId"), ServerId=identifier)
    server = {**server, **described.get("Server", {})}
    network = server.get("EndpointDetails") or {}
    return FoundResource(
        service="AWSTransfer",
        resource_type=_SERVER,
        native_id=native_id,
        name=identifier,
        region=region,
        status=server.get("State"),
        tags=tags(server.get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "serverId": identifier,
                "domain": server.get("Domain"),
                "endpointType": server.get("EndpointType"),
                "protocols": server.get("Protocols"),
                "userCount": server.get("UserCount"),
                "identityProviderType": server.get("IdentityProviderType"),
                "vpcEndpointId": network.get("VpcEndpointId"),
            }
        ),
        relations=placed_in(
            network.get("VpcId"), network.get("SubnetIds") or (), network.get("SecurityGroupIds") or ()
        ),
    )


def _gateways(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("storagegateway", region)
    asking = Asking(client)
    for page in paged(client, "list_gateways", "Gateways"):
        yield from read_each(page, partial(_gateway, asking, region), GONE)


def _gateway(asking: Asking, region: str, gateway: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = gateway["GatewayARN"]
    described = answers.one(
        "describe_gateway_information",
        ("capacity", "endpointType", "lastSoftwareUpdate", "state", "tags"),
        GatewayARN=native_id,
    )
    instance = gateway.get("Ec2InstanceId")
    return FoundResource(
        service="AWSStorageGateway",
        resource_type=_GATEWAY,
        native_id=native_id,
        name=gateway.get("GatewayName") or gateway["GatewayId"],
        region=region,
        status=gateway.get("GatewayOperationalState"),
        tags=tags(described.get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "gatewayId": gateway["GatewayId"],
                "gatewayType": gateway.get("GatewayType"),
                "hostEnvironment": gateway.get("HostEnvironment"),
                "state": described.get("GatewayState"),
                "capacity": described.get("GatewayCapacity"),
                "endpointType": described.get("EndpointType"),
                "lastSoftwareUpdate": described.get("LastSoftwareUpdate"),
                "deprecationDate": gateway.get("DeprecationDate"),
            }
        ),
        relations=(Relation(RelationshipKind.ATTACHED_TO, instance),) if instance else (),
    )


def _environments(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("mwaa", region)
    asking = Asking(client)
    for page in names_in(client, "list_environments", "Environments"):
        yield from read_each(page, partial(_environment, connection, asking, region), GONE)


def _environment(connection: Any, asking: Asking, region: str, name: str) -> FoundResource:
    answers = asking.about()
    described = answers.one("get_environment", _ENVIRONMENT_DESCRIBED, Name=name).get("Environment", {})
    native_id = described.get("Arn") or arn(connection, "airflow", region, f"environment/{name}")
    network = described.get("NetworkConfiguration") or {}
    return FoundResource(
        service="AmazonMWAA",
        resource_type=_ENVIRONMENT,
        native_id=native_id,
        name=name,
        region=region,
        status=described.get("Status"),
        tags=tags(described.get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "environmentClass": described.get("EnvironmentClass"),
                "airflowVersion": described.get("AirflowVersion"),
                "minWorkers": described.get("MinWorkers"),
                "maxWorkers": described.get("MaxWorkers"),
                "schedulers": described.get("Schedulers"),
                "minWebservers": described.get("MinWebservers"),
                "maxWebservers": described.get("MaxWebservers"),
            }
        ),
        created_at=moment(described.get("CreatedAt")),
        relations=placed_in(None, network.get("SubnetIds") or (), network.get("SecurityGroupIds") or ()),
    )


SERVICES: Final = (
    Service(
        name="dms",
        collectors=(
            Collector(
                resource_types=(_REPLICATION,),
                permissions=(
                    "dms:DescribeReplicationInstances",
                    "dms:DescribeReplicationTasks",
                    "dms:ListTagsForResource",
                ),
                pages=_replications,
            ),
        ),
    ),
    Service(
        name="appstream",
        collectors=(
            Collector(
                resource_types=(_FLEET,),
                permissions=("appstream:DescribeFleets", "appstream:ListTagsForResource"),
                pages=_fleets,
            ),
        ),
    ),
    Service(
        name="transfer",
        collectors=(
            Collector(
                resource_types=(_SERVER,),
                permissions=("transfer:ListServers", "transfer:DescribeServer"),
                pages=_servers,
            ),
        ),
    ),
    Service(
        name="storagegateway",
        collectors=(
            Collector(
                resource_types=(_GATEWAY,),
                permissions=("storagegateway:ListGateways", "storagegateway:DescribeGatewayInformation"),
                pages=_gateways,
            ),
        ),
    ),
    Service(
        name="mwaa",
        collectors=(
            Collector(
                resource_types=(_ENVIRONMENT,),
                permissions=("airflow:ListEnvironments", "airflow:GetEnvironment"),
                pages=_environments,
            ),
        ),
    ),
)
