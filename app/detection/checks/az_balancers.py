"""What spreads requests, with nothing behind it or nobody in front of it: load balancers, gateways, Front Door."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Parameter, days
from app.detection.checks.az_facts import LEARN, PRICING, listed, number, shown_since, sku, so_since
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, unused
from app.detection.savings import Part, hours, nothing, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

BALANCER: Final = "microsoft.network/loadbalancers"
GATEWAY: Final = "microsoft.network/applicationgateways"
FRONT_DOOR: Final = "microsoft.cdn/profiles"
_RULES: Final = ("loadBalancingRules", "outboundRules")
_INBOUND: Final = ("inboundNatRules", "inboundNatPools")
_INCLUDED_RULES: Final = 5
_UNITS_AN_INSTANCE: Final = 10
"""Capacity units of an instance of an application gateway of the second version."""
_FRONT_DOORS: Final = {
    "standard_azurefrontdoor": "az.frontdoor.standard",
    "premium_azurefrontdoor": "az.frontdoor.premium",
}
_REQUESTS: Final = Metric("requests", "TotalRequests", Daily.SUM, silent_at_zero=True)
_AT_THE_EDGE: Final = Metric("requests", "RequestCount", Daily.SUM, silent_at_zero=True)


def _has_members(subject: Subject, pools: Iterable[Any], *names: str) -> bool:
    """Whether one of the pools has something in it. Raises UnknownFactError where a pool does not tell."""
    for pool in pools:
        properties = pool.get("properties") if isinstance(pool, dict) else None
        if not isinstance(properties, dict):
            message = f"What is in the pools of {subject.native_id} is not known."
            raise UnknownFactError(message)
        if any(properties.get(name) for name in names):
            return True
    return False


def _balancer_without_backend(facts: Facts) -> Finding | None:
    balancer = facts.subject
    if sku(balancer) != "standard" or any(listed(balancer, name) for name in _INBOUND):
        return None
    pools = listed(balancer, "backendAddressPools")
    if _has_members(balancer, pools, "backendIPConfigurations", "loadBalancerBackendAddresses"):
        return None
    since = so_since(facts, "backendAddressPools")
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    rules = sum(len(listed(balancer, name)) for name in _RULES)
    return Finding(
        saving=_rules_cost(facts, rules),
        evidence=(Evidence("pools, all empty", str(len(pools))), Evidence("rules", str(rules)), shown_since(since)),
    )


def _rules_cost(facts: Facts, rules: int) -> Saving:
    if rules == 0:
        return nothing("A load balancer without rules costs nothing.")
    parts = [hours("az.lb.standard", "hours, with five rules")]
    if rules > _INCLUDED_RULES:
        parts.append(hours("az.lb.standard.rule", "hours of more rules", rules - _INCLUDED_RULES))
    return whole(facts, *parts)


def _gateway_without_backend(facts: Facts) -> Finding | None:
    gateway = facts.subject
    if gateway.status != "Running":
        return None
    pools = listed(gateway, "backendAddressPools")
    if _has_members(gateway, pools, "backendIPConfigurations", "backendAddresses"):
        return None
    since = so_since(facts, "backendAddressPools")
    # Its rules may redirect without any backend.
    if not facts.is_older(since, MIN_AGE_DAYS) or busiest_day(facts, "requests") >= facts.threshold("requestsPerDay"):
        return None
    return Finding(
        saving=whole(facts, *_gateway_parts(gateway)),
        evidence=(Evidence("pools, all empty", str(len(pools))), shown_since(since)),
    )


def _gateway_parts(gateway: Subject) -> list[Part]:
    name, kind = sku(gateway), gateway.record("sku")
    autoscale = gateway.properties.get("autoscaleConfiguration")
    count = number(gateway, autoscale, "minCapacity") if autoscale else number(gateway, kind, "capacity")
    if not name.endswith("_v2"):
        return [hours(f"az.appgw.{name}", "hours of its instances", count)]
    units = count * _UNITS_AN_INSTANCE
    parts = [hours(f"az.appgw.{name}", "hours")]
    return [*parts, hours(f"az.appgw.{name}.unit", "hours of capacity units", units)] if units else parts


def _front_door_idle(facts: Facts) -> Finding | None:
    code = _FRONT_DOORS.get(sku(facts.subject))
    if code is None:
        return None  # the older kinds are paid by what goes through them
    shown = unused(facts, "requests", unit="requests")
    if shown is None:
        return None
    return Finding(saving=whole(facts, Part(code, Decimal(1), PriceUnit.MONTH, "base fees")), evidence=shown)


_check = partial(Check, provider=Provider.AZURE, area=Area.NETWORK, remedy=Remedy.DELETE)
CHECKS: Final = (
    _check(
        id="az.lb.no_backend",
        title="Load balancer with nothing behind it",
        description="It has no pools, or nothing is in them: what comes in is answered by nobody, yet its rules are "
        "paid by the hour. Basic load balancers are left out, for they cost nothing.",
        resource_types=(BALANCER,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remediation="Look for DNS records and partners that still name its address, then delete the load balancer and "
        "the public address.",
        find=_balancer_without_backend,
        properties=("sku", "backendAddressPools", *_INBOUND, *_RULES),
        watched=("backendAddressPools",),
        prices=("az.lb.*",),
        saving="All hours of its rules.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there with nothing behind it."),),
        links=(PRICING + "load-balancer/", LEARN + "load-balancer/load-balancer-overview"),
    ),
    _check(
        id="az.appgw.no_backend",
        title="Application gateway with nothing behind it",
        description="Nothing is in any of its pools and hardly any request comes in, yet each hour and its capacity "
        "are paid.",
        resource_types=(GATEWAY,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remediation="Look for DNS records that still name it, then delete the gateway and its public address; or stop "
        "it, which costs nothing.",
        find=_gateway_without_backend,
        properties=("sku", "backendAddressPools", "autoscaleConfiguration"),
        watched=("backendAddressPools",),
        prices=("az.appgw.*",),
        saving="All hours of the gateway and of its least capacity.",
        parameters=(
            days(MIN_AGE_DAYS, 7, "How long it has to be there with nothing behind it."),
            Parameter("requestsPerDay", Decimal(10), "requests", "Each day has to have fewer requests."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_REQUESTS,),
        links=(PRICING + "application-gateway/", LEARN + "application-gateway/understanding-pricing"),
    ),
    _check(
        id="az.frontdoor.idle",
        title="Front Door that nobody comes to",
        description="Not one request reached it, yet its base fee is paid each month.",
        resource_types=(FRONT_DOOR,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remediation="Look for DNS records that still name its endpoints, then delete the profile.",
        find=_front_door_idle,
        properties=("sku",),
        prices=tuple(_FRONT_DOORS.values()),
        saving="Its base fee.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a request.", most=90),),
        metrics=(_AT_THE_EDGE,),
        links=(PRICING + "frontdoor/", LEARN + "frontdoor/understanding-pricing"),
    ),
)
