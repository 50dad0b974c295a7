"""DocumentDB, Neptune and MemoryDB as moto and AWS's wire format tell them."""

from __future__ import annotations

from app.providers.aws.documentdb import SERVICES
from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import answering, read
from tests.providers.aws.in_front import Told, in_front, refused_as_json
from tests.providers.aws.network import network
from tests.providers.moto import far_client

DOCDB, NEPTUNE, MEMORYDB = SERVICES
ARN = "arn:aws:rds:eu-west-1:123456789012:"
IN = RelationshipKind.IN_NETWORK

DOCDB_CLUSTERS = f"""<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>
  <DBClusterIdentifier>docs</DBClusterIdentifier><DBClusterArn>{ARN}cluster:docs</DBClusterArn>
  <Engine>docdb</Engine><EngineVersion>5.0.0</EngineVersion><Status>available</Status><MultiAZ>true</MultiAZ>
  <StorageType>iopt1</StorageType><ClusterCreateTime>2025-01-02T03:04:05Z</ClusterCreateTime>
  <MasterUsername>owner</MasterUsername><Endpoint>docs.example</Endpoint>
  <DBClusterMembers><DBClusterMember><DBInstanceIdentifier>docs-1</DBInstanceIdentifier>
    <IsClusterWriter>true</IsClusterWriter></DBClusterMember></DBClusterMembers>
  <TagList><Tag><Key>team</Key><Value>docs</Value></Tag></TagList>
  </DBCluster><DBCluster>
  <DBClusterIdentifier>other</DBClusterIdentifier><DBClusterArn>{ARN}cluster:other</DBClusterArn>
  <Engine>aurora-mysql</Engine>
  </DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>"""
DOCDB_INSTANCES = f"""<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>
  <DBInstanceIdentifier>docs-1</DBInstanceIdentifier><DBInstanceArn>{ARN}db:docs-1</DBInstanceArn>
  <Engine>docdb</Engine><EngineVersion>5.0.0</EngineVersion><DBInstanceStatus>available</DBInstanceStatus>
  <DBInstanceClass>db.r6g.large</DBInstanceClass><DBClusterIdentifier>docs</DBClusterIdentifier>
  <AvailabilityZone>eu-west-1a</AvailabilityZone>
  <DBSubnetGroup><VpcId>vpc-1</VpcId><Subnets><Subnet><SubnetIdentifier>subnet-1</SubnetIdentifier></Subnet></Subnets>
  </DBSubnetGroup></DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"""


def test_documentdb_is_asked_for_by_engine_and_nothing_else_is_taken() -> None:
    with answering(DescribeDBClusters=DOCDB_CLUSTERS, DescribeDBInstances=DOCDB_INSTANCES) as far_side:
        (cluster,) = read(far_side.url, DOCDB, "AWS::DocDB::DBCluster")
        (instance,) = read(far_side.url, DOCDB, "AWS::DocDB::DBInstance")

    (asked,) = far_side.calls("DescribeDBClusters")
    assert asked["Filters.Filter.1.Name"] == "engine"
    assert asked["Filters.Filter.1.Values.Value.1"] == "docdb"
    assert (cluster.service, cluster.native_id, cluster.status) == ("AmazonDocDB", ARN + "cluster:docs", "available")
    assert cluster.tags == {"team": "docs"}
    assert cluster.created_at is not None
    assert cluster.created_at.isoformat() == "2025-01-02T03:04:05+00:00"
    assert cluster.properties["storageType"] == "iopt1"
    assert cluster.properties["members"] == [{"instance": "docs-1", "writer": True}]
    assert "owner" not in str(cluster)
    assert (instance.service, instance.native_id) == ("AmazonDocDB", ARN + "db:docs-1")
    assert instance.properties["instanceClass"] == "db.r6g.large"
    assert instance.relations == (
        Relation(IN, "vpc-1"),
        Relation(IN, "subnet-1"),
        Relation(RelationshipKind.MEMBER_OF, ARN + "cluster:docs"),
    )


def test_neptune_beside_aurora(moto_url: str) -> None:
    rds = far_client(moto_url, "rds")
    for name, engine in (("graph", "neptune"), ("aurora", "aurora-postgresql")):
        rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine=engine,
            MasterUsername="owner",
            MasterUserPassword="never-told",
            Tags=[{"Key": "team", "Value": name}],
        )
        rds.create_db_instance(
            DBInstanceIdentifier=f"{name}-1", DBInstanceClass="db.r5.large", Engine=engine, DBClusterIdentifier=name
        )

    (cluster,) = read(moto_url, NEPTUNE, "AWS::Neptune::DBCluster")
    (instance,) = read(moto_url, NEPTUNE, "AWS::Neptune::DBInstance")

    assert (cluster.service, cluster.resource_type) == ("AmazonNeptune", "AWS::Neptune::DBCluster")
    assert (cluster.native_id, cluster.tags) == (ARN + "cluster:graph", {"team": "graph"})
    assert cluster.properties["engine"] == "neptune"
    assert (instance.native_id, instance.properties["instanceClass"]) == (ARN + "db:graph-1", "db.r5.large")
    assert instance.relations == (Relation(RelationshipKind.MEMBER_OF, ARN + "cluster:graph"),)


def test_memorydb_counts_nodes_and_a_denied_tag_list_loses_only_the_tags(moto_url: str) -> None:
    vpc, subnets = network(moto_url)
    memorydb = far_client(moto_url, "memorydb")
    memorydb.create_subnet_group(SubnetGroupName="net", SubnetIds=subnets)
    for name in ("carts", "locked"):
        memorydb.create_cluster(
            ClusterName=name,
            NodeType="db.t4g.small",
            ACLName="open-access",
            SubnetGroupName="net",
            NumShards=2,
            NumReplicasPerShard=1,
            Tags=[{"Key": "team", "Value": name}],
        )

    def ours(name: str, body: str) -> Told | None:
        return refused_as_json("AccessDeniedException") if name == "ListTags" and "locked" in body else None

    with in_front(moto_url, ours) as front:
        carts, locked = read(front.url, MEMORYDB, "AWS::MemoryDB::Cluster")

    arn = "arn:aws:memorydb:eu-west-1:123456789012:cluster/carts"
    assert (carts.service, carts.native_id, carts.status) == ("AmazonMemoryDB", arn, "available")
    assert carts.tags == {"team": "carts"}
    assert carts.created_at is not None
    assert carts.properties == {
        "arn": arn,
        "nodeType": "db.t4g.small",
        "engine": None,
        "engineVersion": "7.1",
        "shards": 2,
        "nodes": 4,
        "availabilityMode": "MultiAZ",
        "dataTiering": "false",
        "snapshotRetentionDays": 0,
        "multiRegionCluster": None,
    }
    assert carts.relations == (Relation(IN, vpc), Relation(IN, subnets[0]), Relation(IN, subnets[1]))
    assert (locked.name, locked.tags, locked.properties["unreadable"]) == ("locked", {}, ["tags"])
