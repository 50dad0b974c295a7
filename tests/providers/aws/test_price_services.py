"""What rows of AWS's price lists are for us, service by service."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.pricing.book import pattern_of
from app.providers.aws.price_codes import REFRESHED as PLAIN_CODES
from app.providers.aws.price_services import REFRESHED
from app.providers.aws.prices import AwsPrices
from app.records.detection import PriceUnit
from tests.providers.aws.test_prices import lay, of, read, reader, server
from tests.providers.price_server import PriceServer

__all__ = ["reader", "server"]

_ATTRIBUTES = {
    "zone": "Availability Zone",
    "kind": "Instance Type",
    "engine": "Cache Engine",
    "broker": "Broker Engine",
    "deployment": "Deployment Option",
    "volume": "Volume Type",
    "media": "Storage Media",
    "family": "Storage Family",
    "group": "Group",
    "operation": "operation",
    "size": "Size",
    "thing": "Type",
    "database": "Database Engine",
}
# Service, product family, usage type, attributes, and the code that it tells; None where it tells none of ours.
ROWS: list[tuple[str, str, str, dict[str, str], str | None]] = [
    ("AmazonElastiCache", "Cache Instance", "NodeUsage:cache.r7g.large",
     {"kind": "cache.r7g.large", "engine": "Valkey"}, "elasticache.cache.r7g.large.valkey"),
    ("AmazonElastiCache", "Cache Instance", "EUC1-NodeUsage:cache.m5.large",
     {"kind": "cache.m5.large", "engine": "Redis"}, "elasticache.cache.m5.large.redis"),
    ("AmazonElastiCache", "Cache Instance", "ExtendedSupport:cache.m5.large",
     {"kind": "cache.m5.large", "engine": "Redis"}, None),
    ("AmazonRedshift", "Compute Instance", "USW2-Node:ra3.4xlarge", {"kind": "ra3.4xlarge"}, "redshift.ra3.4xlarge"),
    ("AmazonRedshift", "Redshift Concurrency Scaling", "CS:ra3.4xlarge", {"kind": "ra3.4xlarge"}, None),
    ("AmazonES", "Amazon OpenSearch Service Instance", "ESInstance:m6g.large", {"kind": "m6g.large.search"},
     "opensearch.m6g.large"),
    ("AmazonES", "Amazon OpenSearch Service Volume", "EU-ES:GP3-Storage", {}, "opensearch.storage.gp3"),
    ("AmazonDocDB", "Database Instance", "InstanceUsage:db.r5.large", {}, "docdb.db.r5.large"),
    ("AmazonDocDB", "Database Instance", "InstanceUsageIOOptimized:db.r5.large", {}, None),
    ("AmazonNeptune", "Database Instance", "APS1-InstanceUsage:db.r5.large", {}, "neptune.db.r5.large"),
    ("AmazonS3", "Storage", "TimedStorage-ByteHrs", {"volume": "Standard"}, "s3.standard.storage"),
    ("AmazonS3", "Storage", "TimedStorage-ByteHrs", {"volume": "Tags"}, None),
    ("AmazonS3", "Storage", "APN1-TimedStorage-SIA-ByteHrs", {"volume": "Standard - Infrequent Access"},
     "s3.standard_ia.storage"),
    ("AmazonMSK", "Managed Streaming for Apache Kafka (MSK)", "USE1-Kafka.m5.large", {}, "msk.kafka.m5.large"),
    ("AmazonMSK", "Managed Streaming for Apache Kafka (MSK)", "USE1-Kafka.Storage.GP2", {"family": "GP2"},
     "msk.storage"),
    ("AmazonMQ", "Broker Instances", "USE1-mq.m5.large", {"broker": "ActiveMQ", "deployment": "Single-AZ"},
     "mq.m5.large.activemq"),
    ("AmazonMQ", "Broker Instances", "USE1-mq.m5.large", {"broker": "ActiveMQ", "deployment": "Multi-AZ"}, None),
    ("AWSDatabaseMigrationSvc", "Replication Server", "Multi-AZUsage:dms.c5.large",
     {"kind": "c5.large", "zone": "Multiple"}, "dms.c5.large.multiaz"),
    ("AWSDatabaseMigrationSvc", "Storage", "StorageUsage", {"zone": "Single", "media": "SSD"}, "dms.storage"),
    ("AmazonMWAA", "Managed Workflows", "Small-Environment", {"size": "Small", "thing": "Environment"},
     "mwaa.mw1.small.environment"),
    ("AmazonMWAA", "Managed Workflows", "StandardDatabaseStorage", {}, None),
    ("AWSTransfer", "AWS Transfer Family", "EUC1-ProtocolHours", {"operation": "SFTP:S3"}, "transfer.protocol"),
    ("AWSTransfer", "AWS Transfer Family", "EUC1-ProtocolHours", {"operation": "FTP:S3"}, None),
    ("AmazonSageMaker", "ML Instance", "USE1-Host:ml.m5.large", {}, "sagemaker.endpoint.ml.m5.large"),
    ("AmazonSageMaker", "ML Instance", "USE1-Notebk:ml.t3.medium", {}, "sagemaker.notebook.ml.t3.medium"),
    ("AmazonSageMaker", "ML Instance", "USE1-Train:ml.m5.large", {}, None),
    ("ElasticMapReduce", "Elastic Map Reduce Instance", "EU-BoxUsage:m5.xlarge", {}, "emr.m5.xlarge"),
    ("AmazonEFS", "Storage", "EUC1-TimedStorage-ByteHrs", {}, "efs.standard"),
    ("AmazonEFS", "Storage", "IATimedStorage-ByteHrs", {}, "efs.ia"),
    ("AmazonEFS", "Storage", "TimedStorage-Z-ByteHrs", {}, "efs.onezone.standard"),
    ("AmazonEFS", "Storage", "IATimedStorage-Z-ByteHrs", {}, "efs.onezone.ia"),
    ("AmazonEFS", "Provisioned Throughput", "ProvisionedTP-MiBpsHrs", {}, "efs.throughput"),
    ("AmazonDynamoDB", "Provisioned IOPS", "USE2-ReadCapacityUnit-Hrs", {}, "dynamodb.rcu"),
    ("AmazonDynamoDB", "Provisioned IOPS", "WriteCapacityUnit-Hrs", {}, "dynamodb.wcu"),
    ("AmazonDynamoDB", "Provisioned IOPS", "IA-ReadCapacityUnit-Hrs", {}, "dynamodb.rcu.ia"),
    ("AmazonDynamoDB", "Provisioned IOPS", "EUC1-IA-WriteCapacityUnit-Hrs", {}, "dynamodb.wcu.ia"),
    ("AmazonDynamoDB", "Database Storage", "TimedStorage-ByteHrs", {}, "dynamodb.storage"),
    ("AmazonDynamoDB", "Database Storage", "IA-TimedStorage-ByteHrs", {}, "dynamodb.storage.ia"),
    ("AmazonKinesis", "Kinesis Streams", "Storage-ShardHour", {}, "kinesis.shard"),
    ("AmazonKinesis", "Kinesis Streams", "OnDemand-StreamHour", {}, "kinesis.stream"),
    ("AmazonECS", "Compute", "EUW2-Fargate-vCPU-Hours:perCPU", {}, "fargate.vcpu.hour"),
    ("AmazonECS", "Compute", "EUW2-Fargate-GB-Hours", {}, "fargate.gib.hour"),
    ("AmazonECS", "Compute", "EUW2-Fargate-ARM-vCPU-Hours:perCPU", {}, "fargate.arm.vcpu.hour"),
    ("AmazonECS", "Compute", "EUW2-Fargate-ARM-GB-Hours", {}, "fargate.arm.gib.hour"),
    ("AmazonECS", "Compute", "EUW2-Fargate-Windows-GB-Hours", {}, None),
    ("AmazonCloudWatch", "Storage Snapshot", "USE1-TimedStorage-ByteHrs", {}, "logs.storage"),
    ("AmazonECR", "EC2 Container Registry", "SAE1-TimedStorage-ByteHrs", {}, "ecr.storage"),
    ("AmazonEKS", "Compute", "USE1-AmazonEKS-Hours:perCluster", {}, "eks.cluster.hour"),
    ("AWSNetworkFirewall", "AWS Firewall", "USE1-Endpoint-Hour", {}, "networkfirewall.endpoint"),
    ("AWSLambda", "Serverless", "Lambda-GB-Second", {"group": "AWS-Lambda-Duration"}, "lambda.duration.gib"),
    ("AWSLambda", "Serverless", "Lambda-GB-Second-ARM", {"group": "AWS-Lambda-Duration-ARM"},
     "lambda.duration.arm.gib"),
    ("AWSLambda", "Serverless", "Lambda-Provisioned-Concurrency", {"group": "AWS-Lambda-Provisioned-Concurrency"},
     "lambda.provisioned.gib"),
    ("AWSLambda", "Serverless", "Lambda-Provisioned-Concurrency-ARM",
     {"group": "AWS-Lambda-Provisioned-Concurrency-ARM"}, "lambda.provisioned.arm.gib"),
    ("AWSLambda", "Serverless", "Request", {"group": "AWS-Lambda-Requests"}, None),
    ("AmazonVPC", "", "TransitGateway-Hours", {"operation": "TransitGatewayVPC"}, "tgw.attachment.hour"),
    ("AmazonVPC", "", "TransitGateway-Hours", {"operation": "TransitGatewayVPN"}, None),
    ("AmazonVPC", "", "EUC1-ClientVPN-EndpointHours", {}, "client_vpn.association.hour"),
    ("AmazonVPC", "Cloud Connectivity", "VPN-Usage-Hours:ipsec.1", {}, "vpn.connection.hour"),
    ("AmazonRDS", "", "ExtendedSupport:Yr1-Yr2:MySQL5.7", {"database": "MySQL"}, "rds.extended_support.years1_2"),
    ("AmazonRDS", "", "EU-ExtendedSupport:Yr3:PostgreSQL11", {"database": "PostgreSQL"}, "rds.extended_support.year3"),
]  # fmt: skip


def _told(usage: str, family: str, attributes: dict[str, str], price: str = "0.5", **more: Any) -> dict[str, str]:
    return of(usage, family, price, **{_ATTRIBUTES[name]: value for name, value in attributes.items()}, **more)


@pytest.mark.parametrize("service", sorted({each[0] for each in ROWS}))
def test_rows_tell_the_codes_of_their_service(reader: AwsPrices, server: PriceServer, service: str) -> None:
    rows = [each for each in ROWS if each[0] == service]
    lay(server, service, *(_told(usage, family, attributes) for _, family, usage, attributes, _ in rows))

    assert sorted(read(reader, service)) == sorted(code for *_, code in rows if code)


def test_all_patterns_of_services_are_told() -> None:
    told = {code for *_, code in ROWS if code}

    assert [
        pattern
        for pattern in REFRESHED
        if pattern not in PLAIN_CODES and not any(pattern_of(pattern).fullmatch(code) for code in told)
    ] == []


def test_what_is_told_by_the_second_is_stored_by_the_hour(reader: AwsPrices, server: PriceServer) -> None:
    lay(server, "AWSLambda", _told("Lambda-GB-Second", "Serverless", {"group": "AWS-Lambda-Duration"}, "0.0000166667"))

    assert read(reader, "AWSLambda") == {"lambda.duration.gib": (Decimal("0.06000012"), PriceUnit.HOUR)}


def test_behind_a_free_tier_is_the_price(reader: AwsPrices, server: PriceServer) -> None:
    lay(
        server,
        "AmazonDynamoDB",
        _told("TimedStorage-ByteHrs", "Database Storage", {}, "0", EndingRange="25"),
        _told("TimedStorage-ByteHrs", "Database Storage", {}, "0.25", StartingRange="25"),
    )

    assert read(reader, "AmazonDynamoDB") == {"dynamodb.storage": (Decimal("0.25"), PriceUnit.GIB_MONTH)}


def test_places_outside_of_regions_have_prices_of_their_own(reader: AwsPrices, server: PriceServer) -> None:
    zone = {"Location Type": "AWS Local Zone"}
    lay(
        server,
        "AmazonECR",
        _told("TimedStorage-ByteHrs", "EC2 Container Registry", {}, "0.10", **{"Location Type": "AWS Region"}),
        _told("TimedStorage-ByteHrs", "EC2 Container Registry", {}, "7", **zone),
    )

    assert read(reader, "AmazonECR")["ecr.storage"][0] == Decimal("0.10")
