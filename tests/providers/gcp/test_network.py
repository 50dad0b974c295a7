"""Addresses, load balancers, routers and tunnels, exactly as the inventory tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.gcp.conftest import Find
from tests.providers.gcp.google import PROJECT, Google, asset

LINK = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
NAME = f"//compute.googleapis.com/projects/{PROJECT}"
REGION = "regions/us-central1"
NETWORK = {"network": f"{LINK}/global/networks/main", "subnetwork": f"{LINK}/{REGION}/subnetworks/apps"}
IN_NETWORK = (
    Relation(RelationshipKind.IN_NETWORK, f"{NAME}/global/networks/main"),
    Relation(RelationshipKind.IN_NETWORK, f"{NAME}/{REGION}/subnetworks/apps"),
)
KEPT_NETWORK = {"network": f"{NAME}/global/networks/main", "subnetwork": f"{NAME}/{REGION}/subnetworks/apps"}

CASES: list[tuple[str, str, dict[str, Any], dict[str, Any], tuple[Relation, ...]]] = [
    (
        "Address",
        f"{REGION}/addresses/a",
        {
            "status": "IN_USE",
            "address": "34.1.1.1",
            "addressType": "EXTERNAL",
            "users": [f"{LINK}/{REGION}/forwardingRules/f"],
        }
        | NETWORK,
        {
            "address": "34.1.1.1",
            "addressType": "EXTERNAL",
            "users": [f"{NAME}/{REGION}/forwardingRules/f"],
        }
        | KEPT_NETWORK,
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/{REGION}/forwardingRules/f"), *IN_NETWORK),
    ),
    (
        "GlobalAddress",
        "global/addresses/a",
        {"status": "RESERVED", "address": "35.1.1.1", "ipVersion": "IPV4"},
        {"address": "35.1.1.1", "ipVersion": "IPV4"},
        (),
    ),
    (
        "ForwardingRule",
        f"{REGION}/forwardingRules/f",
        {"IPAddress": "10.0.0.9", "backendService": f"{LINK}/{REGION}/backendServices/b", "ports": ["80"]} | NETWORK,
        {"IPAddress": "10.0.0.9", "backendService": f"{NAME}/{REGION}/backendServices/b", "ports": ["80"]}
        | KEPT_NETWORK,
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/{REGION}/backendServices/b"), *IN_NETWORK),
    ),
    (
        "GlobalForwardingRule",
        "global/forwardingRules/f",
        {"target": f"{LINK}/global/targetHttpsProxies/p", "portRange": "443-443"},
        {"target": f"{NAME}/global/targetHttpsProxies/p", "portRange": "443-443"},
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/targetHttpsProxies/p"),),
    ),
    (
        "TargetHttpsProxy",
        "global/targetHttpsProxies/p",
        {"urlMap": f"{LINK}/global/urlMaps/m", "sslCertificates": [f"{LINK}/global/sslCertificates/c"]},
        {"urlMap": f"{NAME}/global/urlMaps/m", "sslCertificates": [f"{NAME}/global/sslCertificates/c"]},
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/urlMaps/m"),),
    ),
    (
        "TargetHttpProxy",
        "global/targetHttpProxies/p",
        {"urlMap": f"{LINK}/global/urlMaps/m"},
        {"urlMap": f"{NAME}/global/urlMaps/m"},
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/urlMaps/m"),),
    ),
    (
        "TargetSslProxy",
        "global/targetSslProxies/p",
        {"service": f"{LINK}/global/backendServices/b"},
        {"service": f"{NAME}/global/backendServices/b"},
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/backendServices/b"),),
    ),
    (
        "TargetTcpProxy",
        "global/targetTcpProxies/p",
        {"service": f"{LINK}/global/backendServices/b", "proxyHeader": "NONE"},
        {"service": f"{NAME}/global/backendServices/b", "proxyHeader": "NONE"},
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/backendServices/b"),),
    ),
    (
        "TargetInstance",
        "zones/us-central1-a/targetInstances/t",
        {"instance": f"{LINK}/zones/us-central1-a/instances/i"},
        {"instance": f"{NAME}/zones/us-central1-a/instances/i"},
        (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/zones/us-central1-a/instances/i"),),
    ),
    (
        "UrlMap",
        "global/urlMaps/m",
        {
            "defaultService": f"{LINK}/global/backendServices/b",
            "hostRules": [{"hosts": ["a.example"], "pathMatcher": "p"}],
            "pathMatchers": [
                {
                    "name": "p",
                    "defaultService": f"{LINK}/global/backendServices/b",
                    "pathRules": [{"paths": ["/img"], "service": f"{LINK}/global/backendBuckets/i"}],
                    "routeRules": [
                        {
                            "routeAction": {
                                "weightedBackendServices": [{"backendService": f"{LINK}/global/backendServices/c"}]
                            }
                        }
                    ],
                }
            ],
            "tests": [{"host": "a.example", "service": f"{LINK}/global/backendServices/untrue"}],
        },
        {
            "defaultService": f"{NAME}/global/backendServices/b",
            "hostRules": [{"hosts": ["a.example"]}],
            "pathMatchers": [{"name": "p", "defaultService": f"{NAME}/global/backendServices/b"}],
            "services": [
                f"{NAME}/global/backendServices/b",
                f"{NAME}/global/backendBuckets/i",
                f"{NAME}/global/backendServices/c",
            ],
        },
        (
            Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/backendServices/b"),
            Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/backendBuckets/i"),
            Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/backendServices/c"),
        ),
    ),
    (
        "Router",
        f"{REGION}/routers/r",
        {
            "id": "7006199254740991",
            "network": NETWORK["network"],
            "bgp": {"asn": 64512, "keepaliveInterval": 20},
            "md5AuthenticationKeys": [{"name": "k", "key": "s3cret"}],
            "bgpPeers": [{"name": "p", "md5AuthenticationKeyName": "k"}],
            "nats": [{"name": "out", "natIpAllocateOption": "AUTO_ONLY", "logConfig": {"enable": True}}],
            "interfaces": [
                {"name": "if0", "linkedVpnTunnel": f"{LINK}/{REGION}/vpnTunnels/t", "ipRange": "169.254.0.1"}
            ],
        },
        {
            "id": "7006199254740991",
            "network": KEPT_NETWORK["network"],
            "bgp": {"asn": 64512},
            "nats": [{"name": "out", "natIpAllocateOption": "AUTO_ONLY"}],
            "interfaces": [{"name": "if0", "linkedVpnTunnel": f"{NAME}/{REGION}/vpnTunnels/t"}],
            "natCount": 1,
            "tunnelCount": 1,
            "attachmentCount": 0,
        },
        IN_NETWORK[:1],
    ),
    (
        "VpnTunnel",
        f"{REGION}/vpnTunnels/t",
        {
            "status": "NO_INCOMING_PACKETS",
            "detailedStatus": "The peer does not answer.",
            "peerIp": "198.51.100.7",
            "ikeVersion": 2,
            "vpnGateway": f"{LINK}/{REGION}/vpnGateways/g",
            "router": f"{LINK}/{REGION}/routers/r",
            "sharedSecret": "s3cret",
            "sharedSecretHash": "s3cret-hash",
        },
        {
            "detailedStatus": "The peer does not answer.",
            "peerIp": "198.51.100.7",
            "ikeVersion": 2,
            "vpnGateway": f"{NAME}/{REGION}/vpnGateways/g",
            "router": f"{NAME}/{REGION}/routers/r",
        },
        (
            Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/{REGION}/vpnGateways/g"),
            Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/{REGION}/routers/r"),
        ),
    ),
    (
        "VpnGateway",
        f"{REGION}/vpnGateways/g",
        {"network": NETWORK["network"], "vpnInterfaces": [{"id": 0, "ipAddress": "35.2.2.2"}]},
        {"network": KEPT_NETWORK["network"], "vpnInterfaces": [{"id": 0, "ipAddress": "35.2.2.2"}]},
        IN_NETWORK[:1],
    ),
    (
        "TargetVpnGateway",
        f"{REGION}/targetVpnGateways/g",
        {"status": "READY", "network": NETWORK["network"], "tunnels": [f"{LINK}/{REGION}/vpnTunnels/t"]},
        {"network": KEPT_NETWORK["network"], "tunnels": [f"{NAME}/{REGION}/vpnTunnels/t"]},
        IN_NETWORK[:1],
    ),
    (
        "InterconnectAttachment",
        f"{REGION}/interconnectAttachments/i",
        {
            "state": "ACTIVE",
            "bandwidth": "BPS_1G",
            "adminEnabled": True,
            "router": f"{LINK}/{REGION}/routers/r",
            "interconnect": f"{LINK}/global/interconnects/x",
            "pairingKey": "s3cret/us-central1/1",
        },
        {
            "bandwidth": "BPS_1G",
            "adminEnabled": True,
            "router": f"{NAME}/{REGION}/routers/r",
            "interconnect": f"{NAME}/global/interconnects/x",
        },
        (
            Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/{REGION}/routers/r"),
            Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/global/interconnects/x"),
        ),
    ),
    (
        "Network",
        "global/networks/main",
        {"autoCreateSubnetworks": False, "routingConfig": {"routingMode": "GLOBAL"}, "mtu": 1460},
        {"autoCreateSubnetworks": False, "routingConfig": {"routingMode": "GLOBAL"}, "mtu": 1460},
        (),
    ),
    (
        "Subnetwork",
        f"{REGION}/subnetworks/apps",
        {"network": NETWORK["network"], "ipCidrRange": "10.0.0.0/20", "purpose": "PRIVATE"},
        {"network": KEPT_NETWORK["network"], "ipCidrRange": "10.0.0.0/20", "purpose": "PRIVATE"},
        IN_NETWORK[:1],
    ),
]


@pytest.mark.parametrize(("kind", "path", "data", "properties", "relations"), CASES, ids=[c[0] for c in CASES])
def test_exactly_as_told(
    google: Google,
    find: Find,
    kind: str,
    path: str,
    data: dict[str, Any],
    properties: dict[str, Any],
    relations: tuple[Relation, ...],
) -> None:
    location = path.split("/")[1] if path.startswith(("regions/", "zones/")) else "global"
    told = data | {"creationTimestamp": "2026-05-01T00:00:00Z", "labels": {"team": "net"}}
    google.hold(asset(f"compute.googleapis.com/{kind}", f"projects/{PROJECT}/{path}", told, location))
    (found,) = find(f"compute.googleapis.com/{kind}")
    assert found.native_id == f"{NAME}/{path}"
    assert found.name == path.rpartition("/")[2]
    assert found.service == "compute.googleapis.com"
    assert found.region == ("global" if location == "global" else "us-central1")
    assert found.availability_zone == (location if location == "us-central1-a" else None)
    assert found.status == (data.get("status") or data.get("state"))
    assert found.tags == {"team": "net"}
    assert found.created_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert found.properties == properties | {"project": PROJECT}
    assert found.relations == relations
    assert "s3cret" not in repr(found)
