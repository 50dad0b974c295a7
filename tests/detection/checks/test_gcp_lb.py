"""Checks of load balancers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks import gcp_lb
from app.detection.checks.gcp_lb import GLOBAL_RULE, POOL, PROXIES, RULE, SERVICES, URL_MAP
from app.detection.checks.gcp_values import MANAGER
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import Confidence, PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

Around = dict[tuple[RelationshipKind, str], list[Subject]]
ALL_READ = frozenset({*PROXIES, URL_MAP, *SERVICES, POOL, MANAGER})
PRICES = {
    "gcp.lb.first_rules.hour": ("0.025", PriceUnit.HOUR),
    "gcp.lb.further_rule.hour": ("0.01", PriceUnit.HOUR),
}
NAME = "//compute.googleapis.com/projects/acme/global"
HTTP, TCP = f"{NAME}/targetHttpProxies/p", f"{NAME}/targetTcpProxies/p"
MAP, SERVICE, BUCKET, GATEWAY = (
    f"{NAME}/{kind}" for kind in ("urlMaps/m", "backendServices/b", "backendBuckets/i", "targetVpnGateways/g")
)
WEB, OLD = f"{NAME}/instanceGroups/web", f"{NAME}/targetPools/old"


def rule(target: str | None = HTTP, *, kind: str = GLOBAL_RULE, age: float = 90, **properties: Any) -> Subject:
    plain = {"target": target, "loadBalancingScheme": "EXTERNAL_MANAGED"}
    return subject(kind, f"{NAME}/forwardingRules/front", created_at=ago(age), properties=plain | properties)


def peers(*resources: Subject) -> Around:
    found: Around = {}
    for each in resources:
        found.setdefault((RelationshipKind.MEMBER_OF, each.resource_type), []).append(each)
    return found


def part(kind: str, name: str, *, changed: dict[str, float] | None = None, **properties: Any) -> Subject:
    moments = {key: ago(days) for key, days in (changed or {}).items()}
    return subject(kind, name, properties=properties, changed_at=moments)


def chain(*services: str, more: tuple[Subject, ...] = (), changed: Any = None, **service: Any) -> Around:
    """A proxy, its URL map and one backend service, which is empty where nothing is said of it."""
    moments = None if changed is None else {"backends": changed}
    return peers(
        part(PROXIES[0], HTTP, urlMap=MAP),
        part(URL_MAP, MAP, services=list(services or (SERVICE,))),
        part(SERVICES[0], SERVICE, changed=moments, **service),
        *more,
    )


def group(size: int | None, changed: float | None = None) -> Subject:
    """The manager of the group behind."""
    moments = None if changed is None else {"targetSize": changed}
    return part(MANAGER, "web", changed=moments, instanceGroup=WEB, targetSize=size)


def others(count: int) -> Around:
    return peers(
        *(subject(RULE, f"{NAME}/forwardingRules/r{number}", properties={"target": TCP}) for number in range(count))
    )


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": ALL_READ}
    return Case(f"gcp.lb.{check}", proves, given, expected, amount, **(plain | values))


def flow(key: str, each: float | None = 0) -> dict[str, Usage | None]:
    """So much a day by one metric, and nothing known by the others."""
    return {key: None if each is None else flat(each, 14)}


BEHIND: dict[str, Any] = {"backends": [{"group": WEB}]}
# Which rule is counted by which metric.
COUNTED = (
    ("requests", rule()),
    ("requests", rule(kind=RULE, loadBalancingScheme="EXTERNAL")),
    ("regionalRequests", rule(kind=RULE)),
    ("internalRequests", rule(kind=RULE, loadBalancingScheme="INTERNAL_MANAGED")),
    ("connections", rule(TCP, loadBalancingScheme="EXTERNAL")),
    ("proxiedConnections", rule(TCP)),
    ("packets", rule(None, kind=RULE, backendService=SERVICE, loadBalancingScheme="EXTERNAL")),
    ("internalPackets", rule(None, kind=RULE, backendService=SERVICE, loadBalancingScheme="INTERNAL")),
)
CASES = (
    case("no_backend", "found", rule(), FOUND, "18.2500", neighbours=chain(), confidence=None),
    case(
        "no_backend", "clear", rule(), CLEAR, neighbours=chain(backends=[{"group": f"{NAME}/networkEndpointGroups/n"}])
    ),
    case("no_backend", "boundary:minAgeDays", rule(age=7), CLEAR, neighbours=chain()),
    case("no_backend", "boundary:minAgeDays", rule(age=7.01), FOUND, neighbours=chain()),
    case("no_backend", "emptied of late", rule(), CLEAR, neighbours=chain(changed=3)),
    case("no_backend", "machines behind it", rule(), CLEAR, neighbours=chain(more=(group(2),), **BEHIND)),
    case(
        "no_backend",
        "a group without machines",
        rule(),
        FOUND,
        neighbours=chain(more=(group(0),), **BEHIND),
        confidence=Confidence.LIKELY,
    ),
    case(
        "no_backend",
        "a group of late without machines",
        rule(),
        CLEAR,
        neighbours=chain(more=(group(0, changed=2),), **BEHIND),
    ),
    case(
        "no_backend",
        "a group whose size is not told",
        rule(),
        UNKNOWN,
        neighbours=chain(more=(group(None),), **BEHIND),
    ),
    case(
        "no_backend",
        "one of two is not empty",
        rule(),
        CLEAR,
        neighbours=chain(SERVICE, f"{SERVICE}2", more=(part(SERVICES[0], f"{SERVICE}2", backends=[{"group": "neg"}]),)),
    ),
    case("no_backend", "a bucket", rule(), CLEAR, neighbours=chain(SERVICE, BUCKET)),
    case(
        "no_backend",
        "a redirect",
        rule(),
        CLEAR,
        neighbours=peers(part(PROXIES[0], HTTP, urlMap=MAP), part(URL_MAP, MAP, services=[])),
    ),
    case(
        "no_backend",
        "a URL map that was too large",
        rule(),
        UNKNOWN,
        neighbours=peers(part(PROXIES[0], HTTP, urlMap=MAP), part(URL_MAP, MAP, leftOut=["services"])),
    ),
    case("no_backend", "a service that is not there", rule(), UNKNOWN, neighbours=chain(f"{SERVICE}9")),
    case(
        "no_backend",
        "a proxy of TCP",
        rule(TCP),
        FOUND,
        neighbours=peers(part(PROXIES[3], TCP, service=SERVICE), part(SERVICES[0], SERVICE)),
    ),
    case("no_backend", "a proxy that was not read", rule(TCP), UNKNOWN),
    case("no_backend", "a proxy that names nothing", rule(TCP), CLEAR, neighbours=peers(part(PROXIES[3], TCP))),
    case("no_backend", "a service that was not read", rule(None, kind=RULE, backendService=SERVICE), UNKNOWN),
    case("no_backend", "a group without a manager", rule(), CLEAR, neighbours=chain(**BEHIND)),
    case("no_backend", "without a proxy", rule(None, kind=RULE, backendService=SERVICE), FOUND, neighbours=chain()),
    case("no_backend", "an empty pool", rule(OLD, kind=RULE), FOUND, neighbours=peers(part(POOL, OLD))),
    case("no_backend", "a pool", rule(OLD, kind=RULE), CLEAR, neighbours=peers(part(POOL, OLD, instances=["web-1"]))),
    case("no_backend", "a VPN gateway", rule(GATEWAY, kind=RULE), CLEAR),
    case(
        "no_backend", "groups were not read", rule(), UNKNOWN, neighbours=chain(), complete_types=ALL_READ - {MANAGER}
    ),
    # With two others, a third of what is paid for up to five.
    case("no_backend", "one of three", rule(), FOUND, "6.0833", neighbours=chain() | others(2)),
    case("no_backend", "one of six", rule(), FOUND, "7.3000", neighbours=chain() | others(5)),
    case(
        "no_backend",
        "one of another project",
        rule(),
        FOUND,
        "18.2500",
        neighbours=chain()
        | peers(
            subject(
                RULE, "//compute.googleapis.com/projects/other/global/forwardingRules/r", properties={"target": TCP}
            )
        ),
    ),
    case(
        "no_backend",
        "its charges",
        rule(),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
        neighbours=chain() | others(2),
    ),
    case("idle", "found", rule(), FOUND, "18.2500", usages=flow("requests")),
    case("idle", "clear", rule(), CLEAR, usages=flow("requests", 100)),
    case("idle", "boundary:perDay", rule(), CLEAR, usages=flow("requests", 1)),
    case("idle", "boundary:perDay", rule(), FOUND, usages=flow("requests", 0)),
    *(case("idle", f"missing:{key}", given, UNKNOWN, usages=flow(key, None)) for key, given in COUNTED),
    *(case("idle", f"{key}, none", given, FOUND, usages=flow(key, 0)) for key, given in COUNTED),
    *(case("idle", f"{key}, some", given, CLEAR, usages=flow(key, 9)) for key, given in COUNTED),
    case("idle", "new", rule(age=10), CLEAR, usages=flow("requests")),
    case("idle", "a VPN gateway", rule(GATEWAY, kind=RULE), CLEAR),
    case("idle", "a mesh", rule(loadBalancingScheme="INTERNAL_SELF_MANAGED"), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()


def test_each_metric_is_of_a_rule() -> None:
    (idle,) = (check for check in gcp_lb.CHECKS if check.metrics)
    assert {metric.key for metric in idle.metrics} == {key for key, _ in COUNTED}
