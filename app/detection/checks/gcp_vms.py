"""Compute Engine machines that do nothing, are stopped for long, or are larger than they have to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from app.detection.check import (
    LOOKBACK_DAYS,
    MIN_AGE_DAYS,
    Area,
    Check,
    Daily,
    Metric,
    Neighbours,
    Parameter,
    days,
    percent,
)
from app.detection.checks.gcp_disks import DISK_PRICES, DISK_PROPERTIES, disk_parts
from app.detection.checks.gcp_machine_types import (
    MACHINE_PRICES,
    MACHINE_PRICING,
    MACHINE_PROPERTIES,
    gpu_parts,
    has_local_disks,
    is_on_demand,
    machine_type,
    not_known,
    running_cost,
    smallest,
    type_parts,
)
from app.detection.checks.gcp_values import (
    DISK,
    INSTANCE,
    MANAGER,
    REGION_DISK,
    is_member,
    last,
    listed,
    stopped_since,
    window,
    word,
)
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, exact, has_lived
from app.detection.savings import Part, difference, hours, in_all, nothing, part, unknown
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

ADDRESS: Final = "compute.googleapis.com/Address"
UNUSED_ADDRESS_HOUR: Final = "gcp.address.unused.hour"
_INSTANCE_ID: Final = (("resource.labels.instance_id", "properties.id"),)
_CPU_NAME: Final = "compute.googleapis.com/instance/cpu/utilization"
_CPU: Final = Metric("cpu", _CPU_NAME, Daily.MAXIMUM, "gce_instance", _INSTANCE_ID)
# Of figures that are no distributions Cloud Monitoring offers no percentiles, see ALIGN_PERCENTILE_95 at
# https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Aligner: hours are read instead.
_USUAL_CPU: Final = Metric("cpu", _CPU_NAME, Daily.P95_HOURS, "gce_instance", _INSTANCE_ID)
_RECEIVED: Final = Metric(
    "received", "compute.googleapis.com/instance/network/received_bytes_count", Daily.SUM, "gce_instance", _INSTANCE_ID
)
_SENT: Final = Metric(
    "sent", "compute.googleapis.com/instance/network/sent_bytes_count", Daily.SUM, "gce_instance", _INSTANCE_ID
)
_MEMORY: Final = Metric(
    "memory",
    "agent.googleapis.com/memory/percent_used",
    Daily.P95_HOURS,
    "gce_instance",
    (*_INSTANCE_ID, ("metric.labels.state", "=used")),
)
_GPU: Final = Metric("gpu", "agent.googleapis.com/gpu/utilization", Daily.MAXIMUM, "gce_instance", _INSTANCE_ID)
_MEMBERSHIP: Final = Neighbours(RelationshipKind.MEMBER_OF, MANAGER, outgoing=True)
_DISK_KINDS: Final = (DISK, REGION_DISK)
_DISKS: Final = tuple(
    Neighbours(RelationshipKind.ATTACHED_TO, kind, DISK_PROPERTIES, costs=True) for kind in _DISK_KINDS
)
_ADDRESSES: Final = Neighbours(RelationshipKind.ATTACHED_TO, ADDRESS, ("addressType", "ipVersion"), costs=True)
_HUNDRED: Final = Decimal(100)
_MEGABYTE: Final = Decimal(1_000_000)
_HEADROOM: Final = Decimal("1.2")
_OPS_AGENT: Final = "https://cloud.google.com/stackdriver/docs/solutions/agents/ops-agent"
_SYSTEM_METRICS: Final = "https://cloud.google.com/monitoring/api/metrics_gcp_c#gcp-compute"


def _idle(facts: Facts) -> Finding | None:
    instance = facts.subject
    has_gpus = bool(listed(instance, "guestAccelerators"))
    if instance.status != "RUNNING" or is_member(facts) or has_gpus or not has_lived(facts):
        return None
    cpu = exact(facts.usage("cpu").maximum) * _HUNDRED
    traffic = busiest_day(facts, "received", "sent") / _MEGABYTE
    if cpu >= facts.threshold("cpuPercent") or traffic >= facts.threshold("networkMegabytesPerDay"):
        return None
    return Finding(
        saving=running_cost(facts),
        evidence=(
            Evidence("busiest moment", f"{cpu:f}", "% CPU"),
            Evidence("busiest day", f"{traffic:f}", "MB sent and received"),
            window(facts),
        ),
    )


def _oversized(facts: Facts) -> Finding | None:
    instance = facts.subject
    if instance.status != "RUNNING" or is_member(facts) or not is_on_demand(instance):
        return None
    now = machine_type(word(instance, "machineType"))
    if now is None or listed(instance, "guestAccelerators") or has_local_disks(instance):
        return None
    cpu = exact(facts.usage("cpu").maximum) * _HUNDRED
    memory = exact(facts.usage("memory").maximum)
    if cpu >= facts.threshold("cpuPercent") or memory >= facts.threshold("memoryPercent"):
        return None
    target = smallest(now, now.cpus * cpu / 100 * _HEADROOM, now.gib * memory / 100 * _HEADROOM)
    if target is None:
        return None
    return Finding(
        saving=difference(
            facts,
            now=type_parts(now.name, label=" as it is") or (),
            then=type_parts(target.name, label=f" as {target.name}") or (),
        ),
        evidence=(
            Evidence("type", f"{now.name}: {now.cpus} virtual CPUs, {now.gib:f} GiB"),
            Evidence("target", f"{target.name}: {target.cpus} virtual CPUs, {target.gib:f} GiB"),
            Evidence("processor, p95 of the busiest day", f"{cpu:f}", "%"),
            Evidence("memory, p95 of the fullest day", f"{memory:f}", "%"),
            window(facts),
        ),
        target=target.name,
    )


def _stopped_long(facts: Facts) -> Finding | None:
    since = stopped_since(facts.subject)
    if since is None or is_member(facts) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=_left_behind(facts),
        evidence=(Evidence("state", "stopped"), Evidence("stopped since", since.isoformat())),
        covers_parts=True,
    )


def _left_behind(facts: Facts) -> Saving:
    """What is paid for a stopped machine: its disks and its static addresses."""
    disks = {each.native_id for kind in _DISK_KINDS for each in facts.related(RelationshipKind.ATTACHED_TO, kind)}
    named = {str(disk["source"]) for disk in listed(facts.subject, "disks") if disk.get("source")}
    if named - disks:
        return unknown(f"Its disks were not all read: {', '.join(sorted(map(last, named - disks)))}.")
    parts = list(_parts(facts))
    return in_all(facts, *parts) if parts else nothing("It has no disks and no static addresses.")


def _parts(facts: Facts) -> Iterator[Part]:
    for kind in _DISK_KINDS:
        for disk in facts.related(RelationshipKind.ATTACHED_TO, kind):
            for one in disk_parts(disk):
                yield replace(one, label=f"{one.label} of {disk.name}", of=disk)
    for address in facts.related(RelationshipKind.ATTACHED_TO, ADDRESS):
        if address.text("addressType") == "EXTERNAL" and address.text("ipVersion") != "IPV6":
            yield replace(hours(UNUSED_ADDRESS_HOUR, f"hours of {address.name}"), of=address)


def _gpu_idle(facts: Facts) -> Finding | None:
    instance = facts.subject
    accelerators = listed(instance, "guestAccelerators")
    if instance.status != "RUNNING" or not accelerators or is_member(facts) or not has_lived(facts):
        return None
    busiest = exact(facts.usage("gpu").maximum)
    if busiest >= facts.threshold("gpuPercent"):
        return None
    kinds = [f"{each.get('acceleratorCount', 1)} {last(str(each.get('acceleratorType')))}" for each in accelerators]
    return Finding(
        saving=_price_of_gpus(facts),
        evidence=(
            Evidence("GPUs", ", ".join(kinds)),
            Evidence("busiest moment of any", f"{busiest:f}", "%"),
            window(facts),
        ),
    )


def _price_of_gpus(facts: Facts) -> Saving:
    if not is_on_demand(facts.subject):
        return not_known(f"{word(facts.subject, 'machineType')} on Spot")
    return part(facts, *gpu_parts(listed(facts.subject, "guestAccelerators")))


CHECKS: Final = (
    Check(
        id="gcp.vm.idle",
        title="Machine that does nothing",
        description="Neither its processor nor its network was busy at any time. Machines of managed groups and of "
        "clusters are left out, and those with GPUs, which have a check of their own.",
        provider=Provider.GCP,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Ask its owner. Stop the machine, which ends the payment for it but not for its disks; if nobody "
        "misses it for some weeks, make a snapshot of what is needed and delete it.",
        find=_idle,
        properties=(*MACHINE_PROPERTIES, "id"),
        prices=MACHINE_PRICES,
        saving="All hours of its processor, memory and local disks, without licences of its system.",
        parameters=(
            percent("cpuPercent", 5, "Even the busiest moment has to need less of the processor than this."),
            Parameter("networkMegabytesPerDay", Decimal(5), "MB", "Each day has to have less traffic than this."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _RECEIVED, _SENT),
        neighbours=(_MEMBERSHIP,),
        links=(MACHINE_PRICING, _SYSTEM_METRICS),
    ),
    Check(
        id="gcp.vm.oversized",
        title="Machine that is larger than it has to be",
        description="Processor and memory are used for a small part only, so a smaller type of the same family does. "
        "Memory is told by the Ops Agent only; where it does not run, nothing is found. Machines with GPUs or local "
        "disks are left out, and those of managed groups and clusters.",
        provider=Provider.GCP,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Stop the machine, set the machine type told as the target, start it and watch it for some days.",
        find=_oversized,
        properties=(*MACHINE_PROPERTIES, "id"),
        prices=MACHINE_PRICES,
        saving="Price of the type less the price of the smallest of its family that leaves a fifth of room.",
        parameters=(
            percent("cpuPercent", 40, "95 % of the hours of each day have to need less of the processor than this."),
            percent("memoryPercent", 40, "95 % of the hours of each day have to need less of the memory than this."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_USUAL_CPU, _MEMORY),
        neighbours=(_MEMBERSHIP,),
        links=(
            MACHINE_PRICING,
            "https://cloud.google.com/compute/docs/instances/changing-machine-type-of-stopped-instance",
            _OPS_AGENT,
        ),
    ),
    Check(
        id="gcp.vm.stopped_long",
        title="Machine that has long been stopped",
        description="A stopped machine costs nothing itself, but its disks and its static addresses are paid on.",
        provider=Provider.GCP,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Ask its owner. Make a machine image of it if it may be needed again, then delete it with its "
        "disks, and release its addresses.",
        find=_stopped_long,
        properties=("disks", "lastStopTimestamp"),
        prices=(*DISK_PRICES, UNUSED_ADDRESS_HOUR),
        saving="All of its disks and static external addresses.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to be stopped."),),
        neighbours=(_MEMBERSHIP, *_DISKS, _ADDRESSES),
        links=(MACHINE_PRICING, "https://cloud.google.com/compute/docs/instances/stop-start-instance"),
    ),
    Check(
        id="gcp.vm.gpu_idle",
        title="Machine whose GPUs do nothing",
        description="None of its GPUs was busy at any time. GPUs are told by the Ops Agent only; where it does not "
        "run, nothing is found.",
        provider=Provider.GCP,
        area=Area.COMPUTE,
        resource_types=(INSTANCE,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Stop the machine if it is not needed, else take its GPUs away while it is stopped; types that "
        "come with GPUs have to be changed to another type.",
        find=_gpu_idle,
        properties=(*MACHINE_PROPERTIES, "id"),
        prices=MACHINE_PRICES,
        saving="All hours of the GPUs; with the whole machine stopped, those of its processor and memory too.",
        parameters=(
            percent("gpuPercent", 5, "Even the busiest moment has to need less of each GPU than this."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_GPU,),
        neighbours=(_MEMBERSHIP,),
        links=("https://cloud.google.com/compute/gpus-pricing", _OPS_AGENT),
    ),
)
