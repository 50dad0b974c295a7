"""Checks of public addresses and network interfaces."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_addresses import ADDRESS, PREFIX
from app.detection.checks.az_facts import INTERFACE
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {"az.pip.standard": ("0.005", PriceUnit.HOUR), "az.pip.prefix": ("0.006", PriceUnit.HOUR)}
NIC = f"/providers/{INTERFACE}/nic"
USED = {"id": f"{NIC}/ipconfigurations/a"}
ON_NIC = {RelationshipKind.ATTACHED_TO: [NIC]}


def address(since: float = 90, **values: Any) -> Subject:
    properties = {"sku": {"name": "Standard"}, "publicIPAllocationMethod": "Static"}
    return subject(ADDRESS, "/ips/a", changed_at={"ipConfiguration": ago(since)}, properties=properties | values)


def interface(since: float = 90, **values: Any) -> Subject:
    return subject(INTERFACE, NIC, changed_at={"virtualMachine": ago(since)}, properties=values)


def near(found: Subject) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(RelationshipKind.ATTACHED_TO, INTERFACE): [found]}


def prefix(since: float = 90, **values: Any) -> Subject:
    changed = {"publicIPAddresses": ago(since)}
    return subject(PREFIX, "/prefixes/p", changed_at=changed, properties={"prefixLength": 28} | values)


def idle(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("az.pip.unattached", proves, given, expected, amount, prices=PRICES, **values)


def unused(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.pip.prefix_unused", proves, given, expected, amount, prices=PRICES)


def orphan(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.nic.orphan", proves, given, expected, amount)


CASES = (
    idle("found", address(), FOUND, "3.6500"),
    idle("clear", address(ipConfiguration={"id": "/loadbalancers/lb/frontendipconfigurations/f"}), CLEAR),
    idle("boundary:minAgeDays", address(7), CLEAR),
    idle("boundary:minAgeDays", address(7.01), FOUND),
    idle("on a NAT gateway", address(natGateway={"id": "/nat"}), CLEAR),
    idle("paid with its range", address(publicIPPrefix={"id": "/prefixes/p"}), CLEAR),
    idle("dynamic", address(publicIPAllocationMethod="Dynamic"), FOUND, "0"),
    idle("of IPv6", address(publicIPAddressVersion="IPv6"), FOUND, "0"),
    idle("no SKU", address(sku=None), UNKNOWN),
    idle("what was left out", address(leftOut=["ipConfiguration"]), UNKNOWN),
    idle(
        "on a machine",
        address(ipConfiguration=USED),
        CLEAR,
        targets=ON_NIC,
        neighbours=near(interface(virtualMachine={"id": "/vm"})),
    ),
    idle("on an orphan", address(ipConfiguration=USED), FOUND, targets=ON_NIC, neighbours=near(interface())),
    idle("just orphaned", address(ipConfiguration=USED), CLEAR, targets=ON_NIC, neighbours=near(interface(2))),
    idle(
        "just put on an orphan", address(2, ipConfiguration=USED), CLEAR, targets=ON_NIC, neighbours=near(interface())
    ),
    idle("on an interface that was not read", address(ipConfiguration=USED), UNKNOWN, targets=ON_NIC),
    # 16 addresses.
    unused("found", prefix(), FOUND, "70.0800"),
    unused("clear", prefix(publicIPAddresses=[{"id": "/ips/a"}]), CLEAR),
    unused("boundary:minAgeDays", prefix(7), CLEAR),
    unused("boundary:minAgeDays", prefix(7.01), FOUND),
    unused("of a NAT gateway", prefix(natGateway={"id": "/nat"}), CLEAR),
    unused("of a load balancer", prefix(loadBalancerFrontendIpConfiguration={"id": "/lb/f"}), CLEAR),
    unused("a customer's own", prefix(customIPPrefix={"id": "/own"}), CLEAR),
    unused("of IPv6", prefix(prefixLength=124, publicIPAddressVersion="IPv6"), CLEAR),
    unused("no length", prefix(prefixLength=None), UNKNOWN),
    orphan("found", interface(), FOUND, "0"),
    orphan("clear", interface(virtualMachine={"id": "/vm"}), CLEAR),
    orphan("boundary:minAgeDays", interface(30), CLEAR),
    orphan("boundary:minAgeDays", interface(30.01), FOUND),
    orphan("of a private endpoint", interface(privateEndpoint={"id": "/pe"}), CLEAR),
    orphan("of a service behind a link", interface(privateLinkService={"id": "/pls"}), CLEAR),
    orphan("of a workload of Azure's", interface(hostedWorkloads=["/work"]), CLEAR),
    orphan("what could not be read", interface(unreadable=["virtualMachine"]), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
