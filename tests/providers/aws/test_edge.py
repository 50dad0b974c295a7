"""Route 53 and CloudFront against moto; denied and endless records against a far side of their wire format."""

from __future__ import annotations

from typing import Any

import pytest

from app.providers.aws import edge
from app.providers.base import GLOBAL, FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import Refusal, answering, read
from tests.providers.moto import far_client

ROUTE53, CLOUDFRONT = edge.SERVICES
PREFIX = "arn:aws:route53:::"
NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"


def seeded(url: str) -> tuple[str, dict[str, str]]:
    """A zone that refers to the check `used`; `parent` watches `child`; nothing knows of `idle`."""
    client = far_client(url, "route53")
    zone = client.create_hosted_zone(Name="example.com.", CallerReference="zone")["HostedZone"]["Id"]
    address = {"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 443, "RequestInterval": 30}

    def check(name: str, config: dict[str, Any]) -> str:
        made = client.create_health_check(CallerReference=name, HealthCheckConfig=config)
        return str(made["HealthCheck"]["Id"])

    checks = {name: check(name, address) for name in ("used", "child", "idle")}
    checks["parent"] = check(
        "parent", {"Type": "CALCULATED", "ChildHealthChecks": [checks["child"]], "HealthThreshold": 1}
    )
    record = {
        "Name": "www.example.com.",
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": "one",
        "Weight": 1,
        "HealthCheckId": checks["used"],
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    client.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )
    identifier = zone.rpartition("/")[2]
    client.change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=identifier, AddTags=[{"Key": "team", "Value": "web"}]
    )
    client.change_tags_for_resource(
        ResourceType="healthcheck", ResourceId=checks["used"], AddTags=[{"Key": "Name", "Value": "front"}]
    )
    return identifier, checks


def test_hosted_zones_with_tags(moto_url: str) -> None:
    zone, _ = seeded(moto_url)
    assert read(moto_url, ROUTE53, "AWS::Route53::HostedZone", GLOBAL) == [
        FoundResource(
            service="AmazonRoute53",
            resource_type="AWS::Route53::HostedZone",
            native_id=f"{PREFIX}hostedzone/{zone}",
            name="example.com.",
            region="global",
            tags={"team": "web"},
            properties={
                "arn": f"{PREFIX}hostedzone/{zone}",
                "hostedZoneId": zone,
                "private": False,
                "recordSetCount": 3,
            },
        )
    ]


def test_health_checks_know_who_refers_to_them(moto_url: str) -> None:
    zone, checks = seeded(moto_url)
    found = {one.native_id: one for one in read(moto_url, ROUTE53, "AWS::Route53::HealthCheck", GLOBAL)}

    assert ROUTE53.is_global
    told = {name: found[f"{PREFIX}healthcheck/{identifier}"] for name, identifier in checks.items()}
    assert {name: one.properties["referenced"] for name, one in told.items()} == {
        "used": True,
        "child": True,
        "idle": False,
        "parent": False,
    }
    arn = f"{PREFIX}healthcheck/{checks['used']}"
    assert told["used"] == FoundResource(
        service="AmazonRoute53",
        resource_type="AWS::Route53::HealthCheck",
        native_id=arn,
        name="front",
        region="global",
        tags={"Name": "front"},
        properties={
            "arn": arn,
            "healthCheckId": checks["used"],
            "checkType": "TCP",
            "disabled": False,
            "intervalSeconds": 30,
            "measuresLatency": False,
            "linkedService": None,
            "childHealthChecks": [],
            "referenced": True,
            "recordSetCount": 1,
        },
        relations=(Relation(RelationshipKind.ATTACHED_TO, f"{PREFIX}hostedzone/{zone}"),),
    )
    assert told["parent"].properties["childHealthChecks"] == [checks["child"]]


