"""Checks of firewalls, bastions, private endpoints and DDoS protection plans."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_network_services import BASTION, DDOS_PLAN, ENDPOINT, FIREWALL
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.firewall.standard": ("1.25", PriceUnit.HOUR),
    "az.bastion.standard": ("0.30", PriceUnit.HOUR),
    "az.bastion.standard.unit": ("0.10", PriceUnit.HOUR),
    "az.pe.hour": ("0.01", PriceUnit.HOUR),
    "az.ddos.plan": ("3000", PriceUnit.MONTH),
}


def firewall(age: float = 90, **values: Any) -> Subject:
    properties = {"sku": {"name": "AZFW_VNet", "tier": "Standard"}, "ipConfigurations": [{"id": "/ip"}]}
    return subject(FIREWALL, "/firewalls/f", created_at=ago(age), properties=properties | values)


def bastion(kind: str = "Standard", units: int | None = 2, age: float = 90) -> Subject:
    properties = {"sku": {"name": kind}, "scaleUnits": units}
    return subject(BASTION, "/bastions/b", created_at=ago(age), properties=properties)


def endpoint(status: str = "Approved", since: float = 90, age: float = 90) -> Subject:
    return subject(ENDPOINT, "/endpoints/e", status=status, status_since=ago(since), created_at=ago(age))


def plan(since: float = 90, **values: Any) -> Subject:
    return subject(DDOS_PLAN, "/plans/p", changed_at={"virtualNetworks": ago(since)}, properties=values)


def nothing(**keys: Usage | None) -> dict[str, Usage | None]:
    return {key: flat(0, 30) for key in ("data", "applicationHits", "networkHits", "sessions", "in", "out")} | keys


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "usages": nothing()}
    return Case(f"az.{check}", proves, given, expected, amount, **(plain | values))


CASES = (
    case("firewall.idle", "found", firewall(), FOUND, "912.5000"),
    case("firewall.idle", "clear", firewall(), CLEAR, usages=nothing(data=flat(10, 30))),
    case("firewall.idle", "an application rule is hit", firewall(), CLEAR, usages=nothing(applicationHits=flat(1, 30))),
    case("firewall.idle", "a network rule is hit", firewall(), CLEAR, usages=nothing(networkHits=flat(1, 30))),
    case("firewall.idle", "missing:data", firewall(), UNKNOWN, usages=nothing(data=None)),
    case("firewall.idle", "missing:applicationHits", firewall(), UNKNOWN, usages=nothing(applicationHits=None)),
    case("firewall.idle", "missing:networkHits", firewall(), UNKNOWN, usages=nothing(networkHits=None)),
    case("firewall.idle", "deallocated", firewall(ipConfigurations=None), CLEAR),
    case("firewall.idle", "in a hub", firewall(ipConfigurations=None, virtualHub={"id": "/hub"}), FOUND, "912.5000"),
    case("firewall.idle", "younger than the window", firewall(10), CLEAR),
    case("firewall.idle", "no SKU", firewall(sku=None), UNKNOWN),
    case("bastion.idle", "found", bastion(), FOUND, "219.0000"),
    case("bastion.idle", "clear", bastion(), CLEAR, usages=nothing(sessions=flat(1, 30))),
    case("bastion.idle", "missing:sessions", bastion(), UNKNOWN, usages=nothing(sessions=flat(None, 30))),
    case("bastion.idle", "more units", bastion(units=4), FOUND, "365.0000"),
    case("bastion.idle", "units that are not told", bastion(units=None), FOUND, "219.0000"),
    case("bastion.idle", "one that is free", bastion("Developer"), CLEAR),
    case("bastion.idle", "younger than the window", bastion(age=10), CLEAR),
    case("pe.disconnected", "found", endpoint("Disconnected"), FOUND, "7.3000"),
    case("pe.disconnected", "clear", endpoint(), CLEAR),
    case("pe.disconnected", "boundary:minAgeDays", endpoint("Rejected", 7), CLEAR),
    case("pe.disconnected", "boundary:minAgeDays", endpoint("Rejected", 7.01), FOUND),
    case("pe.disconnected", "waiting to be let in", endpoint("Pending"), CLEAR),
    case("pe.idle", "found", endpoint(), FOUND, "7.3000"),
    case("pe.idle", "clear", endpoint(), CLEAR, usages=nothing(out=flat(1, 30))),
    case("pe.idle", "missing:in", endpoint(), UNKNOWN, usages=nothing(**{"in": None})),
    case("pe.idle", "missing:out", endpoint(), UNKNOWN, usages=nothing(out=flat(None, 30))),
    case("pe.idle", "cut off", endpoint("Disconnected"), CLEAR),
    case("pe.idle", "younger than the window", endpoint(age=10), CLEAR),
    case("ddos.unassociated", "found", plan(), FOUND, "3000.0000"),
    case("ddos.unassociated", "clear", plan(virtualNetworks=[{"id": "/vnet"}]), CLEAR),
    case("ddos.unassociated", "boundary:minAgeDays", plan(7), CLEAR),
    case("ddos.unassociated", "boundary:minAgeDays", plan(7.01), FOUND),
    case("ddos.unassociated", "an address of its own", plan(publicIPAddresses=[{"id": "/ip"}]), CLEAR),
    case("ddos.unassociated", "what was left out", plan(leftOut=["virtualNetworks"]), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
