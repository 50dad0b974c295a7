"""Addresses, load balancers, gateways and connections: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.waste.gcp_seeding import GLOBAL, OLD, REGION, Seed, Used, compute, link, number

BALANCING = "loadbalancing.googleapis.com"
MANAGED = "EXTERNAL_MANAGED"


def address(name: str, status: str = "RESERVED", *, born: float = OLD, location: str = REGION, **data: Any) -> Seed:
    """A static address."""
    told = {"status": status, "address": "198.51.100.7", "addressType": "EXTERNAL", "networkTier": "PREMIUM"}
    kind = "GlobalAddress" if location == GLOBAL else "Address"
    return compute(kind, "addresses", name, told | data, location, born=born)


def forwarding(
    name: str, location: str = REGION, *, counted: tuple[str, str, int] | None = None, born: float = OLD, **data: Any
) -> Seed:
    """The rule at the front of a load balancer; `counted` is a metric, its monitored resource, and how many an hour."""
    told = {"IPProtocol": "TCP", "IPAddress": "198.51.100.8", "portRange": "443-443"}
    kind = "GlobalForwardingRule" if location == GLOBAL else "ForwardingRule"
    used = []
    if counted is not None:
        metric, resource, each = counted
        whose = {"resource.labels.forwarding_rule_name": name, "resource.labels.region": location}
        used.append(Used(f"{BALANCING}/{metric}", resource, whose, each))
    return compute(kind, "forwardingRules", name, told | data, location, *used, born=born)


def proxy(kind: str, name: str, **data: Any) -> Seed:
    """A target proxy such as `Http`."""
    return compute(f"Target{kind}Proxy", f"target{kind}Proxies", name, data, GLOBAL)


def url_map(name: str, service: str | None) -> Seed:
    """A URL map that hands on to a backend service, or only redirects."""
    told: dict[str, Any] = {"defaultUrlRedirect": {"httpsRedirect": True, "stripQuery": False}}
    if service is not None:
        told = {"defaultService": link("backendServices", service, GLOBAL)}
    return compute("UrlMap", "urlMaps", name, told, GLOBAL)


def backends(name: str, group: str | None, location: str = GLOBAL, collection: str = "instanceGroups") -> Seed:
    """A backend service, with a group behind it or nothing."""
    told: dict[str, Any] = {"protocol": "HTTP", "loadBalancingScheme": "EXTERNAL"}
    if group is not None:
        told["backends"] = [{"group": link(collection, group), "balancingMode": "UTILIZATION"}]
    kind = "BackendService" if location == GLOBAL else "RegionBackendService"
    return compute(kind, "backendServices", name, told, location)


def router(name: str, sent: int | None, *, born: float = OLD, kind: str | None = "PUBLIC") -> Seed:
    """A Cloud Router with a NAT gateway of a kind, or none, through which so many bytes go each hour."""
    told: dict[str, Any] = {"network": link("networks", "main", GLOBAL)}
    if kind is not None:
        told["nats"] = [{"name": f"nat-of-{name}", "type": kind, "natIpAllocateOption": "AUTO_ONLY"}]
    labels = {"resource.labels.router_id": number(name), "resource.labels.gateway_name": f"nat-of-{name}"}
    used = () if sent is None else (Used("router.googleapis.com/nat/sent_bytes_count", "nat_gateway", labels, sent),)
    return compute("Router", "routers", name, told, REGION, *used, born=born)


def tunnel(name: str, each_way: int, *, status: str = "ESTABLISHED", born: float = OLD) -> Seed:
    """A VPN tunnel through which so many bytes go each hour, either way."""
    labels = {"metric.labels.tunnel_name": name, "metric.labels.gateway_name": "gateway"}
    used = [Used(f"vpn.googleapis.com/network/{way}_bytes_count", "vpn_gateway", labels, each_way) for way in WAYS]
    told = {"status": status, "detailedStatus": "Tunnel is up and running.", "peerIp": "203.0.113.5", "ikeVersion": 2}
    return compute("VpnTunnel", "vpnTunnels", name, told, REGION, *used, born=born)


def attachment(name: str, each_way: int | None, *, born: float = OLD, **data: Any) -> Seed:
    """A VLAN attachment through which so many bytes go each hour, either way."""
    labels = {"resource.labels.attachment": name, "resource.labels.region": REGION}
    prefix = "interconnect.googleapis.com/network/attachment"
    used = [
        Used(f"{prefix}/{way}_bytes_count", "interconnect_attachment", labels, each_way)
        for way in WAYS
        if each_way is not None
    ]
    told = {"type": "DEDICATED", "bandwidth": "BPS_10G", "adminEnabled": True, "operationalStatus": "OS_ACTIVE"}
    return compute("InterconnectAttachment", "interconnectAttachments", name, told | data, REGION, *used, born=born)


WAYS = ("sent", "received")
HTTPS = ("https/request_count", "https_lb_rule")
IN_USE = [link("instances", "busy-machine")]
SEEDS: tuple[Seed, ...] = (
    address("loose-address"),
    address("loose-global-address", location=GLOBAL),
    address("address-of-stopped", "IN_USE", users=[link("instances", "stopped-machine")]),
    address("used-address", "IN_USE", users=IN_USE),
    address("address-of-a-week", born=6),
    address("inner-address", addressType="INTERNAL", address="10.0.0.9"),
    address("address-of-version-6", ipVersion="IPV6", address="2001:db8::7"),
    address("address-being-taken", users=IN_USE),
    # Nothing behind and nobody in front: two reasons, and one rule that is paid.
    forwarding("empty-pool-rule", target=link("targetPools", "empty-pool", REGION)),
    compute("TargetPool", "targetPools", "empty-pool", {"sessionAffinity": "NONE"}, REGION),
    forwarding(
        "empty-https-rule",
        GLOBAL,
        counted=(*HTTPS, 5),
        loadBalancingScheme=MANAGED,
        target=link("targetHttpsProxies", "empty-https-proxy", GLOBAL),
    ),
    proxy("Https", "empty-https-proxy", urlMap=link("urlMaps", "empty-map", GLOBAL)),
    url_map("empty-map", "empty-service"),
    backends("empty-service", None),
    forwarding(
        "rule-of-a-group-of-none",
        counted=("l3/external/ingress_packets_count", "tcp_lb_rule", 9),
        loadBalancingScheme="EXTERNAL",
        backendService=link("backendServices", "service-of-a-group-of-none", REGION),
    ),
    backends("service-of-a-group-of-none", "group-of-none", REGION),
    compute(
        "InstanceGroupManager",
        "instanceGroupManagers",
        "group-of-none",
        {"targetSize": 0, "instanceGroup": link("instanceGroups", "group-of-none")},
    ),
    forwarding(
        "idle-https-rule",
        GLOBAL,
        counted=(*HTTPS, 0),
        loadBalancingScheme=MANAGED,
        target=link("targetHttpProxies", "idle-http-proxy", GLOBAL),
    ),
    proxy("Http", "idle-http-proxy", urlMap=link("urlMaps", "plain-map", GLOBAL)),
    url_map("plain-map", "plain-service"),
    backends("plain-service", "workers"),
    compute("InstanceGroup", "instanceGroups", "workers", {"size": 2}),
    forwarding(
        "idle-internal-rule",
        loadBalancingScheme="INTERNAL",
        backendService=link("backendServices", "inner-service", REGION),
    ),
    backends("inner-service", "workers", REGION),
    # In use, redirecting, too new, or no load balancers.
    forwarding(
        "busy-https-rule",
        GLOBAL,
        counted=(*HTTPS, 50),
        target=link("targetHttpProxies", "idle-http-proxy", GLOBAL),
    ),
    forwarding(
        "busy-passthrough-rule",
        counted=("l3/external/ingress_packets_count", "udp_lb_rule", 1),
        loadBalancingScheme="EXTERNAL",
        backendService=link("backendServices", "inner-service", REGION),
    ),
    forwarding(
        "busy-internal-rule",
        counted=("l3/internal/ingress_packets_count", "internal_tcp_lb_rule", 1),
        loadBalancingScheme="INTERNAL",
        backendService=link("backendServices", "inner-service", REGION),
    ),
    forwarding(
        "busy-tcp-rule",
        GLOBAL,
        counted=("l4_proxy/tcp/new_connections_count", "l4_proxy_rule", 2),
        loadBalancingScheme=MANAGED,
        target=link("targetTcpProxies", "tcp-proxy", GLOBAL),
    ),
    proxy("Tcp", "tcp-proxy", service=link("backendServices", "plain-service", GLOBAL)),
    forwarding(
        "busy-ssl-rule",
        GLOBAL,
        counted=("tcp_ssl_proxy/new_connections", "tcp_ssl_proxy_rule", 2),
        target=link("targetSslProxies", "ssl-proxy", GLOBAL),
    ),
    proxy("Ssl", "ssl-proxy", service=link("backendServices", "plain-service", GLOBAL)),
    forwarding(
        "redirecting-rule",
        GLOBAL,
        counted=(*HTTPS, 3),
        target=link("targetHttpProxies", "redirecting-proxy", GLOBAL),
    ),
    proxy("Http", "redirecting-proxy", urlMap=link("urlMaps", "redirecting-map", GLOBAL)),
    url_map("redirecting-map", None),
    forwarding("rule-of-a-week", target=link("targetPools", "empty-pool", REGION), born=6),
    forwarding("rule-of-a-gateway", target=link("targetVpnGateways", "gateway", REGION)),
    compute("TargetVpnGateway", "targetVpnGateways", "gateway", {"status": "READY"}, REGION),
    forwarding("rule-of-a-machine", target=link("targetInstances", "single", REGION)),
    router("idle-router", 0),
    router("router-that-never-sent", None),
    router("busy-router", 100),
    router("router-of-a-month", 0, born=29),
    router("router-without-gateway", None, kind=None),
    router("router-of-a-private-gateway", None, kind="PRIVATE"),
    tunnel("idle-tunnel", 10_000),
    tunnel("tunnel-that-is-down", 0, status="NO_INCOMING_PACKETS"),
    tunnel("tunnel-at-the-threshold", 20_834),
    tunnel("tunnel-of-a-month", 0, born=29),
    attachment("idle-attachment", 0),
    # Its price is not delivered.
    attachment("idle-attachment-of-a-partner", None, type="PARTNER", bandwidth="BPS_1G"),
    attachment("busy-attachment", 100_000),
    attachment("attachment-of-a-partner", 0, type="PARTNER_PROVIDER"),
    attachment("attachment-switched-off", 0, adminEnabled=False),
    attachment("attachment-of-a-month", 0, born=29),
)
