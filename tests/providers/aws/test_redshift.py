"""Redshift as moto and AWS's wire format tell it."""

from __future__ import annotations

from app.providers.aws.redshift import SERVICE
from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import answering, read
from tests.providers.moto import far_client

ARN = "arn:aws:redshift:eu-west-1:123456789012:"


def test_cluster_tells_its_nodes_and_that_it_is_paused(moto_url: str) -> None:
    redshift = far_client(moto_url, "redshift")
    redshift.create_cluster(
        ClusterIdentifier="reports",
        NodeType="ra3.xlplus",
        NumberOfNodes=2,
        ClusterType="multi-node",
        MasterUsername="owner",
        MasterUserPassword="Never-told-1",
        Tags=[{"Key": "team", "Value": "bi"}],
    )
    redshift.pause_cluster(ClusterIdentifier="reports")

    (cluster,) = read(moto_url, SERVICE, "AWS::Redshift::Cluster")

    assert (cluster.service, cluster.native_id) == ("AmazonRedshift", ARN + "cluster:reports")
    assert (cluster.name, cluster.status, cluster.tags) == ("reports", "paused", {"team": "bi"})
    assert cluster.created_at is not None
    assert cluster.properties == {
        "arn": ARN + "cluster:reports",
        "namespaceArn": None,
        "nodeType": "ra3.xlplus",
        "nodes": 2,
        "availabilityStatus": None,
        "version": "1.0",
        "multiAz": None,
        "storageCapacityMb": 0,
        "automatedSnapshotRetentionDays": 1,
        "manualSnapshotRetentionDays": None,
        "publiclyAccessible": False,
        "encrypted": False,
    }
    assert cluster.relations == ()


def test_cluster_in_a_network_and_the_next_page() -> None:
    def page(name: str, marker: str) -> str:
        return f"""<DescribeClustersResponse><DescribeClustersResult>{marker}<Clusters><Cluster>
          <ClusterIdentifier>{name}</ClusterIdentifier><ClusterStatus>available</ClusterStatus><VpcId>vpc-{name}</VpcId>
          <TotalStorageCapacityInMegaBytes>400000</TotalStorageCapacityInMegaBytes><MultiAZ>Disabled</MultiAZ>
          </Cluster></Clusters></DescribeClustersResult></DescribeClustersResponse>"""

    with answering(DescribeClusters=[page("a", "<Marker>two</Marker>"), page("b", "")]) as far_side:
        first, second = read(far_side.url, SERVICE, "AWS::Redshift::Cluster")

    assert [call.get("Marker") for call in far_side.calls("DescribeClusters")] == [None, "two"]
    assert first.relations == (Relation(RelationshipKind.IN_NETWORK, "vpc-a"),)
    assert (first.properties["storageCapacityMb"], first.properties["multiAz"]) == (400000, "Disabled")
    assert second.native_id == ARN + "cluster:b"


def test_scheduled_action_is_attached_to_its_cluster() -> None:
    body = """<DescribeScheduledActionsResponse><DescribeScheduledActionsResult><ScheduledActions><ScheduledAction>
      <ScheduledActionName>nights</ScheduledActionName><State>ACTIVE</State>
      <Schedule>cron(0 20 ? * MON-FRI *)</Schedule><StartTime>2026-01-01T00:00:00Z</StartTime>
      <IamRole>arn:aws:iam::123456789012:role/scheduler</IamRole>
      <TargetAction><PauseCluster><ClusterIdentifier>reports</ClusterIdentifier></PauseCluster></TargetAction>
      </ScheduledAction></ScheduledActions></DescribeScheduledActionsResult></DescribeScheduledActionsResponse>"""
    with answering(DescribeScheduledActions=body) as far_side:
        (action,) = read(far_side.url, SERVICE, "AWS::Redshift::ScheduledAction")

    assert (action.native_id, action.name, action.status) == (ARN + "scheduledaction:nights", "nights", "ACTIVE")
    assert action.properties == {
        "action": "PauseCluster",
        "cluster": "reports",
        "schedule": "cron(0 20 ? * MON-FRI *)",
        "startsAt": "2026-01-01T00:00:00+00:00",
        "endsAt": None,
    }
    assert action.relations == (Relation(RelationshipKind.ATTACHED_TO, ARN + "cluster:reports"),)
