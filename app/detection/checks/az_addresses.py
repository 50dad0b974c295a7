"""Public addresses, ranges of them, and network interfaces that lead nowhere."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.az_facts import INTERFACE, LEARN, PRICING, listed, shown_since, sku, so_since
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.savings import hours, nothing, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

ADDRESS: Final = "microsoft.network/publicipaddresses"
PREFIX: Final = "microsoft.network/publicipprefixes"
_USES: Final = ("ipConfiguration", "natGateway", "publicIPPrefix")
"""Whatever leads to an address; one of a range is paid with its range."""
_OWNERS: Final = ("virtualMachine", "privateEndpoint", "privateLinkService")
_ADDRESS_BITS: Final = 32
_ON_INTERFACE: Final = Neighbours(
    RelationshipKind.ATTACHED_TO, INTERFACE, (*_OWNERS, "hostedWorkloads"), watched=("virtualMachine",), outgoing=True
)


def _unattached(facts: Facts) -> Finding | None:
    address = facts.subject
    if address.text("natGateway") or address.text("publicIPPrefix"):
        return None
    idle = _on_orphan(facts) if address.text("ipConfiguration") else ("attached to nothing", so_since(facts, *_USES))
    if idle is None or not facts.is_older(idle[1], MIN_AGE_DAYS):
        return None
    why, since = idle
    return Finding(saving=_address_cost(facts), evidence=(Evidence("state", why), shown_since(since)))


def _on_orphan(facts: Facts) -> tuple[str, datetime] | None:
    """That the interface an address is on has no owner, and since when; None where something answers there."""
    named = [id_ for id_ in facts.targets.get(RelationshipKind.ATTACHED_TO, ()) if f"/{INTERFACE}/" in id_]
    found = {each.native_id: each for each in facts.related(RelationshipKind.ATTACHED_TO, INTERFACE)}
    for id_ in named:
        interface = found.get(id_)
        if interface is None:
            message = f"What it is attached to is not in the inventory: {id_}."
            raise UnknownFactError(message)
        if is_orphan(interface):
            since = max(interface.same_since("virtualMachine"), so_since(facts, *_USES))
            return f"on {interface.name}, which belongs to nothing", since
    return None


def is_orphan(interface: Subject) -> bool:
    """Whether an interface belongs to no machine, endpoint or service."""
    return not any(interface.text(owner) for owner in _OWNERS) and not listed(interface, "hostedWorkloads")


def _address_cost(facts: Facts) -> Saving:
    address = facts.subject
    if address.text("publicIPAddressVersion") == "IPv6":
        return nothing("Public IPv6 addresses cost nothing.")
    if address.text("publicIPAllocationMethod") == "Dynamic":
        return nothing("A dynamic address that is attached to nothing is not given out, and costs nothing.")
    return whole(facts, hours(f"az.pip.{sku(address)}", "hours"))


def _unused_prefix(facts: Facts) -> Finding | None:
    prefix = facts.subject
    used = listed(prefix, "publicIPAddresses")
    if used or prefix.text("natGateway") or prefix.text("loadBalancerFrontendIpConfiguration"):
        return None
    if prefix.text("customIPPrefix"):
        return None  # addresses of one's own cost nothing
    since = so_since(facts, "publicIPAddresses")
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    length = int(prefix.number("prefixLength"))
    if length > _ADDRESS_BITS or prefix.text("publicIPAddressVersion") == "IPv6":
        return None
    count = Decimal(2 ** (_ADDRESS_BITS - length))
    return Finding(
        saving=whole(facts, hours("az.pip.prefix", "hours of its addresses", count)),
        evidence=(Evidence("addresses in use", "0"), Evidence("addresses", f"{count:f}"), shown_since(since)),
    )


def _orphan_interface(facts: Facts) -> Finding | None:
    interface = facts.subject
    since = so_since(facts, "virtualMachine")
    if not is_orphan(interface) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=nothing("A network interface costs nothing; a public address on it is found on its own."),
        evidence=(Evidence("belongs to", "nothing"), shown_since(since)),
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.NETWORK, confidence=Confidence.OBVIOUS, remedy=Remedy.DELETE)
_PRICES_OF_ADDRESSES: Final = PRICING + "ip-addresses/"
_WATCH_OUT: Final = (
    "Make sure that no DNS record, firewall or partner counts on it, for it cannot be had back. Then delete it."
)
CHECKS: Final = (
    _check(
        id="az.pip.unattached",
        title="Public address that leads nowhere",
        description="A static public address is paid by the hour. Nothing answers at one that is attached to nothing, "
        "or to a network interface that belongs to nothing.",
        resource_types=(ADDRESS,),
        severity=Severity.MEDIUM,
        remediation=_WATCH_OUT,
        find=_unattached,
        properties=(*_USES, "sku", "publicIPAllocationMethod", "publicIPAddressVersion"),
        watched=_USES,
        prices=("az.pip.*",),
        saving="All hours of the address.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to lead nowhere."),),
        neighbours=(_ON_INTERFACE,),
        links=(_PRICES_OF_ADDRESSES, LEARN + "virtual-network/ip-services/public-ip-addresses"),
    ),
    _check(
        id="az.pip.prefix_unused",
        title="Range of public addresses that is not used",
        description="A range is paid for each of its addresses, whether they are used or not. Ranges that a customer "
        "brought to Azure are left out, for they cost nothing.",
        resource_types=(PREFIX,),
        severity=Severity.MEDIUM,
        remediation=_WATCH_OUT,
        find=_unused_prefix,
        properties=(
            "publicIPAddresses",
            "natGateway",
            "loadBalancerFrontendIpConfiguration",
            "customIPPrefix",
            "prefixLength",
            "publicIPAddressVersion",
        ),
        watched=("publicIPAddresses",),
        prices=("az.pip.prefix",),
        saving="All hours of all its addresses.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there and unused."),),
        links=(_PRICES_OF_ADDRESSES, LEARN + "virtual-network/ip-services/public-ip-address-prefix"),
    ),
    _check(
        id="az.nic.orphan",
        title="Network interface that belongs to nothing",
        description="Left behind by a machine that is gone, it takes a private address of its subnet and keeps "
        "networks and security groups from being deleted.",
        resource_types=(INTERFACE,),
        severity=Severity.INFORMATIONAL,
        remediation="See what it was made for by its name and tags, then delete it.",
        find=_orphan_interface,
        properties=(*_OWNERS, "hostedWorkloads"),
        watched=("virtualMachine",),
        saving="Nothing is paid for it.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to belong to nothing."),),
        links=(LEARN + "virtual-network/virtual-network-network-interface",),
    ),
)
