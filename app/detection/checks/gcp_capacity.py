"""Capacity that is held and not used: groups with too many machines, reservations, commitments that end."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Neighbours, Parameter, days, percent
from app.detection.checks.gcp_machine_types import (
    MACHINE_PRICES,
    MACHINE_PRICING,
    gpu_parts,
    is_on_demand,
    not_known,
    type_parts,
)
from app.detection.checks.gcp_values import INSTANCE, MANAGER, at, number, window, word
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived
from app.detection.savings import Part, nothing, of_several, part, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

AUTOSCALER: Final = "compute.googleapis.com/Autoscaler"
RESERVATION: Final = "compute.googleapis.com/Reservation"
COMMITMENT: Final = "compute.googleapis.com/Commitment"
_GROUP_ID: Final = (("resource.labels.instance_group_manager_id", "properties.id"),)
_LOAD: Final = Metric("load", "autoscaler.googleapis.com/current_utilization", Daily.MAXIMUM, "autoscaler", _GROUP_ID)
_CAPACITY: Final = Metric("capacity", "autoscaler.googleapis.com/capacity", Daily.MAXIMUM, "autoscaler", _GROUP_ID)
_USED: Final = Metric(
    "used",
    "compute.googleapis.com/reservation/used",
    Daily.MAXIMUM,
    "compute.googleapis.com/Reservation",
    (("resource.labels.reservation_id", "properties.id"),),
)
_A_LITTLE_MORE: Final = Decimal("1.01")
"""Capacity is a product of fractions, told as a binary one."""
_RESERVATION_PROPERTIES: Final = ("id", "specificReservation", "commitment")
_RESERVATIONS: Final = "https://cloud.google.com/compute/docs/instances/reservations-overview"
_WEEK: Final = days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90)


def _group_idle(facts: Facts) -> Finding | None:
    group = facts.subject
    scaler = next(iter(facts.related(RelationshipKind.ATTACHED_TO, AUTOSCALER)), None)
    target = None if scaler is None else at(scaler, "autoscalingPolicy.cpuUtilization.utilizationTarget")
    if scaler is None or target is None or not has_lived(facts):
        return None
    least, size = number(scaler, "autoscalingPolicy.minNumReplicas"), number(group, "targetSize")
    load, capacity = exact(facts.usage("load").maximum), exact(facts.usage("capacity").maximum)
    wanted = exact(target)
    if size != least or size == 0 or capacity > wanted * least * _A_LITTLE_MORE:
        return None  # it grew in the window, so the least size was not all that was needed
    cpu = load * 100 / size
    needed = max((load / wanted).to_integral_value(ROUND_CEILING), facts.threshold("leastMachines"))
    if cpu >= facts.threshold("cpuPercent") or needed >= size:
        return None
    return Finding(
        saving=_cost_of_members(facts, size - needed),
        evidence=(
            Evidence("machines at least", f"{least:f}"),
            Evidence("processor of a machine, busiest moment", f"{cpu:.1f}", "%"),
            window(facts),
        ),
        target=f"{needed:f} machines at least",
    )


def _cost_of_members(facts: Facts, count: Decimal) -> Saving:
    members = facts.related(RelationshipKind.MEMBER_OF, INSTANCE)
    kinds = {word(member, "machineType") for member in members}
    if len(kinds) != 1 or not all(map(is_on_demand, members)):
        return unknown("Its machines were not read, are of several types, or are Spot machines.")
    name = kinds.pop()
    now, saved = type_parts(name, len(members)), type_parts(name, count)
    return not_known(name) if now is None or saved is None else of_several(facts, members, now=now, saved=saved)


def _reservation_idle(facts: Facts) -> Finding | None:
    held, used = _held_and_used(facts)
    return _reservation_finding(facts, held, used) if held > 0 and used == 0 else None


def _reservation_underused(facts: Facts) -> Finding | None:
    held, used = _held_and_used(facts)
    if held == 0 or used == 0 or used * 100 >= held * facts.threshold("usedPercent"):
        return None
    return _reservation_finding(facts, held, used)


def _held_and_used(facts: Facts) -> tuple[Decimal, Decimal]:
    """How many machines are reserved, and how many of them were used at most; none for what is not to be judged."""
    reservation = facts.subject
    if reservation.status != "READY" or reservation.text("commitment") or not has_lived(facts):
        return Decimal(0), Decimal(0)
    return number(reservation, "specificReservation.count"), exact(facts.usage("used").maximum)


def _reservation_finding(facts: Facts, held: Decimal, used: Decimal) -> Finding:
    parts = _reserved_parts(facts, held - used)
    name = word(facts.subject, "specificReservation.instanceProperties.machineType").rpartition("/")[2]
    if parts is None:
        saving = not_known(name) if used or facts.cost is None else whole(facts)
    else:
        saving = part(facts, *parts) if used else whole(facts, *parts)
    return Finding(
        saving=saving,
        evidence=(
            Evidence("reserved", f"{held:f}", name),
            Evidence("used at most", f"{used:f}", "machines"),
            window(facts),
        ),
        target=f"{used:f} machines" if used else None,
    )


def _reserved_parts(facts: Facts, count: Decimal) -> list[Part] | None:
    machine: Any = at(facts.subject, "specificReservation.instanceProperties") or {}
    parts = type_parts(str(machine.get("machineType", "")).rpartition("/")[2], count)
    if parts is None:
        return None
    parts += gpu_parts(machine.get("guestAccelerators") or (), count)
    disks = [Decimal(str(disk.get("diskSizeGb", 375))) for disk in machine.get("localSsds") or ()]
    if disks:
        size = sum(disks, Decimal(0)) * count
        parts.append(Part("gcp.disk.local-ssd", size, PriceUnit.GIB_MONTH, "GiB of local SSDs"))
    return parts


def _expiring(facts: Facts) -> Finding | None:
    commitment = facts.subject
    if commitment.status != "ACTIVE" or at(commitment, "autoRenew") is True:
        return None
    ends = commitment.moment("endTimestamp")
    if ends is None:
        message = f"When {commitment.name} ends is not known."
        raise UnknownFactError(message)
    within = timedelta(days=float(facts.threshold("withinDays")))
    if not facts.now < ends < facts.now + within:
        return None
    covers = ", ".join(f"{each.get('amount')} {each.get('type')}" for each in at(commitment, "resources") or ())
    return Finding(
        saving=nothing("Nothing is wasted until it ends; then what it covers costs the price on demand."),
        evidence=(Evidence("ends", ends.isoformat()), Evidence("covers", covers or "not told")),
    )


def _reservation(short: str, title: str, description: str, **rest: Any) -> Check:
    return Check(
        id=f"gcp.reservation.{short}",
        title=title,
        description=f"{description} Machines that are reserved are paid like machines that run, whether there are any "
        "or not. Reservations that belong to a commitment are left out: they cannot be deleted before it ends.",
        provider=Provider.GCP,
        area=Area.COMMITMENTS,
        resource_types=(RESERVATION,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        properties=_RESERVATION_PROPERTIES,
        prices=MACHINE_PRICES,
        metrics=(_USED,),
        links=(MACHINE_PRICING, _RESERVATIONS),
        **rest,
    )


CHECKS: Final = (
    Check(
        id="gcp.mig.idle",
        title="Managed group that keeps more machines than it needs",
        description="The group was at its least size all the time, and its machines did next to nothing. Only groups "
        "that an autoscaler looks after by their processors are judged.",
        provider=Provider.GCP,
        area=Area.COMPUTE,
        resource_types=(MANAGER,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Lower the least number of machines of the autoscaler to the target; keep one in each of two zones "
        "where the group has to outlive a zone. Or choose a smaller machine type in the template.",
        find=_group_idle,
        properties=("id", "targetSize"),
        prices=MACHINE_PRICES,
        saving="Price of the machines beyond those that the busiest moment needs.",
        parameters=(
            percent("cpuPercent", 10, "Even in the busiest moment a machine has to need less than this on average."),
            Parameter("leastMachines", Decimal(1), "machines", "So many are always left.", least=Decimal(1)),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_LOAD, _CAPACITY),
        neighbours=(
            Neighbours(RelationshipKind.ATTACHED_TO, AUTOSCALER, ("autoscalingPolicy",)),
            Neighbours(RelationshipKind.MEMBER_OF, INSTANCE, ("machineType", "scheduling"), costs=True),
        ),
        links=(
            "https://cloud.google.com/compute/docs/autoscaler",
            "https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-autoscaler",
        ),
    ),
    _reservation(
        "idle",
        "Reservation that nothing uses",
        "No machine used it at any time.",
        remedy=Remedy.DELETE,
        remediation="Ask whether it is kept for a launch or an emergency. If not, delete the reservation.",
        find=_reservation_idle,
        saving="All machines that are reserved.",
        parameters=(_WEEK,),
    ),
    _reservation(
        "underused",
        "Reservation that is larger than what is used of it",
        "Even at the busiest time less than half of it was used.",
        remedy=Remedy.RESIZE,
        remediation="Lower the number of machines of the reservation to the target, with some room for growth.",
        find=_reservation_underused,
        saving="Price of the machines that were never used.",
        parameters=(percent("usedPercent", 50, "Less than this of the machines has to be used at any time."), _WEEK),
    ),
    Check(
        id="gcp.cud.expiring",
        title="Committed use discount that ends soon",
        description="When a commitment ends and is not renewed, what it covered is billed on demand from that hour on. "
        "How much of it is used, only charges tell.",
        provider=Provider.GCP,
        area=Area.COMMITMENTS,
        resource_types=(COMMITMENT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.REVIEW,
        remediation="Look at what it covers today and at what stays; buy a new one for the moment it ends, or let it "
        "go.",
        find=_expiring,
        properties=("endTimestamp", "autoRenew", "resources"),
        saving="None: it prevents a bill that grows.",
        parameters=(days("withinDays", 60, "It has to end within of_several days than this."),),
        links=("https://cloud.google.com/compute/docs/committed-use-discounts/managing-committed-use-discounts",),
    ),
)
