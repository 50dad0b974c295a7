"""Addresses, NAT gateways and connections to other networks that nothing comes through."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Parameter, days
from app.detection.checks.gcp_values import at, listed, window
from app.detection.checks.gcp_vms import ADDRESS, UNUSED_ADDRESS_HOUR
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, has_lived, required, unused
from app.detection.savings import hours, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

GLOBAL_ADDRESS: Final = "compute.googleapis.com/GlobalAddress"
ROUTER: Final = "compute.googleapis.com/Router"
TUNNEL: Final = "compute.googleapis.com/VpnTunnel"
ATTACHMENT: Final = "compute.googleapis.com/InterconnectAttachment"
_TUNNEL_HOUR: Final = "gcp.vpn.tunnel.hour"
_MEGABYTE: Final = Decimal(1_000_000)
_MONTH: Final = days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90)
_MEGABYTES: Final = Parameter(
    "megabytesPerDay", Decimal(1), "MB", "Each day has to have less than this: routers that greet each other have some."
)
_PRICING: Final = "https://cloud.google.com/vpc/network-pricing"


def _bytes(key: str, name: str, namespace: str, *labels: tuple[str, str]) -> Metric:
    return Metric(key, name, Daily.SUM, namespace, labels, silent_at_zero=True)


_NAT_SENT: Final = _bytes(
    "sent",
    "router.googleapis.com/nat/sent_bytes_count",
    "nat_gateway",
    ("resource.labels.router_id", "properties.id"),
)
_TUNNEL: Final = ("metric.labels.tunnel_name", "name")
_ATTACHMENT: Final = ("resource.labels.attachment", "name")


def _both_ways(prefix: str, namespace: str, label: tuple[str, str]) -> tuple[Metric, ...]:
    return (
        _bytes("sent", f"{prefix}/sent_bytes_count", namespace, label),
        _bytes("received", f"{prefix}/received_bytes_count", namespace, label),
    )


def _unused_address(facts: Facts) -> Finding | None:
    address = facts.subject
    since = facts.status_since()
    is_paid = address.text("addressType") == "EXTERNAL" and address.text("ipVersion") != "IPV6"
    if address.status != "RESERVED" or not is_paid or listed(address, "users"):
        return None
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, hours(UNUSED_ADDRESS_HOUR, "hours")),
        evidence=(
            Evidence("address", str(address.text("address"))),
            Evidence("state", "RESERVED"),
            Evidence("since, at the latest", since.isoformat()),
        ),
    )


def _nat_idle(facts: Facts) -> Finding | None:
    gateways = [nat for nat in listed(facts.subject, "nats") if nat.get("type") != "PRIVATE"]
    evidence = unused(facts, "sent", unit="bytes sent") if gateways else None
    if evidence is None:
        return None
    names = ", ".join(sorted(str(nat.get("name")) for nat in gateways))
    why = "A NAT gateway is paid by the machines that may use it and by its addresses, which only its charges tell."
    saving = whole(facts) if facts.cost is not None and facts.cost.days > 0 else unknown(why)
    return Finding(saving=saving, evidence=(Evidence("gateways", names), *evidence))


def _silent(facts: Facts) -> tuple[Evidence, ...] | None:
    """Why nothing to speak of comes through a connection; None where something does, or where it is too new."""
    if not has_lived(facts):
        return None
    most = busiest_day(facts, "sent", "received") / _MEGABYTE
    if most >= facts.threshold("megabytesPerDay"):
        return None
    return (Evidence("busiest day", f"{most:f}", "MB sent and received"), window(facts))


def _vpn_idle(facts: Facts) -> Finding | None:
    tunnel = facts.subject
    quiet = _silent(facts)
    if quiet is None:
        return None
    evidence = (Evidence("state", str(tunnel.status)), *quiet)
    return Finding(saving=whole(facts, hours(_TUNNEL_HOUR, "hours")), evidence=evidence)


def _interconnect_idle(facts: Facts) -> Finding | None:
    attachment = facts.subject
    quiet = _silent(facts)
    kind = required(attachment, "type")
    if quiet is None or at(attachment, "adminEnabled") is False or kind == "PARTNER_PROVIDER":
        return None  # the partner pays
    bandwidth = required(attachment, "bandwidth")
    code = f"gcp.interconnect.{kind.lower()}.{bandwidth.lower()}.hour"
    evidence = (Evidence("bandwidth", bandwidth), *quiet)
    return Finding(saving=whole(facts, hours(code, "hours of the attachment")), evidence=evidence)


def _connection(id_: str, title: str, **rest: Any) -> Check:
    return Check(
        id=id_,
        title=title,
        provider=Provider.GCP,
        area=Area.NETWORK,
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whoever runs the other side whether it is needed, or kept for an emergency: then leave it out "
        "by a label. Else delete it, and its gateway or router if nothing else uses them.",
        parameters=(_MEGABYTES, _MONTH),
        **rest,
    )


CHECKS: Final = (
    Check(
        id="gcp.address.unused",
        title="Static address that nothing uses",
        description="A static external address that is reserved and not in use costs more than one that is used.",
        provider=Provider.GCP,
        area=Area.NETWORK,
        resource_types=(ADDRESS, GLOBAL_ADDRESS),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Look for DNS records, firewalls and partners that name it: it cannot be had back. Release it.",
        find=_unused_address,
        properties=("address", "addressType", "ipVersion", "users"),
        prices=(UNUSED_ADDRESS_HOUR,),
        saving="All hours of the address.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be reserved and not in use."),),
        links=(_PRICING, "https://cloud.google.com/compute/docs/ip-addresses/configure-static-external-ip-address"),
    ),
    Check(
        id="gcp.nat.idle",
        title="NAT gateway that nothing goes through",
        description="No byte was sent through any NAT gateway of the router, yet gateways and addresses are paid.",
        provider=Provider.GCP,
        area=Area.NETWORK,
        resource_types=(ROUTER,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whether machines are to be started in its networks, which will need it for updates. If not, "
        "delete the gateway, release its addresses, and delete the router if it holds nothing else.",
        find=_nat_idle,
        properties=("id", "nats"),
        saving="All that is charged for the router; unknown where its charges are not.",
        parameters=(_MONTH,),
        metrics=(_NAT_SENT,),
        links=("https://cloud.google.com/nat/pricing", "https://cloud.google.com/nat/docs/monitoring"),
    ),
    _connection(
        "gcp.vpn.idle",
        "VPN tunnel that nothing comes through",
        description="A tunnel is paid by the hour, whether it is up or not. Next to nothing came through this one.",
        resource_types=(TUNNEL,),
        find=_vpn_idle,
        prices=(_TUNNEL_HOUR,),
        saving="All hours of the tunnel.",
        metrics=_both_ways("vpn.googleapis.com/network", "vpn_gateway", _TUNNEL),
        links=(
            "https://cloud.google.com/network-connectivity/docs/vpn/pricing",
            "https://cloud.google.com/network-connectivity/docs/vpn/how-to/viewing-logs-metrics",
        ),
    ),
    _connection(
        "gcp.interconnect.idle",
        "Interconnect attachment that nothing comes through",
        description="A VLAN attachment is paid by the hour and by its bandwidth. Next to nothing came through.",
        resource_types=(ATTACHMENT,),
        find=_interconnect_idle,
        properties=("type", "bandwidth", "adminEnabled"),
        prices=("gcp.interconnect.*.hour",),
        saving="All hours of the attachment; what a partner asks for comes on top.",
        metrics=_both_ways("interconnect.googleapis.com/network/attachment", "interconnect_attachment", _ATTACHMENT),
        links=(
            "https://cloud.google.com/network-connectivity/docs/interconnect/pricing",
            "https://cloud.google.com/network-connectivity/docs/interconnect/how-to/dedicated/monitoring",
        ),
    ),
)
