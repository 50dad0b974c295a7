"""Checks of small things that nothing uses any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.detection.checks.az_orphans import (
    CONNECTION,
    IP_GROUP,
    LOGIC_APP,
    POLICY,
    RESOURCE_GROUP,
    ROUTE_TABLE,
    SECURITY_GROUP,
    SUBNET,
    TRAFFIC_MANAGER,
    ZONE,
)
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {"az.privatedns.zone": ("2", PriceUnit.MONTH), "az.waf.policy": ("5", PriceUnit.MONTH)}
SOMETHING = [{"id": "/something"}]


def case(check: str, proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    """`since` is when the last of `watched` changed, `age` when the thing was made."""
    kind, watched, plain = KINDS[check]
    since, age = values.pop("since", 90), values.pop("age", 700)
    given = subject(
        kind,
        "/thing",
        created_at=ago(age),
        changed_at={watched: ago(since)} if watched else {},
        properties=plain | values,
    )
    return Case(f"az.{check}", proves, given, expected, amount, prices=PRICES)


KINDS: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "privatedns.orphan": (ZONE, "numberOfVirtualNetworkLinks", {"numberOfVirtualNetworkLinks": 0}),
    "trafficmanager.orphan": (TRAFFIC_MANAGER, "endpoints", {"endpoints": []}),
    "waf_policy.orphan": (POLICY, "securityPolicyLinks", {"sku": {"name": "Classic_AzureFrontDoor"}}),
    "ipgroup.orphan": (IP_GROUP, "firewalls", {"firewalls": [], "firewallPolicies": []}),
    "nsg.orphan": (SECURITY_GROUP, "networkInterfaces", {}),
    "routetable.orphan": (ROUTE_TABLE, "subnets", {}),
    "subnet.empty": (SUBNET, "ipConfigurations", {"delegations": []}),
}
USED = {
    "trafficmanager.orphan": ("endpoints",),
    "waf_policy.orphan": ("securityPolicyLinks", "frontendEndpointLinks", "routingRuleLinks"),
    "ipgroup.orphan": ("firewalls", "firewallPolicies"),
    "nsg.orphan": ("networkInterfaces", "subnets"),
    "routetable.orphan": ("subnets",),
    "subnet.empty": ("ipConfigurations", "privateEndpoints", "delegations", "serviceAssociationLinks"),
}


def alike(check: str) -> tuple[Case, ...]:
    return (
        case(check, "boundary:minAgeDays", CLEAR, since=30),
        case(check, "boundary:minAgeDays", FOUND, since=30.01),
        case(check, "just made", CLEAR, age=10, since=700),
        *(case(check, "clear", CLEAR, None, **{name: SOMETHING}) for name in USED.get(check, ())),
        *(case(check, "what was left out", UNKNOWN, leftOut=[name]) for name in USED.get(check, ())),
    )


def group(proves: str, expected: Any, age: float = 90, **values: Any) -> Case:
    given = subject(RESOURCE_GROUP, "/groups/g", created_at=ago(age), properties={"resourceCount": 0} | values)
    return Case("az.rg.empty", proves, given, expected, "0" if expected is FOUND else None)


def connection(proves: str, expected: Any, age: float = 90, **values: Any) -> Case:
    given = subject(
        CONNECTION, "/connections/c", status="Error", created_at=ago(age), properties={"kind": "V1"} | values
    )
    return Case(
        "az.apiconnection.orphan",
        proves,
        given,
        expected,
        "0" if expected is FOUND else None,
        complete_types=frozenset({LOGIC_APP}),
    )


IN_USE = {(RelationshipKind.ATTACHED_TO, LOGIC_APP): [subject(LOGIC_APP, "/workflows/w")]}
CASES = (
    connection("found", FOUND),
    replace(connection("clear", CLEAR), neighbours=IN_USE),
    connection("boundary:minAgeDays", CLEAR, 30),
    connection("boundary:minAgeDays", FOUND, 30.01),
    connection("of the Standard plan", CLEAR, kind="V2"),
    connection("a kind that is not told", FOUND, kind=None),
    replace(connection("logic apps that were not read", UNKNOWN), complete_types=frozenset()),
    *(each for check in KINDS for each in alike(check)),
    case("privatedns.orphan", "found", FOUND, "2.0000"),
    case("privatedns.orphan", "clear", CLEAR, numberOfVirtualNetworkLinks=1),
    case("privatedns.orphan", "links that are not told", UNKNOWN, numberOfVirtualNetworkLinks=None),
    case("trafficmanager.orphan", "found", FOUND, "0"),
    case("waf_policy.orphan", "found", FOUND, "5.0000"),
    case("waf_policy.orphan", "part of a base fee", FOUND, "0", sku={"name": "Premium_AzureFrontDoor"}),
    case("waf_policy.orphan", "no SKU", UNKNOWN, sku=None),
    case("ipgroup.orphan", "found", FOUND, "0"),
    case("nsg.orphan", "found", FOUND, "0"),
    case("routetable.orphan", "found", FOUND, "0"),
    case("subnet.empty", "found", FOUND, "0"),
    group("found", FOUND),
    group("clear", CLEAR, resourceCount=3),
    group("boundary:minAgeDays", CLEAR, 30),
    group("boundary:minAgeDays", FOUND, 30.01),
    group("made by a service", CLEAR, managedBy="/clusters/aks"),
    group("what may be hidden", UNKNOWN, resourceCount=None),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
