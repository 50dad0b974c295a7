"""Capacity that is kept for machines that are not there: reservations and dedicated hosts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.az_facts import (
    LEARN,
    MACHINE,
    PRICING,
    SCALE_SET,
    capacity,
    listed,
    shown_since,
    sku,
    so_since,
)
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.savings import hours, in_all, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Severity

GROUP: Final = "microsoft.compute/capacityreservationgroups"
RESERVATION: Final = "microsoft.compute/capacityreservationgroups/capacityreservations"
HOST: Final = "microsoft.compute/hostgroups/hosts"
_RESERVATIONS: Final = Neighbours(RelationshipKind.MEMBER_OF, RESERVATION, ("sku",), costs=True)
_MACHINES: Final = Neighbours(RelationshipKind.MEMBER_OF, MACHINE)
_SETS: Final = Neighbours(RelationshipKind.MEMBER_OF, SCALE_SET)


def _is_empty(facts: Facts, of: str, *kinds: str) -> bool:
    """Whether neither the document nor a machine says that a machine is in it."""
    if listed(facts.subject, of):
        return False
    for kind in kinds:
        facts.none_other(kind)
        if facts.related(RelationshipKind.MEMBER_OF, kind):
            return False
    return True


def _empty_group(facts: Facts) -> Finding | None:
    since = so_since(facts, "virtualMachinesAssociated")
    if not _is_empty(facts, "virtualMachinesAssociated", MACHINE, SCALE_SET) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    facts.none_other(RESERVATION)
    reserved = {
        each.native_id: (each, sku(each), capacity(each, otherwise=0))
        for each in facts.related(RelationshipKind.MEMBER_OF, RESERVATION)
    }
    parts = [
        replace(hours(f"az.vm.{size}.linux", f"hours of {size} in {name.rpartition('/')[2]}", count), of=each)
        for name, (each, size, count) in sorted(reserved.items())
        if count
    ]
    if not parts:
        return None
    kept = ", ".join(f"{count:f} x {size}" for _, size, count in reserved.values())
    evidence = (Evidence("machines", "none"), Evidence("reserved", kept), shown_since(since))
    return Finding(saving=in_all(facts, *parts), evidence=evidence, covers_parts=True)


def _empty_host(facts: Facts) -> Finding | None:
    since = so_since(facts, "virtualMachines")
    if not _is_empty(facts, "virtualMachines", MACHINE) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, hours(f"az.host.{sku(facts.subject)}", "hours")),
        evidence=(Evidence("machines", "none"), shown_since(since)),
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.COMPUTE, severity=Severity.HIGH)
CHECKS: Final = (
    _check(
        id="az.capacity_reservation_empty",
        title="Reserved capacity that no machine uses",
        description="Capacity that is reserved on demand is paid as if machines ran in it.",
        resource_types=(GROUP,),
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Ask who counts on it, for a disaster say. Put machines in the group, lower the number that is "
        "reserved, or delete the reservations and the group.",
        find=_empty_group,
        properties=("virtualMachinesAssociated",),
        watched=("virtualMachinesAssociated",),
        prices=("az.vm.*",),
        saving="All hours of the machines that it is reserved for.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there and empty."),),
        neighbours=(_RESERVATIONS, _MACHINES, _SETS),
        absence_of=(MACHINE, SCALE_SET, RESERVATION),
        links=(LEARN + "virtual-machines/capacity-reservation-overview", PRICING + "virtual-machines/linux/"),
    ),
    _check(
        id="az.host.empty",
        title="Dedicated host without machines",
        description="A dedicated host is paid by the hour, however many machines run on it.",
        resource_types=(HOST,),
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Make sure that nobody is about to use it, then delete the host and, if it was the last, its "
        "group. With a reservation for it, find out first what becomes of that.",
        find=_empty_host,
        properties=("virtualMachines", "sku"),
        watched=("virtualMachines",),
        prices=("az.host.*",),
        saving="All hours of the host.",
        parameters=(days(MIN_AGE_DAYS, 1, "How long it has to be there and empty."),),
        neighbours=(_MACHINES,),
        absence_of=(MACHINE,),
        links=(PRICING + "virtual-machines/dedicated-host/", LEARN + "virtual-machines/dedicated-hosts"),
    ),
)
