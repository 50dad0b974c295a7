"""EMR, Kinesis and OpenSearch against moto; what moto lacks against a far side of their wire formats."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.providers.aws import emr, kinesis, opensearch
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, answering, read
from tests.providers.moto import REGION, far_client

CLUSTER = "arn:aws:elasticmapreduce:eu-west-1:123456789012:cluster/j-1"
LISTED = {
    "Id": "j-1",
    "Name": "nightly",
    "Status": {
        "State": "WAITING",
        "Timeline": {"CreationDateTime": 1767225600, "ReadyDateTime": 1767226200},
    },
    "NormalizedInstanceHours": 96,
    "ClusterArn": CLUSTER,
}
DESCRIBED = {
    **LISTED,
    "Ec2InstanceAttributes": {"Ec2SubnetId": "subnet-a", "Ec2AvailabilityZone": "eu-west-1a"},
    "ReleaseLabel": "emr-7.1.0",
    "Applications": [{"Name": "Spark"}],
    "AutoTerminate": False,
    "TerminationProtected": True,
    "ExtendedSupport": False,
    "Tags": [{"Key": "team", "Value": "data"}],
    "KerberosAttributes": {"Realm": "EXAMPLE", "KdcAdminPassword": "never-told"},
    "Configurations": [{"Classification": "spark", "Properties": {"password": "never-told"}}],
}
LIVE = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"]


def group(role: str, kind: str, market: str, requested: int, running: int) -> dict[str, object]:
    return {
        "Id": f"ig-{role}",
        "Market": market,
        "InstanceGroupType": role,
        "InstanceType": kind,
        "RequestedInstanceCount": requested,
        "RunningInstanceCount": running,
    }


def a_cluster() -> FoundResource:
    return FoundResource(
        service="ElasticMapReduce",
        resource_type="AWS::EMR::Cluster",
        native_id=CLUSTER,
        name="nightly",
        region=REGION,
        availability_zone="eu-west-1a",
        status="WAITING",
        tags={"team": "data"},
        properties={
            "arn": CLUSTER,
            "clusterId": "j-1",
            "releaseLabel": "emr-7.1.0",
            "applications": ["Spark"],
            "instanceCollectionType": "INSTANCE_GROUP",
            "instances": [
                {
                    "role": "MASTER",
                    "instanceType": "m5.xlarge",
                    "market": "ON_DEMAND",
                    "requested": 1,
                    "running": 1,
                },
                {"role": "CORE", "instanceType": "r5.xlarge", "market": "SPOT", "requested": 3, "running": 2},
            ],
            "normalizedInstanceHours": 96,
            "autoTerminate": False,
            "autoTerminationIdleSeconds": 3600,
            "terminationProtected": True,
            "extendedSupport": False,
            "readyAt": "2026-01-01T00:10:00+00:00",
        },
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        relations=(Relation(RelationshipKind.IN_NETWORK, "subnet-a"),),
    )


def test_cluster_of_groups_with_its_termination_policy() -> None:
    with answering(
        ListClusters=[{"Clusters": [LISTED], "Marker": "more"}, {"Clusters": []}],
        DescribeCluster={"Cluster": {**DESCRIBED, "InstanceCollectionType": "INSTANCE_GROUP"}},
        GetAutoTerminationPolicy={"AutoTerminationPolicy": {"IdleTimeout": 3600}},
        ListInstanceGroups=[
            {"InstanceGroups": [group("MASTER", "m5.xlarge", "ON_DEMAND", 1, 1)], "Marker": "more"},
            {"InstanceGroups": [group("CORE", "r5.xlarge", "SPOT", 3, 2)]},
        ],
    ) as far_side:
        found = read(far_side.url, emr.SERVICE, "AWS::EMR::Cluster")

    assert found == [a_cluster()]
    assert far_side.calls("ListClusters") == [{"ClusterStates": LIVE}, {"ClusterStates": LIVE, "Marker": "more"}]
    assert "never-told" not in repr(found)


def test_cluster_of_fleets_without_a_termination_policy() -> None:
    fleet = {
        "InstanceFleetType": "TASK",
        "TargetOnDemandCapacity": 2,
        "TargetSpotCapacity": 8,
        "ProvisionedOnDemandCapacity": 2,
        "ProvisionedSpotCapacity": 6,
        "InstanceTypeSpecifications": [{"InstanceType": "m5.xlarge"}, {"InstanceType": "m6g.xlarge"}],
    }
    with answering(
        ListClusters={"Clusters": [LISTED]},
        DescribeCluster={"Cluster": {**DESCRIBED, "InstanceCollectionType": "INSTANCE_FLEET"}},
        GetAutoTerminationPolicy={},
        ListInstanceFleets={"InstanceFleets": [fleet]},
    ) as far_side:
        (found,) = read(far_side.url, emr.SERVICE, "AWS::EMR::Cluster")

    assert found.properties["instances"] == [
        {
            "role": "TASK",
            "instanceTypes": ["m5.xlarge", "m6g.xlarge"],
            "onDemandCapacity": 2,
            "spotCapacity": 6,
            "targetOnDemandCapacity": 2,
            "targetSpotCapacity": 8,
        }
    ]
    assert found.properties["autoTerminationIdleSeconds"] is None
    assert "unreadable" not in found.properties


def test_denied_details_of_a_cluster_are_unknown_and_the_cluster_stays() -> None:
    with answering(
        ListClusters={"Clusters": [LISTED]}, DescribeCluster=DENIED, GetAutoTerminationPolicy=DENIED
    ) as far_side:
        (found,) = read(far_side.url, emr.SERVICE, "AWS::EMR::Cluster")

    assert (found.native_id, found.status, found.tags) == (CLUSTER, "WAITING", {})
    assert found.properties["instances"] is None
    assert found.properties["autoTerminationIdleSeconds"] is None
    assert found.properties["unreadable"] == [
        "applications",
        "autoTerminate",
        "autoTerminationIdleSeconds",
        "extendedSupport",
        "instanceCollectionType",
        "instances",
        "releaseLabel",
        "tags",
        "terminationProtected",
    ]


def test_only_live_clusters_of_moto_and_an_operation_that_it_lacks(moto_url: str) -> None:
    client = far_client(moto_url, "emr", "us-east-1")
    instances = {
        "InstanceGroups": [
            {"Name": "m", "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
            {"Name": "c", "InstanceRole": "CORE", "InstanceType": "r5.xlarge", "InstanceCount": 3},
        ],
        "KeepJobFlowAliveWhenNoSteps": True,
    }
    role = {"JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole", "ReleaseLabel": "emr-7.1.0"}
    live, ended = (
        client.run_job_flow(Name=name, Instances=instances, **role)["JobFlowId"] for name in ("live", "ended")
    )
    client.terminate_job_flows(JobFlowIds=[ended])

    (found,) = read(moto_url, emr.SERVICE, "AWS::EMR::Cluster", "us-east-1")

    assert found.native_id == f"arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/{live}"
    assert (found.name, found.status) == ("live", "WAITING")
    instances_told = [(one["role"], one["instanceType"], one["requested"]) for one in found.properties["instances"]]
    assert sorted(instances_told) == [("CORE", "r5.xlarge", 3), ("MASTER", "m5.xlarge", 1)]
    assert found.properties["unreadable"] == ["autoTerminationIdleSeconds"]


def test_streams_of_both_modes(moto_url: str) -> None:
    client = far_client(moto_url, "kinesis")
    client.create_stream(StreamName="clicks", ShardCount=3)
    client.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=48)
    client.add_tags_to_stream(StreamName="clicks", Tags={"team": "web"})
    client.create_stream(StreamName="events", StreamModeDetails={"StreamMode": "ON_DEMAND"})

    found = read(moto_url, kinesis.SERVICE, "AWS::Kinesis::Stream")

    arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
    assert [stream.name for stream in found] == ["clicks", "events"]
    assert found[0].created_at is not None
    assert abs(datetime.now(UTC) - found[0].created_at) < timedelta(minutes=5)
    assert replace(found[0], created_at=None) == FoundResource(
        service="AmazonKinesis",
        resource_type="AWS::Kinesis::Stream",
        native_id=arn,
        name="clicks",
        region=REGION,
        status="ACTIVE",
        tags={"team": "web"},
        properties={
            "arn": arn,
            "mode": "PROVISIONED",
            "openShards": 3,
            "retentionHours": 48,
            "consumers": None,
            "encryption": "NONE",
        },
    )
    assert (found[1].properties["mode"], found[1].properties["retentionHours"]) == ("ON_DEMAND", 24)


def a_domain(arn: str) -> FoundResource:
    return FoundResource(
        service="AmazonES",
        resource_type="AWS::OpenSearchService::Domain",
        native_id=arn,
        name="logs",
        region=REGION,
        status="Active",
        tags={"team": "ops"},
        properties={
            "arn": arn,
            "engine": "OpenSearch",
            "engineVersion": "2.11",
            "serviceSoftwareVersion": None,
            "serviceSoftwareUpdateAvailable": None,
            "instanceType": "r6g.large.search",
            "instanceCount": 3,
            "dedicatedMasterType": "m6g.large.search",
            "dedicatedMasterCount": 3,
            "warmType": None,
            "warmCount": 0,
            "coldStorage": False,
            "zoneAwareness": False,
            "standby": False,
            "ebs": True,
            "volumeType": "gp3",
            "volumeGigabytes": 100,
            "volumeIops": None,
            "volumeThroughput": None,
        },
        relations=(
            Relation(RelationshipKind.IN_NETWORK, "subnet-a"),
            Relation(RelationshipKind.IN_NETWORK, "sg-1"),
        ),
    )


def test_domains_are_described_five_at_a_time(moto_url: str) -> None:
    client = far_client(moto_url, "opensearch")
    client.create_domain(
        DomainName="logs",
        EngineVersion="OpenSearch_2.11",
        ClusterConfig={
            "InstanceType": "r6g.large.search",
            "InstanceCount": 3,
            "DedicatedMasterEnabled": True,
            "DedicatedMasterType": "m6g.large.search",
            "DedicatedMasterCount": 3,
        },
        EBSOptions={"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 100},
        VPCOptions={"SubnetIds": ["subnet-a"], "SecurityGroupIds": ["sg-1"]},
        TagList=[{"Key": "team", "Value": "ops"}],
    )
    for number in range(6):
        client.create_domain(DomainName=f"old-{number}", EngineVersion="Elasticsearch_6.8")

    found = {domain.name: domain for domain in read(moto_url, opensearch.SERVICE, "AWS::OpenSearchService::Domain")}

    assert sorted(found) == ["logs", *(f"old-{number}" for number in range(6))]
    arn = "arn:aws:es:eu-west-1:123456789012:domain/logs"
    assert found["logs"] == a_domain(arn)
    assert (found["old-0"].properties["engine"], found["old-0"].properties["engineVersion"]) == ("Elasticsearch", "6.8")