def far_records(records: Any) -> dict[str, Any]:
    """Two health checks, one zone with many records."""
    check = (
        "<HealthCheck><Id>{0}</Id><CallerReference>{0}</CallerReference><HealthCheckVersion>1</HealthCheckVersion>"
        "<HealthCheckConfig><Type>TCP</Type><IPAddress>192.0.2.1</IPAddress></HealthCheckConfig></HealthCheck>"
    )
    checks = (
        f'<ListHealthChecksResponse xmlns="{NAMESPACE}"><HealthChecks>{check.format("used")}{check.format("idle")}'
        "</HealthChecks><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHealthChecksResponse>"
    )
    zones = (
        f'<ListHostedZonesResponse xmlns="{NAMESPACE}"><HostedZones><HostedZone><Id>/hostedzone/Z1</Id>'
        "<Name>example.com.</Name><CallerReference>z</CallerReference>"
        "<ResourceRecordSetCount>100000</ResourceRecordSetCount></HostedZone></HostedZones>"
        "<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesResponse>"
    )
    tags = f'<ListTagsForResourcesResponse xmlns="{NAMESPACE}"><ResourceTagSets/></ListTagsForResourcesResponse>'
    return {
        "GET /2013-04-01/healthcheck": checks,
        "GET /2013-04-01/hostedzone": zones,
        "GET /2013-04-01/hostedzone/Z1/rrset": records,
        "POST /2013-04-01/tags/healthcheck": tags,
    }


def test_records_that_may_not_be_read_leave_references_unknown() -> None:
    with answering(**far_records(Refusal("AccessDenied", 403))) as far_side:
        found = read(far_side.url, ROUTE53, "AWS::Route53::HealthCheck", GLOBAL)

    assert [one.properties["referenced"] for one in found] == [None, None]
    assert [one.properties["unreadable"] for one in found] == [["recordSetCount", "referenced"]] * 2


def test_only_so_many_records_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(arguments: dict[str, str]) -> str:
        number = int(arguments.get("name", "r0")[1:])
        return (
            f'<ListResourceRecordSetsResponse xmlns="{NAMESPACE}"><ResourceRecordSets><ResourceRecordSet>'
            f"<Name>r{number}</Name><Type>A</Type><HealthCheckId>used</HealthCheckId></ResourceRecordSet>"
            f"</ResourceRecordSets><IsTruncated>true</IsTruncated><NextRecordName>r{number + 1}</NextRecordName>"
            "<NextRecordType>A</NextRecordType><MaxItems>1</MaxItems></ListResourceRecordSetsResponse>"
        )

    monkeypatch.setattr(edge, "_MOST_PAGES_OF_RECORDS", 3)
    with answering(**far_records(endless)) as far_side:
        used, idle = read(far_side.url, ROUTE53, "AWS::Route53::HealthCheck", GLOBAL)

    assert len(far_side.calls("GET /2013-04-01/hostedzone/Z1/rrset")) == 4
    assert (used.properties["referenced"], used.properties["recordSetCount"]) == (True, None)
    assert (idle.properties["referenced"], idle.properties["recordSetCount"]) == (None, None)


def a_distribution(made: Any, found: Any) -> FoundResource:
    return FoundResource(
        service="AmazonCloudFront",
        resource_type="AWS::CloudFront::Distribution",
        native_id=made["ARN"],
        name="www.example.com",
        region="global",
        status="Deployed",
        tags={"team": "web"},
        properties={
            "arn": made["ARN"],
            "distributionId": made["Id"],
            "enabled": True,
            "domainName": made["DomainName"],
            "aliases": ["www.example.com"],
            "origins": ["bucket.s3.amazonaws.com"],
            "priceClass": "PriceClass_All",
            "webAcl": None,
            "staging": False,
            "lastModifiedAt": found.properties["lastModifiedAt"],
        },
    )


def test_distribution_with_its_names_and_tags(moto_url: str) -> None:
    client = far_client(moto_url, "cloudfront")
    behaviour = {
        "TargetOriginId": "origin",
        "ViewerProtocolPolicy": "allow-all",
        "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        "MinTTL": 0,
    }
    origin = {
        "Id": "origin",
        "DomainName": "bucket.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "x-key", "HeaderValue": "never-told"}]},
    }
    config = {
        "CallerReference": "one",
        "Comment": "",
        "Enabled": True,
        "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behaviour,
    }
    tags = {"Items": [{"Key": "team", "Value": "web"}]}
    made = client.create_distribution_with_tags(
        DistributionConfigWithTags={"DistributionConfig": config, "Tags": tags}
    )["Distribution"]

    (found,) = read(moto_url, CLOUDFRONT, "AWS::CloudFront::Distribution", GLOBAL)

    assert CLOUDFRONT.is_global
    assert found == a_distribution(made, found)
    assert "never-told" not in repr(found)
