"""The edge of AWS: Route 53's hosted zones and health checks, CloudFront's distributions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Answers, Asking, read_each
from app.providers.aws.reading import moment, paged, tags
from app.providers.base import GLOBAL, Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_ZONE: Final = "AWS::Route53::HostedZone"
_CHECK: Final = "AWS::Route53::HealthCheck"
_DISTRIBUTION: Final = "AWS::CloudFront::Distribution"
_TAGGED_AT_ONCE: Final = 10
"""https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListTagsForResources.html"""
_RECORDS_OF_AN_EMPTY_ZONE: Final = 2
"""NS and SOA, which have no health check."""
_MOST_PAGES_OF_RECORDS: Final = 200
"""Of 300 records each. Route 53 allows an account five calls a second in all: more would take over 40 seconds."""
_REFERENCES: Final = ("referenced", "recordSetCount")


def _zones(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("route53", region)
    asking = Asking(client)
    for page in paged(client, "list_hosted_zones", "HostedZones"):
        answers = asking.about()
        tagged = _tagged(answers, "hostedzone", [_zone_id(zone) for zone in page])
        yield [
            _zone(connection.partition, asking.about(*answers.unreadable), zone, tagged.get(_zone_id(zone), {}))
            for zone in page
        ]


def _zone(partition: str, answers: Answers, zone: dict[str, Any], tagged: dict[str, str]) -> FoundResource:
    native_id = _zone_arn(partition, _zone_id(zone))
    return FoundResource(
        service="AmazonRoute53",
        resource_type=_ZONE,
        native_id=native_id,
        name=zone["Name"],
        region=GLOBAL,
        tags=tagged,
        properties=answers.known(
            {
                "arn": native_id,
                "hostedZoneId": _zone_id(zone),
                "private": bool((zone.get("Config") or {}).get("PrivateZone")),
                "recordSetCount": zone.get("ResourceRecordSetCount"),
            }
        ),
    )


def _zone_id(zone: dict[str, Any]) -> str:
    return str(zone["Id"]).rpartition("/")[2]


def _zone_arn(partition: str, identifier: str) -> str:
    return f"arn:{partition}:route53:::hostedzone/{identifier}"


def _tagged(answers: Answers, kind: str, identifiers: list[str]) -> dict[str, dict[str, str]]:
    """Tags by identifier."""
    told: dict[str, dict[str, str]] = {}
    for first in range(0, len(identifiers), _TAGGED_AT_ONCE):
        answer = answers.one(
            "list_tags_for_resources",
            ("tags",),
            ResourceType=kind,
            ResourceIds=identifiers[first : first + _TAGGED_AT_ONCE],
        )
        told |= {one["ResourceId"]: tags(one.get("Tags")) for one in answer.get("ResourceTagSets", ())}
    return told


def _checks(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("route53", region)
    asking = Asking(client)
    references: _References | None = None
    for page in paged(client, "list_health_checks", "HealthChecks"):
        if page and references is None:
            references = _References(asking)
        answers = asking.about()
        tagged = _tagged(answers, "healthcheck", [check["Id"] for check in page])
        yield [
            _check(
                connection.partition,
                asking.about(*answers.unreadable),
                check,
                tagged.get(check["Id"], {}),
                references,
            )
            for check in page
            if references
        ]


class _References:
    """Which health checks the record sets of the hosted zones, and calculated health checks, refer to."""

    def __init__(self, asking: Asking) -> None:
        self.record_sets: dict[str, int] = {}
        """Number of record sets by health check."""
        self.zones: dict[str, set[str]] = {}
        """Hosted zones by health check."""
        self.children: set[str] = set()
        """Health checks that a calculated one watches."""
        client = asking.client
        for page in paged(client, "list_health_checks", "HealthChecks"):
            for check in page:
                self.children.update(check["HealthCheckConfig"].get("ChildHealthChecks") or ())
        self.complete = asking.told("list_resource_record_sets", lambda: self._read(client)) is True

    def _read(self, client: Any) -> bool:
        """Whether all records were read."""
        left = _MOST_PAGES_OF_RECORDS
        for zones in paged(client, "list_hosted_zones", "HostedZones"):
            for zone in zones:
                if zone.get("ResourceRecordSetCount", 0) <= _RECORDS_OF_AN_EMPTY_ZONE:
                    continue
                for records in paged(
                    client, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=_zone_id(zone)
                ):
                    if left == 0:
                        return False
                    left -= 1
                    self._note(_zone_id(zone), records)
        return True

    def _note(self, zone: str, records: list[dict[str, Any]]) -> None:
        for record in records:
            check = record.get("HealthCheckId")
            if check:
                self.record_sets[check] = self.record_sets.get(check, 0) + 1
                self.zones.setdefault(check, set()).add(zone)


def _check(
    partition: str, answers: Answers, check: dict[str, Any], tagged: dict[str, str], references: _References
) -> FoundResource:
    identifier, told = check["Id"], check["HealthCheckConfig"]
    native_id = f"arn:{partition}:route53:::healthcheck/{identifier}"
    referenced = identifier in references.record_sets or identifier in references.children
    if not references.complete:
        # One reference proves that there is one; none among some of the records proves nothing.
        answers.unreadable.extend(_REFERENCES[1:] if referenced else _REFERENCES)
    return FoundResource(
        service="AmazonRoute53",
        resource_type=_CHECK,
        native_id=native_id,
        name=tagged.get("Name") or told.get("FullyQualifiedDomainName") or told.get("IPAddress") or identifier,
        region=GLOBAL,
        tags=tagged,
        properties=answers.known(
            {
                "arn": native_id,
                "healthCheckId": identifier,
                "checkType": told.get("Type"),
                "disabled": bool(told.get("Disabled")),
                "intervalSeconds": told.get("RequestInterval"),
                "measuresLatency": bool(told.get("MeasureLatency")),
                "linkedService": (check.get("LinkedService") or {}).get("ServicePrincipal"),
                "childHealthChecks": told.get("ChildHealthChecks") or [],
                "referenced": referenced,
                "recordSetCount": references.record_sets.get(identifier, 0),
            }
        ),
        relations=tuple(
            Relation(RelationshipKind.ATTACHED_TO, _zone_arn(partition, zone))
            for zone in sorted(references.zones.get(identifier, ()))
        ),
    )


def _distributions(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("cloudfront", region)
    asking = Asking(client)
    for page in paged(client, "list_distributions", "DistributionList.Items"):
        yield from read_each(page, partial(_distribution, asking), GONE)


def _distribution(asking: Asking, distribution: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = distribution["ARN"]
    aliases = (distribution.get("Aliases") or {}).get("Items") or []
    tagged = answers.one("list_tags_for_resource", ("tags",), Resource=native_id)
    return FoundResource(
        service="AmazonCloudFront",
        resource_type=_DISTRIBUTION,
        native_id=native_id,
        name=aliases[0] if aliases else distribution["DomainName"],
        region=GLOBAL,
        status=distribution.get("Status"),
        tags=tags((tagged.get("Tags") or {}).get("Items")),
        properties=answers.known(
            {
                "arn": native_id,
                "distributionId": distribution["Id"],
                "enabled": distribution.get("Enabled"),
                "domainName": distribution["DomainName"],
                "aliases": aliases,
                "origins": [one["DomainName"] for one in (distribution.get("Origins") or {}).get("Items") or ()],
                "priceClass": distribution.get("PriceClass"),
                "webAcl": distribution.get("WebACLId") or None,
                "staging": bool(distribution.get("Staging")),
                "lastModifiedAt": moment(distribution.get("LastModifiedTime")),
            }
        ),
    )


SERVICES: Final = (
    Service(
        name="route53",
        is_global=True,
        collectors=(
            Collector(
                resource_types=(_ZONE,),
                permissions=("route53:ListHostedZones", "route53:ListTagsForResources"),
                pages=_zones,
            ),
            Collector(
                resource_types=(_CHECK,),
                permissions=(
                    "route53:ListHealthChecks",
                    "route53:ListHostedZones",
                    "route53:ListResourceRecordSets",
                    "route53:ListTagsForResources",
                ),
                pages=_checks,
            ),
        ),
    ),
    Service(
        name="cloudfront",
        is_global=True,
        collectors=(
            Collector(
                resource_types=(_DISTRIBUTION,),
                permissions=("cloudfront:ListDistributions", "cloudfront:ListTagsForResource"),
                pages=_distributions,
            ),
        ),
    ),
)
