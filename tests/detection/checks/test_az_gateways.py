"""Checks of NAT gateways, network gateways and ExpressRoute circuits."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_gateways import CIRCUIT, CONNECTION, NAT, NETWORK_GATEWAY
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import Confidence, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.natgw.hour": ("0.045", PriceUnit.HOUR),
    "az.vng.vpngw1": ("0.20", PriceUnit.HOUR),
    "az.er.standard_metereddata.200": ("145", PriceUnit.MONTH),
}
READ = frozenset({CONNECTION})
ONE_CONNECTION = {(RelationshipKind.ATTACHED_TO, CONNECTION): [subject(CONNECTION, "/connections/c")]}


def nat(since: float = 90, *, age: float = 700, **values: Any) -> Subject:
    changed = {"subnets": ago(since)}
    return subject(NAT, "/nats/n", created_at=ago(age), changed_at=changed, properties=values)


def gateway(kind: str = "Vpn", age: float = 90, status: str = "Succeeded", **values: Any) -> Subject:
    properties = {"gatewayType": kind, "sku": {"name": "VpnGw1", "capacity": 2}}
    return subject(NETWORK_GATEWAY, "/gateways/g", status=status, created_at=ago(age), properties=properties | values)


def circuit(status: str | None = "Provisioned", since: float = 90, age: float = 90, **values: Any) -> Subject:
    properties = {
        "sku": {"name": "Standard_MeteredData"},
        "serviceProviderProperties": {"bandwidthInMbps": 200},
    }
    return subject(
        CIRCUIT,
        "/circuits/c",
        status=status,
        status_since=ago(since),
        created_at=ago(age),
        properties=properties | values,
    )


def orphan(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.natgw.orphan", proves, given, expected, amount, prices=PRICES)


def quiet(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {
        "subject": nat(subnets=[{"id": "/subnets/s"}]),
        "prices": PRICES,
        "usages": {"bytes": flat(1_000_000, 30)},
    }
    return Case("az.natgw.idle", proves, expected=expected, amount=amount, **(plain | values))


def idle(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {
        "subject": gateway(),
        "prices": PRICES,
        "complete_types": READ,
        "usages": {"tunnels": flat(0, 30), "users": flat(0, 30)},
    }
    return Case("az.vng.idle", proves, expected=expected, amount=amount, **(plain | values))


def down(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.er.unprovisioned", proves, given, expected, amount, prices=PRICES)


def silent(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {
        "subject": circuit(),
        "prices": PRICES,
        "usages": {"in": flat(0, 30), "out": flat(0, 30)},
    }
    return Case("az.er.idle", proves, expected=expected, amount=amount, **(plain | values))


USERS: dict[str, Any] = {"vpnClientConfiguration": {"vpnClientAddressPool": {}}}
CASES = (
    orphan("found", nat(), FOUND, "32.8500"),
    orphan("clear", nat(subnets=[{"id": "/subnets/s"}]), CLEAR),
    orphan("boundary:minAgeDays", nat(7), CLEAR),
    orphan("boundary:minAgeDays", nat(7.01), FOUND),
    orphan("for a whole network", nat(virtualNetwork={"id": "/vnet"}), CLEAR),
    orphan("what was left out", nat(leftOut=["subnets"]), UNKNOWN),
    quiet("found", FOUND, "32.8500"),
    quiet("clear", CLEAR, usages={"bytes": flat(10**9, 30)}),
    quiet("boundary:gigabytes", CLEAR, usages={"bytes": flat(10**9 / 30, 30)}),
    quiet("boundary:gigabytes", FOUND, usages={"bytes": flat(10**9 / 31, 30)}),
    quiet("missing:bytes", UNKNOWN, usages={"bytes": flat(None, 30)}),
    quiet("without subnets", CLEAR, subject=nat()),
    quiet("younger than the window", CLEAR, subject=nat(age=10, subnets=[{"id": "/s"}])),
    idle("found", FOUND, "146.0000", confidence=Confidence.OBVIOUS),
    idle("clear", CLEAR, neighbours=ONE_CONNECTION, usages={"tunnels": flat(100, 30)}),
    idle("nothing through its tunnels", FOUND, neighbours=ONE_CONNECTION, confidence=Confidence.LIKELY),
    idle("no users", FOUND, subject=gateway(**USERS), confidence=Confidence.LIKELY),
    idle("users", CLEAR, subject=gateway(**USERS), usages={"users": flat(3, 30)}),
    idle("missing:tunnels", UNKNOWN, neighbours=ONE_CONNECTION, usages={}),
    idle("missing:users", UNKNOWN, subject=gateway(**USERS), usages={"users": None}),
    idle("connections that were not read", UNKNOWN, complete_types=frozenset()),
    idle("of ExpressRoute without a connection", FOUND, subject=gateway("ExpressRoute")),
    idle("of ExpressRoute", CLEAR, subject=gateway("ExpressRoute"), neighbours=ONE_CONNECTION),
    idle("younger than the window", CLEAR, subject=gateway(age=10)),
    idle("being made", CLEAR, subject=gateway(status="Updating")),
    down("found", circuit("NotProvisioned"), FOUND, "145.0000"),
    down("clear", circuit(), CLEAR),
    down("boundary:minAgeDays", circuit("NotProvisioned", 30), CLEAR),
    down("boundary:minAgeDays", circuit("NotProvisioned", 30.01), FOUND),
    down("on a port of one's own", circuit("NotProvisioned", expressRoutePort={"id": "/port"}), CLEAR),
    down("no price", circuit("Deprovisioning", serviceProviderProperties={"bandwidthInMbps": 50}), FOUND, "unknown"),
    silent("found", FOUND, "145.0000"),
    silent("clear", CLEAR, usages={"in": flat(10, 30), "out": flat(0, 30)}),
    silent("missing:in", UNKNOWN, usages={"in": None, "out": flat(0, 30)}),
    silent("missing:out", UNKNOWN, usages={"in": flat(0, 30), "out": flat(None, 30)}),
    silent("not set up", CLEAR, subject=circuit("NotProvisioned")),
    silent("on a port of one's own", CLEAR, subject=circuit(expressRoutePort={"id": "/port"})),
    silent("younger than the window", CLEAR, subject=circuit(age=10)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
