"""Reads DynamoDB: tables with their capacity, indexes and replicas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import TAG_PERMISSION, read_each, tags_of
from app.providers.aws.reading import arn, moment, names_in
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Service

_GONE: Final = frozenset({"ResourceNotFoundException"})


def tables(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Tables; the list tells names only, so that each costs a call."""
    client = connection.client("dynamodb", region)
    for names in names_in(client, "list_tables", "TableNames"):
        arns = {name: arn(connection, "dynamodb", region, f"table/{name}") for name in names}
        tagged = tags_of(connection, region, list(arns.values()))
        yield from read_each(names, partial(_table, client, region, arns, tagged), _GONE)


def _table(
    client: Any, region: str, arns: Mapping[str, str], tagged: Mapping[str, Mapping[str, str]], name: str
) -> FoundResource:
    table = client.describe_table(TableName=name)["Table"]
    capacity = table.get("ProvisionedThroughput") or {}
    demand = table.get("OnDemandThroughput") or {}
    return FoundResource(
        service="AmazonDynamoDB",
        resource_type="AWS::DynamoDB::Table",
        native_id=arns[name],
        name=name,
        region=region,
        status=table.get("TableStatus"),
        tags=tagged.get(arns[name], {}),
        created_at=moment(table.get("CreationDateTime")),
        properties={
            "arn": arns[name],
            # A table that never was on demand has no summary.
            "billingMode": (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
            "readCapacityUnits": capacity.get("ReadCapacityUnits"),
            "writeCapacityUnits": capacity.get("WriteCapacityUnits"),
            "maxReadRequestUnits": demand.get("MaxReadRequestUnits"),
            "maxWriteRequestUnits": demand.get("MaxWriteRequestUnits"),
            "tableClass": (table.get("TableClassSummary") or {}).get("TableClass", "STANDARD"),
            "sizeBytes": table.get("TableSizeBytes"),
            "items": table.get("ItemCount"),
            "globalIndexes": [_index(index) for index in table.get("GlobalSecondaryIndexes") or ()],
            # The same names by themselves: metrics are asked for by them.
            "globalIndexNames": [index["IndexName"] for index in table.get("GlobalSecondaryIndexes") or ()],
            "localIndexes": [index["IndexName"] for index in table.get("LocalSecondaryIndexes") or ()],
            "replicas": sorted(replica["RegionName"] for replica in table.get("Replicas") or ()),
            "streamEnabled": (table.get("StreamSpecification") or {}).get("StreamEnabled", False),
            "deletionProtection": table.get("DeletionProtectionEnabled"),
        },
    )


def _index(index: Mapping[str, Any]) -> dict[str, Any]:
    capacity = index.get("ProvisionedThroughput") or {}
    return {
        "name": index["IndexName"],
        "status": index.get("IndexStatus"),
        "readCapacityUnits": capacity.get("ReadCapacityUnits"),
        "writeCapacityUnits": capacity.get("WriteCapacityUnits"),
        "sizeBytes": index.get("IndexSizeBytes"),
        "items": index.get("ItemCount"),
    }


SERVICE: Final = Service(
    "dynamodb",
    (Collector(("AWS::DynamoDB::Table",), ("dynamodb:ListTables", "dynamodb:DescribeTable", TAG_PERMISSION), tables),),
)
