"""CloudWatch Logs as moto tells it."""

from __future__ import annotations

from datetime import UTC, datetime

from app.providers.aws.logs import SERVICE
from tests.providers.aws.answering import read
from tests.providers.aws.in_front import in_front
from tests.providers.moto import far_client

GROUP = "AWS::Logs::LogGroup"
ARN = "arn:aws:logs:eu-west-1:123456789012:log-group:"


def test_group_with_and_without_retention(moto_url: str) -> None:
    logs = far_client(moto_url, "logs")
    began = datetime.now(UTC).replace(microsecond=0)
    logs.create_log_group(logGroupName="/app/shop", tags={"team": "shop"})
    logs.create_log_group(logGroupName="/app/trace")
    logs.put_retention_policy(logGroupName="/app/trace", retentionInDays=14)
    logs.create_log_stream(logGroupName="/app/shop", logStreamName="one")
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(
        logGroupName="/app/shop", logStreamName="one", logEvents=[{"timestamp": now, "message": "never told"}]
    )

    shop, trace = read(moto_url, SERVICE, GROUP)

    assert (shop.service, shop.native_id, shop.name) == ("AmazonCloudWatch", ARN + "/app/shop", "/app/shop")
    assert (shop.region, shop.tags, trace.tags) == ("eu-west-1", {"team": "shop"}, {})
    assert shop.created_at is not None
    assert began <= shop.created_at <= datetime.now(UTC)
    assert shop.properties == {
        "arn": ARN + "/app/shop",
        "retentionDays": None,
        "storedBytes": 10,
        "logGroupClass": "STANDARD",
        "metricFilters": 0,
    }
    assert trace.properties["retentionDays"] == 14


def test_more_groups_than_a_page_each_with_its_own_tags(moto_url: str) -> None:
    logs = far_client(moto_url, "logs")
    names = [f"/app/{number:03}" for number in range(120)]
    for name in names:
        logs.create_log_group(logGroupName=name, tags={"name": name, "team": "all"})

    with in_front(moto_url, lambda _name, _body: None) as front:
        found = read(front.url, SERVICE, GROUP)

    assert {group.name: group.tags for group in found} == {name: {"name": name, "team": "all"} for name in names}
    assert len(found) == 120
    assert front.asked.count("DescribeLogGroups") == 3
