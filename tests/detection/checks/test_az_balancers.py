"""Checks of load balancers, application gateways and Front Door."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_balancers import BALANCER, FRONT_DOOR, GATEWAY
from app.detection.facts import Subject
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.lb.standard": ("0.03", PriceUnit.HOUR),
    "az.lb.standard.rule": ("0.01", PriceUnit.HOUR),
    "az.appgw.standard_v2": ("0.20", PriceUnit.HOUR),
    "az.appgw.standard_v2.unit": ("0.01", PriceUnit.HOUR),
    "az.appgw.standard_medium": ("0.10", PriceUnit.HOUR),
    "az.frontdoor.standard": ("35", PriceUnit.MONTH),
}
EMPTY = {"id": "/pool", "properties": {"provisioningState": "Succeeded"}}
FULL = {"id": "/pool", "properties": {"backendIPConfigurations": [{"id": "/nic/ip"}]}}
SILENT = {"requests": flat(0, 7)}


def balancer(since: float = 90, kind: str = "Standard", rules: int = 2, **values: Any) -> Subject:
    properties = {
        "sku": {"name": kind},
        "loadBalancingRules": [{"id": "/rule"}] * rules,
        "backendAddressPools": [EMPTY],
    }
    changed = {"backendAddressPools": ago(since)}
    return subject(BALANCER, "/lbs/lb", changed_at=changed, properties=properties | values)


def gateway(since: float = 90, status: str = "Running", **values: Any) -> Subject:
    properties = {
        "sku": {"name": "Standard_v2", "tier": "Standard_v2"},
        "autoscaleConfiguration": {"minCapacity": 1, "maxCapacity": 5},
        "backendAddressPools": [EMPTY],
    }
    changed = {"backendAddressPools": ago(since)}
    return subject(GATEWAY, "/gateways/g", status=status, changed_at=changed, properties=properties | values)


def door(kind: str = "Standard_AzureFrontDoor", age: float = 90) -> Subject:
    return subject(FRONT_DOOR, "/profiles/p", created_at=ago(age), properties={"sku": {"name": kind}})


def bare(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.lb.no_backend", proves, given, expected, amount, prices=PRICES)


def empty(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "usages": SILENT}
    return Case("az.appgw.no_backend", proves, given, expected, amount, **(plain | values))


def quiet(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": door(), "prices": PRICES, "usages": {"requests": flat(0, 30)}}
    return Case("az.frontdoor.idle", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    bare("found", balancer(), FOUND, "21.9000"),
    bare("clear", balancer(backendAddressPools=[EMPTY, FULL]), CLEAR),
    bare("boundary:minAgeDays", balancer(7), CLEAR),
    bare("boundary:minAgeDays", balancer(7.01), FOUND),
    bare("more than five rules", balancer(rules=6, outboundRules=[{"id": "/out"}]), FOUND, "36.5000"),
    bare("no rules", balancer(rules=0), FOUND, "0"),
    bare("no pools", balancer(backendAddressPools=None), FOUND),
    bare(
        "addresses in a pool",
        balancer(backendAddressPools=[{"properties": {"loadBalancerBackendAddresses": [1]}}]),
        CLEAR,
    ),
    bare("inbound NAT", balancer(inboundNatRules=[{"id": "/nat"}]), CLEAR),
    bare("basic", balancer(kind="Basic"), CLEAR),
    bare("pools that were left out", balancer(leftOut=["backendAddressPools"]), UNKNOWN),
    bare("pools that do not tell", balancer(backendAddressPools=[{"id": "/pool"}]), UNKNOWN),
    # An hour for 146, ten capacity units for 73.
    empty("found", gateway(), FOUND, "219.0000"),
    empty("clear", gateway(backendAddressPools=[FULL]), CLEAR),
    empty("boundary:minAgeDays", gateway(7), CLEAR),
    empty("boundary:minAgeDays", gateway(7.01), FOUND),
    empty("boundary:requestsPerDay", gateway(), CLEAR, usages={"requests": flat(10, 7)}),
    empty("boundary:requestsPerDay", gateway(), FOUND, usages={"requests": flat(9, 7)}),
    empty("missing:requests", gateway(), UNKNOWN, usages={"requests": None}),
    empty("grows from nothing", gateway(autoscaleConfiguration={"minCapacity": 0}), FOUND, "146.0000"),
    empty(
        "instances that are set",
        gateway(autoscaleConfiguration=None, sku={"name": "Standard_v2", "capacity": 2}),
        FOUND,
        "292.0000",
    ),
    empty(
        "of the first version",
        gateway(autoscaleConfiguration=None, sku={"name": "Standard_Medium", "capacity": 2}),
        FOUND,
        "146.0000",
    ),
    empty("no capacity", gateway(autoscaleConfiguration=None), UNKNOWN),
    empty(
        "a name in a pool", gateway(backendAddressPools=[{"properties": {"backendAddresses": [{"fqdn": "a"}]}}]), CLEAR
    ),
    empty("stopped", gateway(status="Stopped"), CLEAR),
    quiet("found", FOUND, "35.0000"),
    quiet("clear", CLEAR, usages={"requests": flat(1, 30)}),
    quiet("missing:requests", UNKNOWN, usages={"requests": None}),
    quiet("younger than the window", CLEAR, subject=door(age=20)),
    quiet("an older kind", CLEAR, subject=door("Standard_Microsoft")),
    quiet("no price", FOUND, "unknown", subject=door("Premium_AzureFrontDoor")),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
