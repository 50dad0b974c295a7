"""Services that are paid by the hour, against moto where it has them and a far side of their wire format where not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from app.providers.aws import migration_services
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, answering, read
from tests.providers.moto import REGION, far_client

DMS, APPSTREAM, TRANSFER, STORAGE_GATEWAY, MWAA = migration_services.SERVICES
FLEET = "arn:aws:appstream:eu-west-1:123456789012:fleet/design"
GATEWAY = "arn:aws:storagegateway:eu-west-1:123456789012:gateway/sgw-1"
ENVIRONMENT = "arn:aws:airflow:eu-west-1:123456789012:environment/etl"
IN_NETWORK = RelationshipKind.IN_NETWORK


def a_fleet() -> FoundResource:
    return FoundResource(
        service="AmazonAppStream",
        resource_type="AWS::AppStream::Fleet",
        native_id=FLEET,
        name="design",
        region=REGION,
        status="RUNNING",
        tags={"team": "cad"},
        properties={
            "arn": FLEET,
            "fleetType": "ALWAYS_ON",
            "instanceType": "stream.standard.medium",
            "platform": "WINDOWS_SERVER_2022",
            "desiredInstances": 3,
            "runningInstances": 3,
            "inUseInstances": 0,
            "maxConcurrentSessions": None,
            "idleDisconnectSeconds": 900,
        },
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        relations=(Relation(IN_NETWORK, "subnet-a"), Relation(IN_NETWORK, "sg-1")),
    )


def test_appstream_fleet() -> None:
    fleet = {
        "Arn": FLEET,
        "Name": "design",
        "InstanceType": "stream.standard.medium",
        "FleetType": "ALWAYS_ON",
        "ComputeCapacityStatus": {"Desired": 3, "Running": 3, "InUse": 0, "Available": 3},
        "State": "RUNNING",
        "VpcConfig": {"SubnetIds": ["subnet-a"], "SecurityGroupIds": ["sg-1"]},
        "CreatedTime": 1767225600,
        "IdleDisconnectTimeoutInSeconds": 900,
        "Platform": "WINDOWS_SERVER_2022",
    }
    pages = [{"Fleets": [fleet], "NextToken": "more"}, {"Fleets": []}]
    with answering(DescribeFleets=pages, ListTagsForResource={"Tags": {"team": "cad"}}) as far_side:
        found = read(far_side.url, APPSTREAM, "AWS::AppStream::Fleet")

    assert found == [a_fleet()]


def a_gateway() -> FoundResource:
    return FoundResource(
        service="AWSStorageGateway",
        resource_type="AWS::StorageGateway::Gateway",
        native_id=GATEWAY,
        name="archive",
        region=REGION,
        status="ACTIVE",
        tags={"team": "backup"},
        properties={
            "arn": GATEWAY,
            "gatewayId": "sgw-1",
            "gatewayType": "FILE_S3",
            "hostEnvironment": "EC2",
            "state": "RUNNING",
            "capacity": "Small",
            "endpointType": "STANDARD",
            "lastSoftwareUpdate": "2026-05-01T00:00:00",
            "deprecationDate": None,
        },
        relations=(Relation(RelationshipKind.ATTACHED_TO, "i-1"),),
    )


def test_storage_gateway_on_an_instance() -> None:
    gateway = {
        "GatewayId": "sgw-1",
        "GatewayARN": GATEWAY,
        "GatewayName": "archive",
        "GatewayType": "FILE_S3",
        "GatewayOperationalState": "ACTIVE",
        "Ec2InstanceId": "i-1",
        "Ec2InstanceRegion": REGION,
        "HostEnvironment": "EC2",
    }
    described = {
        "GatewayARN": GATEWAY,
        "GatewayState": "RUNNING",
        "GatewayCapacity": "Small",
        "EndpointType": "STANDARD",
        "LastSoftwareUpdate": "2026-05-01T00:00:00",
        "Tags": [{"Key": "team", "Value": "backup"}],
    }
    with answering(ListGateways={"Gateways": [gateway]}, DescribeGatewayInformation=described) as far_side:
        found = read(far_side.url, STORAGE_GATEWAY, "AWS::StorageGateway::Gateway")

    assert found == [a_gateway()]


def an_environment() -> FoundResource:
    return FoundResource(
        service="AmazonMWAA",
        resource_type="AWS::MWAA::Environment",
        native_id=ENVIRONMENT,
        name="etl",
        region=REGION,
        status="AVAILABLE",
        tags={"team": "data"},
        properties={
            "arn": ENVIRONMENT,
            "environmentClass": "mw1.small",
            "airflowVersion": "2.10.3",
            "minWorkers": 1,
            "maxWorkers": 10,
            "schedulers": 2,
            "minWebservers": None,
            "maxWebservers": None,
        },
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        relations=tuple(Relation(IN_NETWORK, target) for target in ("subnet-a", "subnet-b", "sg-1")),
    )


def test_airflow_environment_without_its_options() -> None:
    environment = {
        "Name": "etl",
        "Status": "AVAILABLE",
        "Arn": ENVIRONMENT,
        "CreatedAt": 1767225600,
        "AirflowVersion": "2.10.3",
        "EnvironmentClass": "mw1.small",
        "MinWorkers": 1,
        "MaxWorkers": 10,
        "Schedulers": 2,
        "NetworkConfiguration": {"SubnetIds": ["subnet-a", "subnet-b"], "SecurityGroupIds": ["sg-1"]},
        "AirflowConfigurationOptions": {"smtp.smtp_password": "never-told"},
        "Tags": {"team": "data"},
    }
    answers = {
        "GET /environments": [{"Environments": ["etl"], "NextToken": "more"}, {"Environments": ["hidden"]}],
        "GET /environments/etl": {"Environment": environment},
        "GET /environments/hidden": DENIED,
    }
    with answering(**answers) as far_side:
        found = read(far_side.url, MWAA, "AWS::MWAA::Environment")

    assert found[0] == an_environment()
    assert found[1].native_id == "arn:aws:airflow:eu-west-1:123456789012:environment/hidden"
    assert found[1].properties["environmentClass"] is None
    assert "environmentClass" in found[1].properties["unreadable"]
    assert "never-told" not in repr(found)


def a_replication(arn: str) -> FoundResource:
    return FoundResource(
        service="AWSDatabaseMigrationSvc",
        resource_type="AWS::DMS::ReplicationInstance",
        native_id=arn,
        name="first",
        region=REGION,
        status="available",
        tags={"name": "first"},
        properties={
            "arn": arn,
            "tasks": 0,
            "taskStates": [],
            "instanceClass": "dms.t3.medium",
            "engineVersion": "3.5.2",
            "storageGigabytes": 50,
            "multiAz": False,
            "publiclyAccessible": None,
            "freeUntil": None,
        },
    )


def test_replication_instances_of_moto_with_tags_in_one_call(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    client = far_client(moto_url, "dms")
    client.create_replication_subnet_group(
        ReplicationSubnetGroupIdentifier="group", ReplicationSubnetGroupDescription="all", SubnetIds=[subnet]
    )
    for name in ("first", "second"):
        client.create_replication_instance(
            ReplicationInstanceIdentifier=name,
            ReplicationInstanceClass="dms.t3.medium",
            AllocatedStorage=50,
            MultiAZ=False,
            EngineVersion="3.5.2",
            ReplicationSubnetGroupIdentifier="group",
            Tags=[{"Key": "name", "Value": name}],
        )

    found = read(moto_url, DMS, "AWS::DMS::ReplicationInstance")

    arn = "arn:aws:dms:eu-west-1:123456789012:rep:first"
    assert [(one.name, one.tags) for one in found] == [("first", {"name": "first"}), ("second", {"name": "second"})]
    assert found[0].created_at is not None
    assert replace(found[0], created_at=None, relations=()) == a_replication(arn)


def test_replication_instance_in_its_network() -> None:
    arn = "arn:aws:dms:eu-west-1:123456789012:rep:ABC"
    instance = {
        "ReplicationInstanceIdentifier": "move",
        "ReplicationInstanceArn": arn,
        "ReplicationInstanceStatus": "available",
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
        "ReplicationSubnetGroup": {"VpcId": "vpc-1", "Subnets": [{"SubnetIdentifier": "subnet-a"}]},
    }
    pages = [{"ReplicationInstances": [instance], "Marker": "more"}, {"ReplicationInstances": []}]
    tasks = [
        {"Marker": "more", "ReplicationTasks": [{"ReplicationInstanceArn": arn, "Status": "stopped"}]},
        {
            "ReplicationTasks": [
                {"ReplicationInstanceArn": arn, "Status": "running"},
                {"ReplicationInstanceArn": "other"},
            ]
        },
    ]
    with answering(
        DescribeReplicationInstances=pages, DescribeReplicationTasks=tasks, ListTagsForResource=DENIED
    ) as far_side:
        (found,) = read(far_side.url, DMS, "AWS::DMS::ReplicationInstance")

    assert [relation.target for relation in found.relations] == ["vpc-1", "subnet-a", "sg-1"]
    assert (found.tags, found.properties["unreadable"]) == ({}, ["tags"])
    assert (found.properties["tasks"], found.properties["taskStates"]) == (2, ["running", "stopped"])
    assert far_side.calls("ListTagsForResource") == [{"ResourceArnList": [arn]}]


def test_tasks_of_replication_instances_that_may_not_be_read_are_unknown() -> None:
    instance = {"ReplicationInstanceIdentifier": "move", "ReplicationInstanceArn": "arn:aws:dms:eu-west-1:1:rep:ABC"}
    listed = {"ReplicationInstances": [instance]}
    with answering(
        DescribeReplicationInstances=listed, DescribeReplicationTasks=DENIED, ListTagsForResource={"TagList": []}
    ) as far_side:
        (found,) = read(far_side.url, DMS, "AWS::DMS::ReplicationInstance")

    assert (found.properties["tasks"], found.properties["taskStates"]) == (None, None)
    assert found.properties["unreadable"] == ["taskStates", "tasks"]


def test_transfer_servers_of_moto(moto_url: str) -> None:
    identifier = far_client(moto_url, "transfer").create_server(
        Domain="S3",
        EndpointType="VPC",
        EndpointDetails={"VpcId": "vpc-1", "SubnetIds": ["subnet-a"]},
        Protocols=["SFTP"],
        IdentityProviderType="SERVICE_MANAGED",
        Tags=[{"Key": "team", "Value": "partners"}],
    )["ServerId"]

    (found,) = read(moto_url, TRANSFER, "AWS::Transfer::Server")

    arn = f"arn:aws:transfer:eu-west-1:123456789012:server/{identifier}"
    assert found == FoundResource(
        service="AWSTransfer",
        resource_type="AWS::Transfer::Server",
        native_id=arn,
        name=identifier,
        region=REGION,
        status="ONLINE",
        tags={"team": "partners"},
        properties={
            "arn": arn,
            "serverId": identifier,
            "domain": "S3",
            "endpointType": "VPC",
            "protocols": ["SFTP"],
            "userCount": 0,
            "identityProviderType": "SERVICE_MANAGED",
            "vpcEndpointId": None,
        },
        relations=(Relation(IN_NETWORK, "vpc-1"), Relation(IN_NETWORK, "subnet-a")),
    )
