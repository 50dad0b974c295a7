"""Brokers of Amazon MQ and clusters of MSK, against moto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.providers.aws import messaging
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, answering, read
from tests.providers.moto import REGION, far_client

MQ, KAFKA = messaging.SERVICES
BROKER = "arn:aws:mq:eu-west-1:123456789012:broker:orders:b-1"


def a_broker(made: Any) -> FoundResource:
    return FoundResource(
        service="AmazonMQ",
        resource_type="AWS::AmazonMQ::Broker",
        native_id=made["BrokerArn"],
        name="orders",
        region=REGION,
        status="RUNNING",
        tags={"team": "shop"},
        properties={
            "arn": made["BrokerArn"],
            "brokerId": made["BrokerId"],
            "engine": "ACTIVEMQ",
            "engineVersion": "5.18",
            "instanceType": "mq.m5.large",
            "deploymentMode": "ACTIVE_STANDBY_MULTI_AZ",
            "metricNames": ["orders-1", "orders-2"],
            "storageType": "EFS",
            "storageGigabytes": None,
            "publiclyAccessible": False,
        },
        relations=tuple(Relation(RelationshipKind.IN_NETWORK, target) for target in ("subnet-a", "subnet-b", "sg-1")),
    )


def test_broker_without_its_users(moto_url: str) -> None:
    made = far_client(moto_url, "mq").create_broker(
        BrokerName="orders",
        EngineType="ACTIVEMQ",
        EngineVersion="5.18",
        HostInstanceType="mq.m5.large",
        DeploymentMode="ACTIVE_STANDBY_MULTI_AZ",
        PubliclyAccessible=False,
        AutoMinorVersionUpgrade=True,
        SubnetIds=["subnet-a", "subnet-b"],
        SecurityGroups=["sg-1"],
        StorageType="EFS",
        Users=[{"Username": "operator-account", "Password": "never-told-12"}],
        Tags={"team": "shop"},
    )

    (found,) = read(moto_url, MQ, "AWS::AmazonMQ::Broker")

    assert found.created_at is not None
    assert replace(found, created_at=None) == a_broker(made)
    assert "operator-account" not in repr(found)


def test_a_broker_that_may_not_be_described_is_listed_with_unknowns() -> None:
    summary = {
        "brokerArn": BROKER,
        "brokerId": "b-1",
        "brokerName": "orders",
        "brokerState": "RUNNING",
        "engineType": "RABBITMQ",
        "hostInstanceType": "mq.m5.large",
        "deploymentMode": "SINGLE_INSTANCE",
        "created": "2026-01-01T00:00:00Z",
    }
    answers = {"GET /v1/brokers": {"brokerSummaries": [summary]}, "GET /v1/brokers/b-1": DENIED}
    with answering(**answers) as far_side:
        (found,) = read(far_side.url, MQ, "AWS::AmazonMQ::Broker")

    assert (found.native_id, found.status, found.properties["instanceType"]) == (BROKER, "RUNNING", "mq.m5.large")
    assert found.properties["metricNames"] == ["orders"]
    assert found.properties["unreadable"] == [
        "engineVersion",
        "publiclyAccessible",
        "storageGigabytes",
        "storageType",
        "tags",
    ]


def test_clusters_of_brokers_and_without_servers(moto_url: str) -> None:
    client = far_client(moto_url, "kafka")
    brokers = {
        "ClientSubnets": ["subnet-a", "subnet-b"],
        "InstanceType": "kafka.m5.large",
        "SecurityGroups": ["sg-1"],
        "StorageInfo": {"EbsStorageInfo": {"VolumeSize": 200}},
    }
    provisioned = {"BrokerNodeGroupInfo": brokers, "KafkaVersion": "3.6.0", "NumberOfBrokerNodes": 2}
    arn = client.create_cluster_v2(ClusterName="events", Provisioned=provisioned, Tags={"team": "data"})["ClusterArn"]
    networks = [{"SubnetIds": ["subnet-c"], "SecurityGroupIds": ["sg-2"]}]
    client.create_cluster_v2(ClusterName="light", Serverless={"VpcConfigs": networks})

    found = {cluster.name: cluster for cluster in read(moto_url, KAFKA, "AWS::MSK::Cluster")}

    assert sorted(found) == ["events", "light"]
    assert found["events"].created_at is not None
    assert replace(found["events"], created_at=None) == FoundResource(
        service="AmazonMSK",
        resource_type="AWS::MSK::Cluster",
        native_id=arn,
        name="events",
        region=REGION,
        status="CREATING",
        tags={"team": "data"},
        properties={
            "arn": arn,
            "clusterType": "PROVISIONED",
            "brokers": 2,
            "brokerIds": ["1", "2"],
            "instanceType": "kafka.m5.large",
            "volumeGigabytesPerBroker": 200,
            "storageMode": "LOCAL",
            "kafkaVersion": "3.6.0",
        },
        relations=tuple(Relation(RelationshipKind.IN_NETWORK, target) for target in ("subnet-a", "subnet-b", "sg-1")),
    )
    assert found["light"].properties["clusterType"] == "SERVERLESS"
    assert [relation.target for relation in found["light"].relations] == ["subnet-c", "sg-2"]
