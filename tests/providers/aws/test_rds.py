"""RDS as moto and AWS's wire format tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.providers.aws.rds import SERVICE
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import answering, read
from tests.providers.aws.network import network
from tests.providers.moto import far_client

ARN = "arn:aws:rds:eu-west-1:123456789012:"
IN = RelationshipKind.IN_NETWORK


def by_name(found: list[FoundResource]) -> dict[str, FoundResource]:
    return {resource.name: resource for resource in found}


def test_instance_tells_what_it_costs_where_it_is_and_whose_replica_it_is(moto_url: str) -> None:
    vpc, subnets = network(moto_url)
    rds = far_client(moto_url, "rds")
    rds.create_db_subnet_group(DBSubnetGroupName="net", DBSubnetGroupDescription="Shop", SubnetIds=subnets)
    began = datetime.now(UTC)
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.m5.large",
        Engine="postgres",
        EngineVersion="12.19",
        MasterUsername="owner",
        MasterUserPassword="never-told",
        AllocatedStorage=100,
        MaxAllocatedStorage=500,
        StorageType="io1",
        Iops=3000,
        DBSubnetGroupName="net",
        AvailabilityZone="eu-west-1b",
        MultiAZ=True,
        BackupRetentionPeriod=7,
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    rds.create_db_instance_read_replica(DBInstanceIdentifier="orders-replica", SourceDBInstanceIdentifier="orders")

    found = by_name(read(moto_url, SERVICE, "AWS::RDS::DBInstance"))

    assert sorted(found) == ["orders", "orders-replica"]
    orders = found["orders"]
    assert (orders.service, orders.resource_type) == ("AmazonRDS", "AWS::RDS::DBInstance")
    assert orders.native_id == ARN + "db:orders"
    assert (orders.region, orders.availability_zone, orders.status) == ("eu-west-1", "eu-west-1b", "available")
    assert orders.tags == {"team": "shop"}
    assert orders.created_at is not None
    assert began <= orders.created_at <= datetime.now(UTC)
    assert orders.properties == {
        "arn": ARN + "db:orders",
        "resourceId": orders.properties["resourceId"],
        "instanceClass": "db.m5.large",
        "engine": "postgres",
        "engineVersion": "12.19",
        "engineLifecycleSupport": None,
        "licenseModel": "general-public-license",
        "multiAz": True,
        "storageType": "io1",
        "allocatedStorageGib": 100,
        "maxAllocatedStorageGib": 500,
        "iops": 3000,
        "storageThroughputMibps": None,
        "cluster": None,
        "replicaSource": None,
        "replicas": ["orders-replica"],
        "backupRetentionDays": 7,
        "automaticRestartAt": None,
        "performanceInsights": None,
        "performanceInsightsRetentionDays": None,
        "monitoringIntervalSeconds": 0,
        "dedicatedLogVolume": None,
        "publiclyAccessible": None,
        "deletionProtection": False,
        "encrypted": False,
    }
    assert orders.relations == (Relation(IN, vpc), Relation(IN, subnets[0]), Relation(IN, subnets[1]))
    replica = found["orders-replica"]
    assert replica.properties["replicaSource"] == "orders"
    assert Relation(RelationshipKind.CREATED_FROM, ARN + "db:orders") in replica.relations


def test_cluster_and_its_instance_but_not_those_of_other_services(moto_url: str) -> None:
    rds = far_client(moto_url, "rds")
    _cluster(rds, "aurora", "aurora-postgresql")
    _cluster(rds, "graph", "neptune")

    (cluster,) = read(moto_url, SERVICE, "AWS::RDS::DBCluster")
    (instance,) = read(moto_url, SERVICE, "AWS::RDS::DBInstance")

    assert (cluster.native_id, cluster.name, cluster.status) == (ARN + "cluster:aurora", "aurora", "available")
    assert cluster.tags == {"team": "aurora"}
    assert cluster.relations == ()
    assert cluster.properties["members"] == [{"instance": "aurora-1", "writer": True}]
    assert cluster.properties["engine"] == "aurora-postgresql"
    assert cluster.properties["engineMode"] == "provisioned"
    assert cluster.properties["backupRetentionDays"] == 1
    assert instance.native_id == ARN + "db:aurora-1"
    assert instance.properties["cluster"] == "aurora"
    assert instance.relations == (Relation(RelationshipKind.MEMBER_OF, ARN + "cluster:aurora"),)


def test_snapshots_name_their_source_also_when_it_is_gone(moto_url: str) -> None:
    rds = far_client(moto_url, "rds")
    _cluster(rds, "aurora", "aurora-postgresql")
    _cluster(rds, "graph", "neptune")
    rds.create_db_snapshot(
        DBSnapshotIdentifier="before", DBInstanceIdentifier="aurora-1", Tags=[{"Key": "keep", "Value": "yes"}]
    )
    for cluster in ("aurora", "graph"):
        rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=f"{cluster}-end", DBClusterIdentifier=cluster)
    rds.delete_db_instance(DBInstanceIdentifier="aurora-1", SkipFinalSnapshot=True)

    snapshot = by_name(read(moto_url, SERVICE, "AWS::RDS::DBSnapshot"))["before"]
    clusters = by_name(read(moto_url, SERVICE, "AWS::RDS::DBClusterSnapshot"))

    assert snapshot.native_id == ARN + "snapshot:before"
    assert (snapshot.service, snapshot.status, snapshot.tags) == ("AmazonRDS", "available", {"keep": "yes"})
    assert snapshot.created_at is not None
    assert snapshot.relations == (Relation(RelationshipKind.CREATED_FROM, ARN + "db:aurora-1"),)
    assert snapshot.properties["snapshotType"] == "manual"
    assert snapshot.properties["sourceInstance"] == "aurora-1"
    assert snapshot.properties["allocatedStorageGib"] == 1
    assert clusters["aurora-end"].service == "AmazonRDS"
    assert clusters["graph-end"].service == "AmazonNeptune"
    assert clusters["aurora-end"].native_id == ARN + "cluster-snapshot:aurora-end"
    assert clusters["aurora-end"].relations == (Relation(RelationshipKind.CREATED_FROM, ARN + "cluster:aurora"),)
    assert clusters["aurora-end"].properties["sourceCluster"] == "aurora"


def test_automated_backup_of_a_deleted_instance_is_told_and_that_of_a_living_one_is_not() -> None:
    def backup(name: str, status: str) -> str:
        return f"""<DBInstanceAutomatedBackup>
          <DBInstanceArn>{ARN}db:{name}</DBInstanceArn><DbiResourceId>db-{name}</DbiResourceId>
          <DBInstanceAutomatedBackupsArn>{ARN}auto-backup:ab-{name}</DBInstanceAutomatedBackupsArn>
          <Region>eu-west-1</Region><DBInstanceIdentifier>{name}</DBInstanceIdentifier><Status>{status}</Status>
          <AllocatedStorage>200</AllocatedStorage><BackupRetentionPeriod>35</BackupRetentionPeriod>
          <Engine>mysql</Engine><EngineVersion>5.7.44</EngineVersion><StorageType>gp2</StorageType>
          <Encrypted>true</Encrypted><InstanceCreateTime>2024-02-03T04:05:06Z</InstanceCreateTime>
          <TagList><Tag><Key>team</Key><Value>old</Value></Tag></TagList>
        </DBInstanceAutomatedBackup>"""

    told = "".join(backup(name, status) for name, status in (("alive", "active"), ("dead", "retained")))
    body = f"""<DescribeDBInstanceAutomatedBackupsResponse><DescribeDBInstanceAutomatedBackupsResult>
        <DBInstanceAutomatedBackups>{told}</DBInstanceAutomatedBackups>
        </DescribeDBInstanceAutomatedBackupsResult></DescribeDBInstanceAutomatedBackupsResponse>"""
    with answering(DescribeDBInstanceAutomatedBackups=body) as far_side:
        (found,) = read(far_side.url, SERVICE, "AWS::RDS::DBInstanceAutomatedBackup")

    assert (found.native_id, found.name, found.status) == (ARN + "auto-backup:ab-dead", "dead", "retained")
    assert found.tags == {"team": "old"}
    assert found.relations == (Relation(RelationshipKind.CREATED_FROM, ARN + "db:dead"),)
    assert found.properties == {
        "arn": ARN + "auto-backup:ab-dead",
        "sourceInstance": "dead",
        "sourceResourceId": "db-dead",
        "sourceRegion": "eu-west-1",
        "instanceCreatedAt": "2024-02-03T04:05:06+00:00",
        "engine": "mysql",
        "engineVersion": "5.7.44",
        "licenseModel": None,
        "storageType": "gp2",
        "allocatedStorageGib": 200,
        "retentionDays": 35,
        "encrypted": True,
    }


def test_pages_are_followed_to_the_last() -> None:
    def page(name: str, marker: str) -> str:
        return f"""<DescribeDBInstancesResponse><DescribeDBInstancesResult>{marker}<DBInstances><DBInstance>
          <DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceArn>{ARN}db:{name}</DBInstanceArn>
          <Engine>mysql</Engine>
          <ReadReplicaSourceDBInstanceIdentifier>arn:aws:rds:us-east-1:123456789012:db:far</ReadReplicaSourceDBInstanceIdentifier>
          </DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"""

    pages = [page("a", "<Marker>two</Marker>"), page("b", "<Marker>three</Marker>"), page("c", "")]
    with answering(DescribeDBInstances=pages) as far_side:
        found = read(far_side.url, SERVICE, "AWS::RDS::DBInstance")

    assert [resource.name for resource in found] == ["a", "b", "c"]
    assert [call.get("Marker") for call in far_side.calls("DescribeDBInstances")] == [None, "two", "three"]
    # A source in another region is told with its ARN, which is its native id there.
    source = Relation(RelationshipKind.CREATED_FROM, "arn:aws:rds:us-east-1:123456789012:db:far")
    assert found[0].relations == (source,)


def _cluster(client: Any, name: str, engine: str) -> None:
    client.create_db_cluster(
        DBClusterIdentifier=name,
        Engine=engine,
        MasterUsername="owner",
        MasterUserPassword="never-told",
        Tags=[{"Key": "team", "Value": name}],
    )
    client.create_db_instance(
        DBInstanceIdentifier=f"{name}-1", DBInstanceClass="db.r5.large", Engine=engine, DBClusterIdentifier=name
    )
