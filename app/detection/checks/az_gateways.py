"""Ways out of a network that nothing takes: NAT gateways, network gateways, ExpressRoute circuits."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Neighbours, Parameter, days
from app.detection.checks.az_facts import LEARN, PRICING, listed, shown_since, sku, so_since
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived, required, unused
from app.detection.savings import Part, hours, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

NAT: Final = "microsoft.network/natgateways"
NETWORK_GATEWAY: Final = "microsoft.network/virtualnetworkgateways"
CONNECTION: Final = "microsoft.network/connections"
CIRCUIT: Final = "microsoft.network/expressroutecircuits"
_GIGABYTE: Final = Decimal(10**9)
_PROVISIONED: Final = "Provisioned"
_NAT_HOUR: Final = "az.natgw.hour"
_BYTES: Final = Metric("bytes", "ByteCount", Daily.SUM)
_TUNNELS: Final = Metric("tunnels", "TunnelAverageBandwidth", Daily.AVERAGE)
_USERS: Final = Metric("users", "P2SConnectionCount", Daily.SUM)
_IN: Final = Metric("in", "BitsInPerSecond", Daily.AVERAGE)
_OUT: Final = Metric("out", "BitsOutPerSecond", Daily.AVERAGE)
_CONNECTIONS: Final = Neighbours(RelationshipKind.ATTACHED_TO, CONNECTION)
_MONTH: Final = days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90)


def _is_orphan(facts: Facts) -> bool:
    return not listed(facts.subject, "subnets") and facts.subject.text("virtualNetwork") is None


def _nat_orphan(facts: Facts) -> Finding | None:
    since = so_since(facts, "subnets")
    if not _is_orphan(facts) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(_nat_cost(facts), (Evidence("subnets", "0"), shown_since(since)))


def _nat_idle(facts: Facts) -> Finding | None:
    if _is_orphan(facts) or not has_lived(facts):
        return None
    sent = exact(facts.usage("bytes").total) / _GIGABYTE
    if sent >= facts.threshold("gigabytes"):
        return None
    return Finding(
        saving=_nat_cost(facts),
        evidence=(Evidence("went through", f"{sent:.3f}", "GB"), Evidence("days", str(facts.usage("bytes").days))),
    )


def _nat_cost(facts: Facts) -> Saving:
    return whole(facts, hours(_NAT_HOUR, "hours"))


def _gateway_idle(facts: Facts) -> Finding | None:
    gateway = facts.subject
    if gateway.status != "Succeeded" or not has_lived(facts):
        return None
    facts.none_other(CONNECTION)
    is_connected = bool(facts.related(RelationshipKind.ATTACHED_TO, CONNECTION))
    lets_users_in = gateway.text("vpnClientConfiguration") is not None
    if is_connected and required(gateway, "gatewayType").lower() != "vpn":
        return None  # its circuit is looked at
    evidence = [Evidence("connections", str(len(facts.related(RelationshipKind.ATTACHED_TO, CONNECTION))))]
    for key, is_read, unit in (("tunnels", is_connected, "bytes/s"), ("users", lets_users_in, "connected users")):
        shown = unused(facts, key, unit=unit) if is_read else ()
        if shown is None:
            return None
        evidence += shown
    return Finding(
        saving=whole(facts, hours(f"az.vng.{sku(gateway)}", "hours")),
        evidence=tuple(evidence),
        confidence=Confidence.LIKELY if is_connected or lets_users_in else Confidence.OBVIOUS,
    )


def _unprovisioned(facts: Facts) -> Finding | None:
    circuit = facts.subject
    since = facts.status_since()
    if circuit.text("expressRoutePort") is not None or circuit.status == _PROVISIONED:
        return None
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=_circuit_cost(facts),
        evidence=(Evidence("state at the provider", circuit.status or "not told"), shown_since(since)),
    )


def _circuit_idle(facts: Facts) -> Finding | None:
    circuit = facts.subject
    if circuit.text("expressRoutePort") is not None or circuit.status != _PROVISIONED:
        return None
    shown = unused(facts, "in", "out", unit="bits/s")
    return None if shown is None else Finding(_circuit_cost(facts), shown)


def _circuit_cost(facts: Facts) -> Saving:
    provider = facts.subject.record("serviceProviderProperties")
    code = f"az.er.{sku(facts.subject)}.{provider.get('bandwidthInMbps')}"
    return whole(facts, Part(code, Decimal(1), PriceUnit.MONTH, "circuits"))


_check = partial(Check, provider=Provider.AZURE, area=Area.NETWORK, remedy=Remedy.DELETE)
_NAT_LINKS: Final = (PRICING + "azure-nat-gateway/", LEARN + "nat-gateway/nat-overview")
_CIRCUIT_LINKS: Final = (PRICING + "expressroute/", LEARN + "expressroute/expressroute-introduction")
_CIRCUIT: Final = ("sku", "serviceProviderProperties", "expressRoutePort")
_DELETE_CIRCUIT: Final = (
    "Ask who ordered it. Let the provider take its side down first, then delete the circuit: Azure bills it until "
    "then, and the provider has a bill of its own."
)
CHECKS: Final = (
    _check(
        id="az.natgw.orphan",
        title="NAT gateway without subnets",
        description="No subnet leads to it, so nothing can use it, yet each hour is paid.",
        resource_types=(NAT,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remediation="Delete the gateway, then its public addresses and ranges unless something else needs them.",
        find=_nat_orphan,
        properties=("subnets", "virtualNetwork"),
        watched=("subnets",),
        prices=(_NAT_HOUR,),
        saving="All hours of the gateway; its public addresses come on top.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there without subnets."),),
        links=_NAT_LINKS,
    ),
    _check(
        id="az.natgw.idle",
        title="NAT gateway that hardly anything goes through",
        description="A NAT gateway is paid by the hour, whether anything uses it or not.",
        resource_types=(NAT,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remediation="See what the little traffic of its subnets is, and whether a private endpoint would do. Then take "
        "the gateway from its subnets and delete it.",
        find=_nat_idle,
        properties=("subnets", "virtualNetwork"),
        prices=(_NAT_HOUR,),
        saving="All hours of the gateway; its public addresses come on top.",
        parameters=(
            Parameter("gigabytes", Decimal(1), "GB", "Less than this has to go through it in all the days."),
            _MONTH,
        ),
        metrics=(_BYTES,),
        links=_NAT_LINKS,
    ),
    _check(
        id="az.vng.idle",
        title="Network gateway that nobody connects through",
        description="It has no connection to a site and lets no users in, or nothing came through its tunnels and no "
        "user connected. Each hour is paid all the same.",
        resource_types=(NETWORK_GATEWAY,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remediation="Ask who is at the other end of its connections. Delete these, then the gateway and its public "
        "addresses. Making one again takes up to an hour, and it gets another address.",
        find=_gateway_idle,
        properties=("gatewayType", "vpnClientConfiguration", "sku"),
        prices=("az.vng.*",),
        saving="All hours of the gateway.",
        parameters=(_MONTH,),
        metrics=(_TUNNELS, _USERS),
        neighbours=(_CONNECTIONS,),
        absence_of=(CONNECTION,),
        links=(PRICING + "vpn-gateway/", LEARN + "vpn-gateway/vpn-gateway-about-vpngateways"),
    ),
    _check(
        id="az.er.unprovisioned",
        title="ExpressRoute circuit that the provider has not set up",
        description="A circuit is paid from the moment it is made in Azure, also while the provider has not connected "
        "it, or has taken it down. Circuits on ports of ExpressRoute Direct are left out.",
        resource_types=(CIRCUIT,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remediation=_DELETE_CIRCUIT,
        find=_unprovisioned,
        properties=_CIRCUIT,
        prices=("az.er.*",),
        saving="The monthly fee of the circuit.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to be like that."),),
        links=_CIRCUIT_LINKS,
    ),
    _check(
        id="az.er.idle",
        title="ExpressRoute circuit that nothing goes through",
        description="Not a bit came or went, yet the circuit is paid each month.",
        resource_types=(CIRCUIT,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remediation="Find out whether it is kept for when another one fails. " + _DELETE_CIRCUIT,
        find=_circuit_idle,
        properties=_CIRCUIT,
        prices=("az.er.*",),
        saving="The monthly fee of the circuit.",
        parameters=(_MONTH,),
        metrics=(_IN, _OUT),
        links=_CIRCUIT_LINKS,
    ),
)
