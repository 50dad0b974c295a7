"""Connections to other networks that nothing comes through: VPNs, client VPNs, Direct Connect."""

from __future__ import annotations

from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, days
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import required, unused
from app.detection.savings import hours, whole
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

VPN: Final = "AWS::EC2::VPNConnection"
CLIENT_VPN: Final = "AWS::EC2::ClientVpnEndpoint"
DIRECT_CONNECT: Final = "AWS::DirectConnect::Connection"
_VPN_HOUR: Final = "vpn.connection.hour"
_CLIENT_VPN_HOUR: Final = "client_vpn.association.hour"
_UP: Final = Metric("up", "TunnelState", Daily.MAXIMUM, "AWS/VPN", (("VpnId", "id"),))
_ACTIVE: Final = Metric("active", "ActiveConnectionsCount", Daily.MAXIMUM, "AWS/ClientVPN", (("Endpoint", "id"),))
_CONNECTION_ID: Final = (("ConnectionId", "properties.connectionId"),)
_SENT: Final = Metric("sent", "ConnectionBpsEgress", Daily.MAXIMUM, "AWS/DX", _CONNECTION_ID)
_RECEIVED: Final = Metric("received", "ConnectionBpsIngress", Daily.MAXIMUM, "AWS/DX", _CONNECTION_ID)
_MONTH: Final = days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90)


def _vpn_idle(facts: Facts) -> Finding | None:
    if facts.subject.status != "available":
        return None
    evidence = unused(facts, "up", unit="tunnels up")
    return None if evidence is None else Finding(saving=whole(facts, hours(_VPN_HOUR, "hours")), evidence=evidence)


def _client_vpn_idle(facts: Facts) -> Finding | None:
    endpoint = facts.subject
    if endpoint.status != "available":
        return None  # without a subnet nothing is paid
    subnets = len(endpoint.items("associatedSubnetIds"))
    evidence = unused(facts, "active", unit="connections at a time")
    if evidence is None or subnets == 0:
        return None
    saving = whole(facts, hours(_CLIENT_VPN_HOUR, "hours in its subnets", subnets))
    return Finding(saving=saving, evidence=(*evidence, Evidence("subnets", str(subnets))))


def _direct_connect_idle(facts: Facts) -> Finding | None:
    connection = facts.subject
    if connection.status not in {"available", "down"}:
        return None  # ordered only, and not paid yet
    why = _why_direct_connect_is_idle(facts)
    if why is None:
        return None
    hosted = "hosted." if connection.text("partnerName") else ""
    code = f"dx.{hosted}{required(connection, 'bandwidth').lower()}.hour"
    confidence, evidence = why
    return Finding(saving=whole(facts, hours(code, "hours of the port")), evidence=evidence, confidence=confidence)


def _why_direct_connect_is_idle(facts: Facts) -> tuple[Confidence, tuple[Evidence, ...]] | None:
    connection = facts.subject
    if connection.status == "down":
        since = facts.status_since()
        evidence = (Evidence("state", "down"), Evidence("since, at the latest", since.isoformat()))
        return (Confidence.OBVIOUS, evidence) if facts.is_older(since, LOOKBACK_DAYS) else None
    if connection.number("virtualInterfaceCount") == 0:
        since = connection.same_since("virtualInterfaceCount")
        evidence = (Evidence("virtual interfaces", "0"), Evidence("since, at the latest", since.isoformat()))
        return (Confidence.OBVIOUS, evidence) if facts.is_older(since, LOOKBACK_DAYS) else None
    quiet = unused(facts, "sent", "received", unit="bits a second")
    return None if quiet is None else (Confidence.LIKELY, quiet)


CHECKS: Final = (
    Check(
        id="aws.vpn.idle",
        title="VPN connection whose tunnels are down",
        description="None of its tunnels was up at any time, yet a site-to-site VPN connection is paid by the hour.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(VPN,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whoever runs the other side whether the connection is needed or kept for an emergency. Then "
        "delete it, and its gateways if nothing else uses them.",
        find=_vpn_idle,
        prices=(_VPN_HOUR,),
        saving="All hours of the connection.",
        parameters=(_MONTH,),
        metrics=(_UP,),
        links=(
            "https://aws.amazon.com/vpn/pricing/",
            "https://docs.aws.amazon.com/vpn/latest/s2svpn/monitoring-cloudwatch-vpn.html",
        ),
    ),
    Check(
        id="aws.client_vpn.idle",
        title="Client VPN endpoint that nobody dials in to",
        description="A client VPN endpoint is paid by the hour for each of its subnets, whether anybody is connected "
        "or not.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(CLIENT_VPN,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Take the endpoint out of its subnets, which ends the payment and can be undone. If nobody misses "
        "it for some weeks, delete it.",
        find=_client_vpn_idle,
        properties=("associatedSubnetIds",),
        prices=(_CLIENT_VPN_HOUR,),
        saving="All hours of the endpoint in all of its subnets.",
        parameters=(_MONTH,),
        metrics=(_ACTIVE,),
        permissions=("ec2:DescribeClientVpnTargetNetworks",),
        links=(
            "https://aws.amazon.com/vpn/pricing/",
            "https://docs.aws.amazon.com/vpn/latest/clientvpn-admin/monitoring-cloudwatch.html",
        ),
    ),
    Check(
        id="aws.dx.idle",
        title="Direct Connect connection that carries nothing",
        description="The port is paid by the hour from when it is available. This one has long been down, has no "
        "virtual interface, or carried nothing.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(DIRECT_CONNECT,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whether the connection is kept for an emergency. Then delete its virtual interfaces and the "
        "connection, and end the contracts for the cross connect and the line.",
        find=_direct_connect_idle,
        properties=("connectionId", "bandwidth", "partnerName", "virtualInterfaceCount"),
        watched=("virtualInterfaceCount",),
        prices=("dx.*",),
        saving="All hours of the port; what partners bill for the line comes on top.",
        parameters=(_MONTH,),
        metrics=(_SENT, _RECEIVED),
        links=(
            "https://aws.amazon.com/directconnect/pricing/",
            "https://docs.aws.amazon.com/directconnect/latest/UserGuide/monitoring-cloudwatch.html",
        ),
    ),
)
