"""Brokers: Amazon MQ, and clusters of Amazon MSK."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Asking, read_each
from app.providers.aws.reading import moment, paged, placed_in, tags
from app.providers.base import Collector, FoundResource, Service

_BROKER: Final = "AWS::AmazonMQ::Broker"
_CLUSTER: Final = "AWS::MSK::Cluster"
_DESCRIBED: Final = ("engineVersion", "publiclyAccessible", "storageGigabytes", "storageType", "tags")


def _brokers(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("mq", region)
    asking = Asking(client)
    for page in paged(client, "list_brokers", "BrokerSummaries"):
        yield from read_each(page, partial(_broker, asking, region), GONE)


def _broker(asking: Asking, region: str, broker: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    described = answers.one("describe_broker", _DESCRIBED, BrokerId=broker["BrokerId"])
    native_id = broker["BrokerArn"]
    return FoundResource(
        service="AmazonMQ",
        resource_type=_BROKER,
        native_id=native_id,
        name=broker["BrokerName"],
        region=region,
        status=broker["BrokerState"],
        tags=tags(described.get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "brokerId": broker["BrokerId"],
                "engine": broker.get("EngineType"),
                "engineVersion": described.get("EngineVersion"),
                "instanceType": broker.get("HostInstanceType"),
                "deploymentMode": broker.get("DeploymentMode"),
                "metricNames": _metric_names(broker),
                "storageType": described.get("StorageType"),
                "storageGigabytes": described.get("StorageSize"),
                "publiclyAccessible": described.get("PubliclyAccessible"),
            }
        ),
        created_at=moment(broker.get("Created")),
        relations=placed_in(None, described.get("SubnetIds") or (), described.get("SecurityGroups") or ()),
    )


def _metric_names(broker: dict[str, Any]) -> list[str]:
    """What CloudWatch calls a broker: ActiveMQ's instances are numbered, the second one stands by.

    https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/activemq-logging-monitoring.html
    """
    name = str(broker["BrokerName"])
    if str(broker.get("EngineType", "")).upper() != "ACTIVEMQ":
        return [name]
    count = 2 if broker.get("DeploymentMode") == "ACTIVE_STANDBY_MULTI_AZ" else 1
    return [f"{name}-{number + 1}" for number in range(count)]


def _clusters(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("kafka", region)
    for page in paged(client, "list_clusters_v2", "ClusterInfoList"):
        yield [_cluster(region, cluster) for cluster in page]


def _cluster(region: str, cluster: dict[str, Any]) -> FoundResource:
    provisioned = cluster.get("Provisioned") or {}
    nodes = provisioned.get("BrokerNodeGroupInfo") or {}
    volumes = (nodes.get("StorageInfo") or {}).get("EbsStorageInfo") or {}
    networks = (cluster.get("Serverless") or {}).get("VpcConfigs") or ()
    subnets = [*(nodes.get("ClientSubnets") or ()), *(one for net in networks for one in net.get("SubnetIds", ()))]
    groups = [
        *(nodes.get("SecurityGroups") or ()),
        *(one for net in networks for one in net.get("SecurityGroupIds", ())),
    ]
    native_id = cluster["ClusterArn"]
    return FoundResource(
        service="AmazonMSK",
        resource_type=_CLUSTER,
        native_id=native_id,
        name=cluster["ClusterName"],
        region=region,
        status=cluster["State"],
        tags=tags(cluster.get("Tags")),
        properties={
            "arn": native_id,
            "clusterType": cluster.get("ClusterType"),
            "brokers": provisioned.get("NumberOfBrokerNodes"),
            # Brokers are numbered; metrics are asked for by their numbers.
            "brokerIds": [str(number + 1) for number in range(provisioned.get("NumberOfBrokerNodes") or 0)],
            "instanceType": nodes.get("InstanceType"),
            "volumeGigabytesPerBroker": volumes.get("VolumeSize"),
            "storageMode": provisioned.get("StorageMode"),
            "kafkaVersion": (provisioned.get("CurrentBrokerSoftwareInfo") or {}).get("KafkaVersion"),
        },
        created_at=moment(cluster.get("CreationTime")),
        relations=placed_in(None, subnets, groups),
    )


SERVICES: Final = (
    Service(
        name="mq",
        collectors=(
            Collector(resource_types=(_BROKER,), permissions=("mq:ListBrokers", "mq:DescribeBroker"), pages=_brokers),
        ),
    ),
    Service(
        name="kafka",
        collectors=(Collector(resource_types=(_CLUSTER,), permissions=("kafka:ListClustersV2",), pages=_clusters),),
    ),
)
