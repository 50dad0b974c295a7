"""Reads CloudWatch Logs: log groups with their retention and size.

When a group's last event came is not read: it takes a call for each group, at 25 a second for the whole account, and
the metric IncomingBytes tells it for many groups at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.asking import TAG_PERMISSION, tags_of
from app.providers.aws.reading import moment, paged
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Service


def log_groups(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Log groups of the account itself."""
    for page in paged(connection.client("logs", region), "describe_log_groups", "logGroups"):
        tagged = tags_of(connection, region, [_arn(group) for group in page])
        yield [_log_group(region, group, tagged) for group in page]


def _arn(group: Mapping[str, Any]) -> str:
    """The ARN of the group itself, not of all of its streams, which ends in `:*`."""
    return str(group.get("logGroupArn") or group["arn"]).removesuffix(":*")


def _log_group(region: str, group: Mapping[str, Any], tagged: Mapping[str, Mapping[str, str]]) -> FoundResource:
    group_arn = _arn(group)
    return FoundResource(
        service="AmazonCloudWatch",
        resource_type="AWS::Logs::LogGroup",
        native_id=group_arn,
        name=group["logGroupName"],
        region=region,
        tags=tagged.get(group_arn, {}),
        created_at=moment(group.get("creationTime")),
        properties={
            "arn": group_arn,
            # None: events are kept for ever.
            "retentionDays": group.get("retentionInDays"),
            "storedBytes": group.get("storedBytes"),
            "logGroupClass": group.get("logGroupClass", "STANDARD"),
            "metricFilters": group.get("metricFilterCount"),
        },
    )


SERVICE: Final = Service(
    "logs", (Collector(("AWS::Logs::LogGroup",), ("logs:DescribeLogGroups", TAG_PERMISSION), log_groups),)
)
