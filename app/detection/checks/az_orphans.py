"""Small things that nothing uses any more: zones, profiles, policies, groups of addresses and rules, subnets."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, SMALL_FEE, Area, Check, Neighbours, days
from app.detection.checks.az_facts import LEARN, PRICING, listed, shown_since, sku, so_since
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.savings import Part, nothing, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

ZONE: Final = "microsoft.network/privatednszones"
TRAFFIC_MANAGER: Final = "microsoft.network/trafficmanagerprofiles"
POLICY: Final = "microsoft.network/frontdoorwebapplicationfirewallpolicies"
IP_GROUP: Final = "microsoft.network/ipgroups"
SECURITY_GROUP: Final = "microsoft.network/networksecuritygroups"
ROUTE_TABLE: Final = "microsoft.network/routetables"
SUBNET: Final = "microsoft.network/virtualnetworks/subnets"
CONNECTION: Final = "microsoft.web/connections"
LOGIC_APP: Final = "microsoft.logic/workflows"
RESOURCE_GROUP: Final = "microsoft.resources/subscriptions/resourcegroups"
_ZONE_MONTH: Final = "az.privatedns.zone"
_POLICY_MONTH: Final = "az.waf.policy"
_CLASSIC: Final = "classic_azurefrontdoor"
_POLICY_LINKS: Final = ("securityPolicyLinks", "frontendEndpointLinks", "routingRuleLinks")
_SUBNET_USES: Final = (
    "ipConfigurations",
    "ipConfigurationProfiles",
    "privateEndpoints",
    "serviceAssociationLinks",
    "resourceNavigationLinks",
    "delegations",
    "applicationGatewayIPConfigurations",
)


def _without(label: str, *names: str, cost: Callable[[Facts], Saving]) -> Callable[[Facts], Finding | None]:
    """Finds what has had none of some lists for long enough."""

    def find(facts: Facts) -> Finding | None:
        since = so_since(facts, *names)
        if any(listed(facts.subject, name) for name in names) or not facts.is_older(since, MIN_AGE_DAYS):
            return None
        return Finding(cost(facts), (Evidence(label, "none"), shown_since(since)))

    return find


def _free(facts: Facts) -> Saving:
    del facts
    return nothing("Nothing is paid for it.")


def _zone(facts: Facts) -> Finding | None:
    zone = facts.subject
    since = so_since(facts, "numberOfVirtualNetworkLinks")
    if zone.number("numberOfVirtualNetworkLinks") > 0 or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, Part(_ZONE_MONTH, Decimal(1), PriceUnit.MONTH, "zones")),
        evidence=(Evidence("networks that ask it for names", "0"), shown_since(since)),
    )


def _policy_cost(facts: Facts) -> Saving:
    if sku(facts.subject) != _CLASSIC:
        return nothing("Policies of Front Door Standard and Premium are part of its base fee.")
    return whole(facts, Part(_POLICY_MONTH, Decimal(1), PriceUnit.MONTH, "policies"))


def _unused_connection(facts: Facts) -> Finding | None:
    connection = facts.subject
    # Logic apps of the Standard plan keep what they use in files of theirs, and have connections of the second kind.
    if (connection.text("kind") or "V1").upper() != "V1" or facts.related(RelationshipKind.ATTACHED_TO, LOGIC_APP):
        return None
    facts.none_other(LOGIC_APP)
    since = connection.created_at or connection.first_seen_at
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    evidence = (
        Evidence("logic apps that use it", "none"),
        Evidence("state", connection.status or "not told"),
        Evidence("made or first seen at", since.isoformat()),
    )
    return Finding(_free(facts), evidence)


def _empty_group(facts: Facts) -> Finding | None:
    group = facts.subject
    since = group.created_at or group.first_seen_at
    # What a service made for itself goes with it.
    if group.text("managedBy") or group.number("resourceCount") > 0 or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(_free(facts), (Evidence("resources", "0"), Evidence("made or first seen at", since.isoformat())))


_check = partial(
    Check,
    provider=Provider.AZURE,
    area=Area.NETWORK,
    severity=Severity.INFORMATIONAL,
    confidence=Confidence.OBVIOUS,
    remedy=Remedy.DELETE,
)
_FREE: Final = "Nothing is paid for it."
_AGE: Final = (days(MIN_AGE_DAYS, 30, "How long it has to be there and unused."),)
CHECKS: Final = (
    _check(
        id="az.privatedns.orphan",
        title="Private DNS zone that no network asks",
        description="Without a link to a network nobody can look up a name in it, yet each zone has a monthly fee.",
        resource_types=(ZONE,),
        severity=Severity.LOW,
        remediation="See whether its records are still needed somewhere. Link the networks that need them, or delete "
        "the zone.",
        find=_zone,
        properties=("numberOfVirtualNetworkLinks",),
        watched=("numberOfVirtualNetworkLinks",),
        prices=(_ZONE_MONTH,),
        minimum_saving=SMALL_FEE,
        saving="The monthly fee of a zone.",
        parameters=_AGE,
        links=(PRICING + "dns/", LEARN + "dns/private-dns-virtual-network-links"),
    ),
    _check(
        id="az.trafficmanager.orphan",
        title="Traffic Manager profile without endpoints",
        description="It can lead nobody anywhere.",
        resource_types=(TRAFFIC_MANAGER,),
        remediation="Look for DNS records that still name it, then delete the profile.",
        find=_without("endpoints", "endpoints", cost=_free),
        properties=("endpoints",),
        watched=("endpoints",),
        saving=_FREE,
        parameters=_AGE,
        links=(LEARN + "traffic-manager/traffic-manager-overview",),
    ),
    _check(
        id="az.waf_policy.orphan",
        title="Firewall policy of Front Door that protects nothing",
        description="No Front Door uses it. Policies of the classic Front Door have a monthly fee.",
        resource_types=(POLICY,),
        severity=Severity.LOW,
        remediation="Keep a copy of its rules if they may be needed, then delete the policy.",
        find=_without("Front Doors that use it", *_POLICY_LINKS, cost=_policy_cost),
        properties=(*_POLICY_LINKS, "sku"),
        watched=_POLICY_LINKS,
        prices=(_POLICY_MONTH,),
        saving="The monthly fee of a policy of the classic Front Door; its own rules come on top.",
        parameters=_AGE,
        links=(PRICING + "frontdoor/", LEARN + "web-application-firewall/afds/afds-overview"),
    ),
    _check(
        id="az.ipgroup.orphan",
        title="IP group that no firewall uses",
        description="A list of addresses that no firewall and no firewall policy names.",
        resource_types=(IP_GROUP,),
        remediation="Delete it.",
        find=_without("firewalls and policies that use it", "firewalls", "firewallPolicies", cost=_free),
        properties=("firewalls", "firewallPolicies"),
        watched=("firewalls", "firewallPolicies"),
        saving=_FREE,
        parameters=_AGE,
        links=(LEARN + "firewall/ip-groups",),
    ),
    _check(
        id="az.nsg.orphan",
        title="Network security group that protects nothing",
        description="It belongs to no subnet and no network interface; who reads its rules may think that it does.",
        resource_types=(SECURITY_GROUP,),
        remediation="Make sure that no template or scale set names it, then delete it.",
        find=_without("subnets and interfaces", "networkInterfaces", "subnets", cost=_free),
        properties=("networkInterfaces", "subnets"),
        watched=("networkInterfaces", "subnets"),
        saving=_FREE,
        parameters=_AGE,
        links=(LEARN + "virtual-network/network-security-groups-overview",),
    ),
    _check(
        id="az.routetable.orphan",
        title="Route table of no subnet",
        description="No subnet uses its routes.",
        resource_types=(ROUTE_TABLE,),
        remediation="Make sure that no template names it, then delete it.",
        find=_without("subnets", "subnets", cost=_free),
        properties=("subnets",),
        watched=("subnets",),
        saving=_FREE,
        parameters=_AGE,
        links=(LEARN + "virtual-network/manage-route-table",),
    ),
    _check(
        id="az.subnet.empty",
        title="Subnet that nothing is in",
        description="It takes a range of addresses that other subnets could use. Subnets that are handed over to a "
        "service are left out.",
        resource_types=(SUBNET,),
        remediation="Ask whether something is planned for it, then delete it.",
        find=_without("what is in it", *_SUBNET_USES, cost=_free),
        properties=_SUBNET_USES,
        watched=("ipConfigurations", "privateEndpoints"),
        saving=_FREE,
        parameters=_AGE,
        links=(LEARN + "virtual-network/virtual-network-manage-subnet",),
    ),
    _check(
        id="az.apiconnection.orphan",
        title="API connection that no logic app uses",
        description="It keeps a sign-in to another service alive that nothing needs. Connections for logic apps of the "
        "Standard plan are left out: these do not tell which they use.",
        area=Area.OPERATIONS,
        resource_types=(CONNECTION,),
        remediation="Make sure that no logic app of another subscription uses it, then delete it and take back the "
        "consent at the other service.",
        find=_unused_connection,
        properties=("kind",),
        saving=_FREE,
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to be there."),),
        neighbours=(Neighbours(RelationshipKind.ATTACHED_TO, LOGIC_APP),),
        absence_of=(LOGIC_APP,),
        links=(LEARN + "connectors/managed",),
    ),
    _check(
        id="az.rg.empty",
        title="Resource group without resources",
        description="Nothing is in it. Groups that a service made for itself are left out.",
        area=Area.OPERATIONS,
        resource_types=(RESOURCE_GROUP,),
        remediation="Make sure that no pipeline counts on it, then delete it; its role assignments and locks go too.",
        find=_empty_group,
        properties=("resourceCount", "managedBy"),
        saving=_FREE,
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to be there."),),
        links=(LEARN + "azure-resource-manager/management/delete-resource-group",),
    ),
)
