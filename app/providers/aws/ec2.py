"""What all resources of EC2 share: their service, their ARN, their name from the tag `Name`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from app.providers.aws.reading import arn, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import FoundResource, Relation

SERVICE_NAME: Final = "AmazonEC2"
PAGE: Final = 1000
"""Resources a page; EC2 answers most lists with at most 1,000."""


def ec2_resource(
    connection: AwsConnection,
    region: str,
    described: Mapping[str, Any],
    *,
    resource_type: str,
    native_id: str,
    arn_type: str,
    properties: Mapping[str, Any],
    name: str | None = None,
    status: str | None = None,
    relations: Iterable[Relation] = (),
    created_at: datetime | None = None,
    last_used_at: datetime | None = None,
) -> FoundResource:
    """A resource from EC2's own description of it; `name` where the tag `Name` is missing, the id where both are.

    `arn_type` is the resource's word in its ARN, such as `volume`; `resource_type` the part after `AWS::EC2::`.
    """
    told = tags(described.get("Tags") or described.get("TagSet"))
    return FoundResource(
        service=SERVICE_NAME,
        resource_type=f"AWS::EC2::{resource_type}",
        native_id=native_id,
        name=told.get("Name") or name or native_id,
        region=region,
        availability_zone=described.get("AvailabilityZone"),
        status=status,
        tags=told,
        properties={"arn": arn(connection, "ec2", region, f"{arn_type}/{native_id}"), **properties},
        created_at=created_at,
        last_used_at=last_used_at,
        relations=tuple(dict.fromkeys(relations)),
    )


def iso(value: datetime | None) -> str | None:
    """A moment as a property holds it."""
    return value.isoformat() if value else None
