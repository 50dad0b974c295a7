"""Services of a network that are paid by the hour without work: firewalls, bastions, endpoints, protection plans."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, days
from app.detection.checks.az_facts import LEARN, PRICING, listed, shown_since, sku, so_since
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import unused
from app.detection.savings import Part, hours, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

FIREWALL: Final = "microsoft.network/azurefirewalls"
BASTION: Final = "microsoft.network/bastionhosts"
ENDPOINT: Final = "microsoft.network/privateendpoints"
DDOS_PLAN: Final = "microsoft.network/ddosprotectionplans"
_DEAD: Final = frozenset({"Disconnected", "Rejected"})
_ENDPOINT_HOUR: Final = "az.pe.hour"
_PLAN_MONTH: Final = "az.ddos.plan"
_FREE_BASTION: Final = "developer"
_INCLUDED_UNITS: Final = 2
_DATA: Final = Metric("data", "DataProcessed", Daily.SUM, silent_at_zero=True)
_APPLICATION: Final = Metric("applicationHits", "ApplicationRuleHit", Daily.SUM, silent_at_zero=True)
_NETWORK: Final = Metric("networkHits", "NetworkRuleHit", Daily.SUM, silent_at_zero=True)
_SESSIONS: Final = Metric("sessions", "sessions", Daily.SUM)
_IN: Final = Metric("in", "PEBytesIn", Daily.SUM)
_OUT: Final = Metric("out", "PEBytesOut", Daily.SUM)
_MONTH: Final = days(LOOKBACK_DAYS, 30, "How many days have to pass without any work.", most=90)


def _firewall_idle(facts: Facts) -> Finding | None:
    firewall = facts.subject
    # Without an address in its network it is switched off, and not paid.
    if not listed(firewall, "ipConfigurations") and firewall.text("virtualHub") is None:
        return None
    if unused(facts, "applicationHits", "networkHits", unit="hits") is None:
        return None
    shown = unused(facts, "data", unit="bytes")
    if shown is None:
        return None
    return Finding(
        saving=whole(facts, hours(f"az.firewall.{sku(firewall, 'tier')}", "hours")),
        evidence=(*shown, Evidence("rules that were hit", "none")),
    )


def _bastion_idle(facts: Facts) -> Finding | None:
    bastion = facts.subject
    name = sku(bastion)
    if name == _FREE_BASTION:
        return None
    shown = unused(facts, "sessions", unit="sessions")
    if shown is None:
        return None
    parts = [hours(f"az.bastion.{name}", "hours")]
    units = int(bastion.number("scaleUnits")) - _INCLUDED_UNITS if bastion.text("scaleUnits") else 0
    if units > 0:
        parts.append(hours(f"az.bastion.{name}.unit", "hours of more units", units))
    return Finding(saving=whole(facts, *parts), evidence=shown)


def _endpoint_cost(facts: Facts) -> Saving:
    return whole(facts, hours(_ENDPOINT_HOUR, "hours"))


def _disconnected(facts: Facts) -> Finding | None:
    status, since = facts.subject.status, facts.status_since()
    if status not in _DEAD or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(_endpoint_cost(facts), (Evidence("state of the connection", status), shown_since(since)))


def _endpoint_idle(facts: Facts) -> Finding | None:
    if facts.subject.status != "Approved":
        return None
    shown = unused(facts, "in", "out", unit="bytes")
    return None if shown is None else Finding(_endpoint_cost(facts), shown)


def _plan_unassociated(facts: Facts) -> Finding | None:
    plan = facts.subject
    since = so_since(facts, "virtualNetworks")
    if listed(plan, "virtualNetworks") or listed(plan, "publicIPAddresses"):
        return None
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, Part(_PLAN_MONTH, Decimal(1), PriceUnit.MONTH, "plans")),
        evidence=(Evidence("networks and addresses that it protects", "none"), shown_since(since)),
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.NETWORK, remedy=Remedy.DELETE)
_ENDPOINT_LINKS: Final = (PRICING + "private-link/", LEARN + "private-link/private-endpoint-overview")
CHECKS: Final = (
    _check(
        id="az.firewall.idle",
        title="Firewall that nothing goes through",
        description="No data went through it and none of its rules was hit, yet each hour is paid.",
        resource_types=(FIREWALL,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remediation="See which routes lead to it. Deallocate it for some weeks, which keeps its rules and costs "
        "nothing, then delete it with its public addresses.",
        find=_firewall_idle,
        properties=("sku", "ipConfigurations", "virtualHub"),
        prices=("az.firewall.*",),
        saving="All hours of the firewall.",
        parameters=(_MONTH,),
        metrics=(_DATA, _APPLICATION, _NETWORK),
        links=(PRICING + "azure-firewall/", LEARN + "firewall/firewall-faq"),
    ),
    _check(
        id="az.bastion.idle",
        title="Bastion that nobody uses",
        description="Nobody had a session through it, yet each hour is paid.",
        resource_types=(BASTION,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remediation="Delete it; making one again takes ten minutes. The Developer SKU costs nothing and may do.",
        find=_bastion_idle,
        properties=("sku", "scaleUnits"),
        prices=("az.bastion.*",),
        saving="All hours of the bastion and of its further units.",
        parameters=(_MONTH,),
        metrics=(_SESSIONS,),
        links=(PRICING + "azure-bastion/", LEARN + "bastion/bastion-sku-comparison"),
    ),
    _check(
        id="az.pe.disconnected",
        title="Private endpoint that is cut off",
        description="What it led to is gone or has refused it, so nothing can go through, yet each hour is paid.",
        resource_types=(ENDPOINT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remediation="Delete the endpoint, and its records in private DNS zones. If it is needed, make it again: a "
        "connection that was cut does not come back.",
        find=_disconnected,
        prices=(_ENDPOINT_HOUR,),
        saving="All hours of the endpoint.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be cut off."),),
        links=_ENDPOINT_LINKS,
    ),
    _check(
        id="az.pe.idle",
        title="Private endpoint that nothing goes through",
        description="Not a byte went through it, yet each hour is paid.",
        resource_types=(ENDPOINT,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remediation="See whether names in private DNS zones still lead to it. Then delete both.",
        find=_endpoint_idle,
        prices=(_ENDPOINT_HOUR,),
        saving="All hours of the endpoint.",
        parameters=(_MONTH,),
        metrics=(_IN, _OUT),
        links=_ENDPOINT_LINKS,
    ),
    _check(
        id="az.ddos.unassociated",
        title="DDoS protection plan that protects nothing",
        description="A plan has a high monthly fee, whether networks belong to it or not. One plan serves all "
        "subscriptions of a tenant.",
        resource_types=(DDOS_PLAN,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remediation="Add the networks that it was bought for, or delete the plan.",
        find=_plan_unassociated,
        properties=("virtualNetworks", "publicIPAddresses"),
        watched=("virtualNetworks",),
        prices=(_PLAN_MONTH,),
        saving="The monthly fee of the plan.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to protect nothing."),),
        links=(PRICING + "ddos-protection/", LEARN + "ddos-protection/manage-ddos-protection"),
    ),
)
