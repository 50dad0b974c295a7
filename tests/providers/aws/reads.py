"""What tests of collectors share: read a type, find one resource, name relations."""

from __future__ import annotations

import json
from typing import Any

from app.providers.aws.cloud import AwsCloud
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.moto import REGION, aws_target


def collector_of(resource_type: str) -> Collector:
    """The collector that a scan would use."""
    (found,) = (
        collector
        for service in AwsCloud().services()
        for collector in service.collectors
        if resource_type in collector.resource_types
    )
    return found


def pages_of(url: str, resource_type: str, region: str = REGION) -> list[list[FoundResource]]:
    """Every page that the collector of a type gives; each of the type, in the region, and fit for JSON."""
    connection = AwsConnection(aws_target(url), attempts=1)
    pages = list(collector_of(resource_type).pages(connection, region))
    connection.close()
    for resource in (resource for page in pages for resource in page):
        assert resource.resource_type == resource_type
        assert resource.region == region
        json.dumps(resource.properties)
    return pages


def read(url: str, resource_type: str, native_id: str) -> FoundResource:
    """The one resource with that id."""
    (found,) = (found for page in pages_of(url, resource_type) for found in page if found.native_id == native_id)
    return found


def ids(url: str, resource_type: str) -> set[str]:
    """The ids of all resources of a type."""
    return {resource.native_id for page in pages_of(url, resource_type) for resource in page}


def attached_to(*targets: str) -> tuple[Relation, ...]:
    return tuple(Relation(RelationshipKind.ATTACHED_TO, target) for target in targets)


def behind(*targets: str) -> tuple[Relation, ...]:
    return tuple(Relation(RelationshipKind.BEHIND, target) for target in targets)


def created_from(*targets: str) -> tuple[Relation, ...]:
    return tuple(Relation(RelationshipKind.CREATED_FROM, target) for target in targets)


def in_network(*targets: str) -> tuple[Relation, ...]:
    return tuple(Relation(RelationshipKind.IN_NETWORK, target) for target in targets)


def member_of(*targets: str) -> tuple[Relation, ...]:
    return tuple(Relation(RelationshipKind.MEMBER_OF, target) for target in targets)


def named(resource_type: str, **tags: str) -> list[dict[str, Any]]:
    """Tags to make a resource of EC2 with."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": resource_type, "Tags": pairs}]
