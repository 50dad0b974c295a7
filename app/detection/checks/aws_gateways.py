"""Ways out of a VPC that nothing takes: NAT gateways, interface endpoints, attachments of transit gateways."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days
from app.detection.checks.aws_ec2 import EIP_HOUR
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, required, unused
from app.detection.savings import hours, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, Remedy, Saving, Severity

NAT: Final = "AWS::EC2::NatGateway"
ENDPOINT: Final = "AWS::EC2::VPCEndpoint"
ATTACHMENT: Final = "AWS::EC2::TransitGatewayAttachment"
_AVAILABLE: Final = "available"
_GIGABYTE: Final = Decimal(10**9)
_NAT_HOUR: Final = "nat.hour"
_ENDPOINT_HOUR: Final = "vpce.interface.hour"
_ATTACHMENT_HOUR: Final = "tgw.attachment.hour"
_PAID_ATTACHMENTS: Final = frozenset({"vpc", "vpn", "direct-connect-gateway", "peering"})
_NAT_ID: Final = (("NatGatewayId", "id"),)
_SENT: Final = Metric("sent", "BytesOutToDestination", Daily.SUM, "AWS/NATGateway", _NAT_ID)
_TAKEN: Final = Metric("taken", "BytesInFromSource", Daily.SUM, "AWS/NATGateway", _NAT_ID)
_BYTES: Final = Metric(
    "bytes",
    "BytesProcessed",
    Daily.SUM,
    "AWS/PrivateLinkEndpoints",
    (
        ("Endpoint Type", "properties.endpointType"),
        ("Service Name", "properties.serviceName"),
        ("VPC Endpoint Id", "id"),
        ("VPC Id", "properties.vpcId"),
    ),
    silent_at_zero=True,
)
_OF_ATTACHMENT: Final = (("TransitGateway", "properties.transitGatewayId"), ("TransitGatewayAttachment", "id"))
_IN: Final = Metric("in", "BytesIn", Daily.SUM, "AWS/TransitGateway", _OF_ATTACHMENT)
_OUT: Final = Metric("out", "BytesOut", Daily.SUM, "AWS/TransitGateway", _OF_ATTACHMENT)
_MONTH: Final = days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90)


def own_account(subject: Subject) -> str:
    """The account that a resource was found in. Raises UnknownFactError."""
    return required(subject, "arn").split(":")[4]


def _nat_idle(facts: Facts) -> Finding | None:
    gateway = facts.subject
    if gateway.status != _AVAILABLE:
        return None
    most = max(exact(facts.usage(key).total) for key in ("sent", "taken")) / _GIGABYTE
    if most >= facts.threshold("gigabytes"):
        return None
    return Finding(
        saving=_nat_cost(facts),
        evidence=(Evidence("sent", f"{most:.3f}", "GB"), Evidence("days", str(facts.usage("sent").days))),
    )


def _nat_cost(facts: Facts) -> Saving:
    gateway = facts.subject
    if facts.cost is None and gateway.text("availabilityMode") == "regional":
        return unknown(
            "A regional NAT gateway is paid for each zone it is in, and only charges tell how many those are."
        )
    addresses = len(gateway.items("publicIps"))
    parts = [hours(_NAT_HOUR, "hours")]
    if addresses:
        parts.append(hours(EIP_HOUR, "hours of its public addresses", addresses))
    return whole(facts, *parts)


def _endpoint_idle(facts: Facts) -> Finding | None:
    endpoint = facts.subject
    if endpoint.text("endpointType") != "Interface" or (endpoint.status or "").lower() != _AVAILABLE:
        return None
    # Endpoints of services of other regions have no metrics; those that AWS services manage are not one's own.
    elsewhere = endpoint.text("serviceRegion") not in {None, endpoint.region}
    zones = len(endpoint.items("subnetIds"))
    if elsewhere or endpoint.flag("requesterManaged") or zones == 0:
        return None
    evidence = unused(facts, "bytes", unit="bytes")
    if evidence is None:
        return None
    return Finding(saving=whole(facts, hours(_ENDPOINT_HOUR, "hours in its subnets", zones)), evidence=evidence)


def _attachment_idle(facts: Facts) -> Finding | None:
    attachment = facts.subject
    if attachment.status != _AVAILABLE or attachment.text("attachedResourceType") not in _PAID_ATTACHMENTS:
        return None
    if attachment.text("attachedResourceOwnerId") != own_account(attachment):
        return None  # paid by the account whose network is attached
    evidence = unused(facts, "in", "out", unit="bytes")
    if evidence is None:
        return None
    return Finding(saving=whole(facts, hours(_ATTACHMENT_HOUR, "hours")), evidence=evidence)


CHECKS: Final = (
    Check(
        id="aws.nat.idle",
        title="NAT gateway that hardly anything goes through",
        description="A NAT gateway is paid by the hour, with its public addresses, whether anything uses it or not.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(NAT,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="See which route tables lead to it and what the little traffic is; another gateway of the VPC or "
        "an endpoint may do. Then take the routes away, delete the gateway and release its addresses.",
        find=_nat_idle,
        properties=("availabilityMode", "publicIps"),
        prices=(_NAT_HOUR, EIP_HOUR),
        saving="All hours of the gateway and, by list prices, of its public addresses.",
        parameters=(
            Parameter("gigabytes", Decimal(1), "GB", "Less than this has to go through it in all days together."),
            _MONTH,
        ),
        metrics=(_SENT, _TAKEN),
        links=(
            "https://aws.amazon.com/vpc/pricing/",
            "https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html",
        ),
    ),
    Check(
        id="aws.vpce.idle",
        title="Interface endpoint that nothing uses",
        description="An interface endpoint is paid by the hour in each of its subnets. Those of services of other "
        "regions are left out, for they have no metrics, and so are those that AWS services manage.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(ENDPOINT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whether something that runs seldom needs the service without a way to the internet. Then "
        "delete the endpoint, or take it out of subnets that do not need it.",
        find=_endpoint_idle,
        properties=("endpointType", "serviceName", "serviceRegion", "vpcId", "subnetIds", "requesterManaged"),
        prices=(_ENDPOINT_HOUR,),
        saving="All hours of the endpoint in all of its subnets.",
        parameters=(_MONTH,),
        metrics=(_BYTES,),
        links=(
            "https://aws.amazon.com/privatelink/pricing/",
            "https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html",
        ),
    ),
    Check(
        id="aws.tgw.attachment_idle",
        title="Transit gateway attachment that carries nothing",
        description="Each attachment of a transit gateway is paid by the hour. Those that another account pays are "
        "left out.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(ATTACHMENT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whether the attachment is kept for an emergency. Then take its routes away and delete it.",
        find=_attachment_idle,
        properties=("arn", "attachedResourceType", "attachedResourceOwnerId", "transitGatewayId"),
        prices=(_ATTACHMENT_HOUR,),
        saving="All hours of the attachment.",
        parameters=(_MONTH,),
        metrics=(_IN, _OUT),
        links=(
            "https://aws.amazon.com/transit-gateway/pricing/",
            "https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-cloudwatch-metrics.html",
        ),
    ),
)
