"""Compute Engine's addresses, load balancers and connections to other networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.providers.base import Relation
from app.providers.gcp.assets import Asset, every
from app.providers.gcp.compute import in_networks, related
from app.providers.gcp.kinds import Kind
from app.records import RelationshipKind


def _of_address(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.ATTACHED_TO, "users")
    yield from in_networks(asset)


def _of_forwarding_rule(asset: Asset) -> Iterator[Relation]:
    """The front of a load balancer is attached to what it hands on to, as proxies and URL maps are."""
    yield from related(asset, RelationshipKind.ATTACHED_TO, "target", "backendService")
    yield from in_networks(asset)


def _of_proxy(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.ATTACHED_TO, "urlMap", "service")


def _of_url_map(asset: Asset) -> Iterator[Relation]:
    for told in _services(asset.data):
        if name := asset.full_name(told):
            yield Relation(RelationshipKind.ATTACHED_TO, name)


def _services(data: object) -> Iterator[object]:
    """The backends that a URL map names, at whatever depth: matchers hold rules, rules hold weighted backends."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key in {"service", "defaultService", "backendService"}:
                yield value
            elif key != "tests":
                yield from _services(value)
    elif isinstance(data, list):
        for item in data:
            yield from _services(item)


def _named_services(asset: Asset) -> Mapping[str, Any]:
    """All backends that a URL map names; none for one that only redirects."""
    return {"services": list(dict.fromkeys(name for told in _services(asset.data) if (name := asset.full_name(told))))}


def _of_target_instance(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.ATTACHED_TO, "instance")


def _of_tunnel(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.ATTACHED_TO, "vpnGateway", "targetVpnGateway", "router")


def _of_attachment(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.ATTACHED_TO, "router", "interconnect")


def _counts(asset: Asset) -> Mapping[str, Any]:
    """How many tunnels and attachments a router holds."""
    return {
        "natCount": len(every(asset.data, "nats")),
        "tunnelCount": len(every(asset.data, "interfaces.linkedVpnTunnel")),
        "attachmentCount": len(every(asset.data, "interfaces.linkedInterconnectAttachment")),
    }


_ADDRESS = (
    "address",
    "addressType",
    "ipVersion",
    "networkTier",
    "purpose",
    "prefixLength",
    "users",
    "network",
    "subnetwork",
)
_FORWARDING_RULE = (
    "IPAddress",
    "IPProtocol",
    "portRange",
    "ports",
    "allPorts",
    "target",
    "backendService",
    "loadBalancingScheme",
    "networkTier",
    "network",
    "subnetwork",
    "pscConnectionStatus",
)
# Identity-aware proxies keep a client's secret in here, headers may hold one: they are not among these.
_BACKEND_SERVICE = (
    "backends.group",
    "backends.balancingMode",
    "backends.capacityScaler",
    "backends.failover",
    "protocol",
    "loadBalancingScheme",
    "sessionAffinity",
    "healthChecks",
    "enableCDN",
    "timeoutSec",
    "network",
)
ADDRESS = Kind("compute.googleapis.com/Address", _ADDRESS, relations=_of_address)
GLOBAL_ADDRESS = Kind("compute.googleapis.com/GlobalAddress", _ADDRESS, relations=_of_address)
FORWARDING_RULE = Kind("compute.googleapis.com/ForwardingRule", _FORWARDING_RULE, relations=_of_forwarding_rule)
GLOBAL_FORWARDING_RULE = Kind(
    "compute.googleapis.com/GlobalForwardingRule", _FORWARDING_RULE, relations=_of_forwarding_rule
)
BACKEND_SERVICE = Kind("compute.googleapis.com/BackendService", _BACKEND_SERVICE)
REGION_BACKEND_SERVICE = Kind("compute.googleapis.com/RegionBackendService", _BACKEND_SERVICE)
TARGET_POOL = Kind(
    "compute.googleapis.com/TargetPool", ("instances", "healthChecks", "backupPool", "failoverRatio", "sessionAffinity")
)
TARGET_INSTANCE = Kind(
    "compute.googleapis.com/TargetInstance", ("instance", "natPolicy"), relations=_of_target_instance
)
TARGET_HTTP_PROXY = Kind("compute.googleapis.com/TargetHttpProxy", ("urlMap",), relations=_of_proxy)
TARGET_HTTPS_PROXY = Kind(
    "compute.googleapis.com/TargetHttpsProxy", ("urlMap", "sslCertificates", "certificateMap"), relations=_of_proxy
)
TARGET_SSL_PROXY = Kind(
    "compute.googleapis.com/TargetSslProxy", ("service", "sslCertificates", "proxyHeader"), relations=_of_proxy
)
TARGET_TCP_PROXY = Kind("compute.googleapis.com/TargetTcpProxy", ("service", "proxyHeader"), relations=_of_proxy)
URL_MAP = Kind(
    "compute.googleapis.com/UrlMap",
    ("defaultService", "hostRules.hosts", "pathMatchers.name", "pathMatchers.defaultService"),
    relations=_of_url_map,
    more=_named_services,
)
# Of the BGP sessions nothing but the number is kept: a router's data holds their keys.
ROUTER = Kind(
    "compute.googleapis.com/Router",
    (
        "id",
        "network",
        "bgp.asn",
        "nats.name",
        "nats.type",
        "nats.natIpAllocateOption",
        "nats.natIps",
        "nats.drainNatIps",
        "nats.sourceSubnetworkIpRangesToNat",
        "nats.autoNetworkTier",
        "interfaces.name",
        "interfaces.linkedVpnTunnel",
        "interfaces.linkedInterconnectAttachment",
    ),
    relations=in_networks,
    more=_counts,
)
# Not the shared secret, and not its hash.
VPN_TUNNEL = Kind(
    "compute.googleapis.com/VpnTunnel",
    (
        "detailedStatus",
        "peerIp",
        "ikeVersion",
        "vpnGateway",
        "vpnGatewayInterface",
        "targetVpnGateway",
        "peerGcpGateway",
        "peerExternalGateway",
        "router",
    ),
    relations=_of_tunnel,
)
VPN_GATEWAY = Kind(
    "compute.googleapis.com/VpnGateway",
    ("network", "stackType", "vpnInterfaces.id", "vpnInterfaces.ipAddress", "vpnInterfaces.interconnectAttachment"),
    relations=in_networks,
)
TARGET_VPN_GATEWAY = Kind(
    "compute.googleapis.com/TargetVpnGateway", ("network", "tunnels", "forwardingRules"), relations=in_networks
)
INTERCONNECT_ATTACHMENT = Kind(
    "compute.googleapis.com/InterconnectAttachment",
    (
        "type",
        "bandwidth",
        "adminEnabled",
        "operationalStatus",
        "interconnect",
        "router",
        "vlanTag8021q",
        "edgeAvailabilityDomain",
        "mtu",
    ),
    relations=_of_attachment,
)
NETWORK = Kind(
    "compute.googleapis.com/Network",
    (
        "autoCreateSubnetworks",
        "mtu",
        "routingConfig.routingMode",
        "peerings.name",
        "peerings.network",
        "peerings.state",
    ),
)
SUBNETWORK = Kind(
    "compute.googleapis.com/Subnetwork",
    (
        "network",
        "ipCidrRange",
        "purpose",
        "role",
        "stackType",
        "privateIpGoogleAccess",
        "secondaryIpRanges.rangeName",
        "secondaryIpRanges.ipCidrRange",
    ),
    relations=in_networks,
)
