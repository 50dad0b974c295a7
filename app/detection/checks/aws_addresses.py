"""Elastic IP addresses and network interfaces that are attached to nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.aws_ebs import INSTANCE, stopped_since
from app.detection.checks.aws_ec2 import EIP, EIP_HOUR
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.savings import hours, nothing, whole
from app.records import Provider, RelationshipKind
from app.records.conditions import Older, Since, StatusIn
from app.records.detection import Confidence, Remedy, Severity

INTERFACE: Final = "AWS::EC2::NetworkInterface"
_AMAZON: Final = "amazon"
"""The pool of addresses that Amazon lends; a customer's own addresses cost nothing."""
_AVAILABLE: Final = "available"


def _idle_address(facts: Facts) -> Finding | None:
    address = facts.subject
    pool = address.text("publicIpv4Pool")
    if address.text("serviceManaged") is not None or pool not in {None, _AMAZON}:
        return None
    idle = _idle_since(facts)
    if idle is None or not facts.is_older(idle[1], MIN_AGE_DAYS):
        return None
    why, since = idle
    return Finding(
        saving=whole(facts, hours(EIP_HOUR, "hours")),
        evidence=(Evidence("state", why), Evidence("since, at the latest", since.isoformat())),
        part_of=address.text("instanceId"),
    )


def _idle_since(facts: Facts) -> tuple[str, datetime] | None:
    """Why nothing answers at the address, and since when; None where something does."""
    address = facts.subject
    instance, interface = address.text("instanceId"), address.text("networkInterfaceId")
    if instance is not None:
        since = stopped_since(_neighbour(facts, INSTANCE, instance))
        return None if since is None else (f"associated to {instance}, which is stopped", since)
    if interface is not None:
        found = _neighbour(facts, INTERFACE, interface)
        since = max(found.status_since or found.first_seen_at, address.same_since("associationId"))
        return (f"associated to {interface}, which is detached", since) if found.status == _AVAILABLE else None
    if address.text("associationId") is not None:
        return None
    return ("associated to nothing", address.same_since("associationId"))


def _neighbour(facts: Facts, resource_type: str, native_id: str) -> Subject:
    for found in facts.related(RelationshipKind.ATTACHED_TO, resource_type):
        if found.native_id == native_id:
            return found
    message = f"What it is associated to is not in the inventory: {native_id}."
    raise UnknownFactError(message)


def _orphaned_interface(facts: Facts) -> Finding | None:
    interface = facts.subject
    if interface.flag("requesterManaged"):
        return None
    since = facts.status_since()
    return Finding(
        saving=nothing("A network interface costs nothing; an Elastic IP address on it is found on its own."),
        evidence=(
            Evidence("state", _AVAILABLE),
            Evidence("detached since, at the latest", since.isoformat()),
            Evidence("description", interface.text("description") or "none"),
        ),
    )


CHECKS: Final = (
    Check(
        id="aws.eip.idle",
        title="Elastic IP address that leads nowhere",
        description="A public IPv4 address is paid by the hour. Nothing answers at one that is associated to nothing, "
        "to a stopped instance or to a detached network interface. Addresses that services manage, and those of one's "
        "own pools, are left out.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(EIP,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Make sure that no DNS record, firewall or partner counts on the address, for it may not be had "
        "back. Then disassociate and release it.",
        find=_idle_address,
        properties=("associationId", "instanceId", "networkInterfaceId", "serviceManaged", "publicIpv4Pool"),
        watched=("associationId",),
        prices=(EIP_HOUR,),
        saving="All hours of the address.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to lead nowhere."),),
        neighbours=(
            Neighbours(RelationshipKind.ATTACHED_TO, INSTANCE, ("stateChangedAt",), outgoing=True),
            Neighbours(RelationshipKind.ATTACHED_TO, INTERFACE, outgoing=True),
        ),
        links=(
            "https://aws.amazon.com/vpc/pricing/",
            "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html",
        ),
    ),
    Check(
        id="aws.eni.orphan",
        title="Network interface that is attached to nothing",
        description="Left behind by an instance or a container that is gone, it takes a private address of its subnet "
        "and keeps security groups and subnets from being deleted. Those that AWS services manage are left out.",
        provider=Provider.AWS,
        area=Area.NETWORK,
        resource_types=(INTERFACE,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Read its description, which often names what made it. Delete it if that is gone.",
        find=_orphaned_interface,
        only_where=(StatusIn((_AVAILABLE,)), Older(MIN_AGE_DAYS, Since.STATUS)),
        properties=("requesterManaged", "description"),
        saving="Nothing is paid for it.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to be detached."),),
        links=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html",),
    ),
)
