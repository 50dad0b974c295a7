"""DynamoDB as moto tells it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.providers.aws.dynamodb import SERVICE
from tests.providers.aws.answering import read
from tests.providers.aws.in_front import Told, in_front, refused_as_json
from tests.providers.moto import far_client

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
TABLE = "AWS::DynamoDB::Table"


def test_table_of_each_billing_mode(moto_url: str) -> None:
    dynamodb = far_client(moto_url, "dynamodb")
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "owner")]
    dynamodb.create_table(
        TableName="carts",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=attributes,
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 7},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
            }
        ],
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    dynamodb.put_item(TableName="carts", Item={"id": {"S": "1"}, "owner": {"S": "2"}})
    _table(dynamodb, "events")

    carts, events = read(moto_url, SERVICE, TABLE)

    assert (carts.service, carts.native_id, carts.name) == ("AmazonDynamoDB", ARN + "carts", "carts")
    assert (carts.region, carts.status, carts.tags) == ("eu-west-1", "ACTIVE", {"team": "shop"})
    assert carts.created_at is not None
    assert carts.properties == {
        "arn": ARN + "carts",
        "billingMode": "PROVISIONED",
        "readCapacityUnits": 5,
        "writeCapacityUnits": 7,
        "maxReadRequestUnits": None,
        "maxWriteRequestUnits": None,
        "tableClass": "STANDARD",
        "sizeBytes": 0,
        "items": 1,
        "globalIndexes": [
            {
                "name": "by_owner",
                "status": "ACTIVE",
                "readCapacityUnits": 1,
                "writeCapacityUnits": 2,
                "sizeBytes": None,
                "items": None,
            }
        ],
        "globalIndexNames": ["by_owner"],
        "localIndexes": [],
        "replicas": [],
        "streamEnabled": False,
        "deletionProtection": False,
    }
    assert (events.properties["billingMode"], events.tags) == ("PAY_PER_REQUEST", {})


def test_more_tables_than_a_page_and_one_deleted_meanwhile(moto_url: str) -> None:
    dynamodb = far_client(moto_url, "dynamodb")
    names = [f"table-{number:03}" for number in range(103)]
    for name in names:
        _table(dynamodb, name, Tags=[{"Key": "name", "Value": name}, {"Key": "team", "Value": "all"}])

    def ours(name: str, body: str) -> Told | None:
        gone = name == "DescribeTable" and "table-050" in body
        return refused_as_json("ResourceNotFoundException") if gone else None

    with in_front(moto_url, ours) as front:
        found = read(front.url, SERVICE, TABLE)

    assert [table.name for table in found] == [name for name in names if name != "table-050"]
    assert {table.name: table.tags for table in found} == {
        name: {"name": name, "team": "all"} for name in names if name != "table-050"
    }
    assert front.asked.count("ListTables") == 2


def test_denied_tables_are_an_error_and_not_an_empty_list(moto_url: str) -> None:
    _table(far_client(moto_url, "dynamodb"), "carts")

    def ours(name: str, _body: str) -> Told | None:
        return refused_as_json("AccessDeniedException") if name == "DescribeTable" else None

    with in_front(moto_url, ours) as front, pytest.raises(ClientError, match="AccessDeniedException"):
        read(front.url, SERVICE, TABLE)


def _table(client: Any, name: str, **more: Any) -> None:
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
