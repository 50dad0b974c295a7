"""Machines, groups of them, and what is reserved for them: waste, and what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.providers.gcp.google import NUMBER, PROJECT
from tests.waste.gcp_seeding import COMPUTE, OLD, REGION, ZONE, Seed, Used, ago, compute, link, number, path_of

MEGABYTE = 1_000_000
BUSY = 100 * MEGABYTE
"""Bytes an hour, either way."""
ONE_BUSY_HOUR = [90.0] + [10.0] * 23
TWO_BUSY_HOURS = [90.0] * 2 + [10.0] * 22
Values = float | Sequence[float]


def machine(
    name: str,
    kind: str = "n2-standard-4",
    *,
    cpu: Values | None = None,
    traffic: int | None = BUSY,
    memory: float | None = None,
    gpu: float | None = None,
    peaks: tuple[int, int] | None = None,
    stopped: float | None = None,
    group: str | None = None,
    born: float = OLD,
    **data: Any,
) -> Seed:
    """A machine that uses so many percent of processor, memory and GPU, and bytes an hour, either way.

    `peaks` are operations and bytes a second in the busiest minute, for reading and for writing each; `stopped` is how
    many days ago.
    """
    told: dict[str, Any] = {
        "status": "RUNNING" if stopped is None else "TERMINATED",
        "machineType": link("machineTypes", kind),
        "zone": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{ZONE}",
        "scheduling": {"provisioningModel": "STANDARD", "automaticRestart": True, "preemptible": False},
        "lastStartTimestamp": ago(born),
    }
    if stopped is not None:
        told["lastStopTimestamp"] = ago(stopped)
    if group is not None:
        made_by = path_of("instanceGroupManagers", group).replace(PROJECT, NUMBER)
        told["metadata"] = {"items": [{"key": "created-by", "value": made_by}]}
    used = _used(name, cpu, traffic if cpu is not None else None, memory, gpu, peaks)
    return compute("Instance", "instances", name, told | data, ZONE, *used, born=born)


def _used(
    name: str,
    cpu: Values | None,
    traffic: int | None,
    memory: float | None,
    gpu: float | None,
    peaks: tuple[int, int] | None,
) -> list[Used]:
    whose = {"resource.labels.instance_id": number(name), "metric.labels.instance_name": name}
    agent = {"resource.labels.instance_id": number(name)}
    found: list[Used] = []
    if cpu is not None:
        share = [each / 100 for each in cpu] if isinstance(cpu, Sequence) else cpu / 100
        found.append(Used(f"{COMPUTE}/instance/cpu/utilization", "gce_instance", whose, share))
    if traffic is not None:
        metrics = (f"{COMPUTE}/instance/network/{way}_bytes_count" for way in ("received", "sent"))
        found += [Used(metric, "gce_instance", whose, traffic) for metric in metrics]
    if memory is not None:
        # The agent tells all states: only one of them is what is used.
        for state, value in (("used", memory), ("free", 100 - memory)):
            labels = {**agent, "metric.labels.state": state}
            found.append(Used("agent.googleapis.com/memory/percent_used", "gce_instance", labels, value))
    if gpu is not None:
        for place in range(2):
            labels = {**agent, "metric.labels.gpu_number": str(place)}
            found.append(Used("agent.googleapis.com/gpu/utilization", "gce_instance", labels, gpu if place else 0))
    for what, peak in zip(("ops", "bytes"), peaks or (), strict=False):
        for way in ("read", "write"):
            metric = f"{COMPUTE}/instance/disk/max_{way}_{what}_count"
            # There is a series for each disk of the machine.
            for device, each in (("boot", 1), ("data", peak)):
                found.append(Used(metric, "gce_instance", {**agent, "metric.labels.device_name": device}, each))
    return found


def group(name: str, *, size: int, load: float, grew_to: int | None = None) -> tuple[Seed, Seed]:
    """A managed group with its autoscaler, which keeps four machines at least and wants 60 % of each."""
    labels = {
        "resource.labels.instance_group_manager_id": number(name),
        "resource.labels.autoscaler_name": f"scaler-of-{name}",
        "metric.labels.metric_type": "cpu",
    }
    capacity = 0.6 * (grew_to or size)
    used = [
        Used("autoscaler.googleapis.com/current_utilization", "autoscaler", labels, load),
        Used("autoscaler.googleapis.com/capacity", "autoscaler", labels, [capacity] + [0.6 * size] * 23),
    ]
    told = {"targetSize": size, "instanceGroup": link("instanceGroups", name), "baseInstanceName": name}
    policy = {"minNumReplicas": 4, "maxNumReplicas": 10, "cpuUtilization": {"utilizationTarget": 0.6}, "mode": "ON"}
    scaler = {"target": link("instanceGroupManagers", name), "autoscalingPolicy": policy, "status": "ACTIVE"}
    return (
        compute("InstanceGroupManager", "instanceGroupManagers", name, told, ZONE, *used),
        compute("Autoscaler", "autoscalers", f"scaler-of-{name}", scaler),
    )


def reservation(name: str, used: float | None, *, born: float = OLD, local: bool = False, **data: Any) -> Seed:
    """Ten machines that are reserved, of which so many are used."""
    properties: dict[str, Any] = {"machineType": "n2-standard-4"}
    if local:
        properties["localSsds"] = [{"diskSizeGb": "375", "interface": "NVME"}]
    held = {"count": "10", "inUseCount": "0", "instanceProperties": properties}
    labels = {"resource.labels.reservation_id": number(name), "resource.labels.location": ZONE}
    told = [] if used is None else [Used(f"{COMPUTE}/reservation/used", f"{COMPUTE}/Reservation", labels, used)]
    plain = {"specificReservation": held, "status": "READY"}
    return compute("Reservation", "reservations", name, plain | data, ZONE, *told, born=born)


def commitment(name: str, ends: float, *, status: str = "ACTIVE", renews: bool = False) -> Seed:
    """A committed use discount that ends in so many days."""
    told = {
        "status": status,
        "plan": "TWELVE_MONTH",
        "autoRenew": renews,
        "startTimestamp": ago(OLD),
        "endTimestamp": ago(-ends),
        "resources": [{"type": "VCPU", "amount": "8"}, {"type": "MEMORY", "amount": "32768"}],
    }
    return compute("Commitment", "commitments", name, told, REGION)


T4 = [{"acceleratorType": link("acceleratorTypes", "nvidia-tesla-t4"), "acceleratorCount": 2}]
LOCAL = [{"type": "SCRATCH", "deviceName": "local", "diskSizeGb": "375"}]
SPOT = {"provisioningModel": "SPOT", "preemptible": True}
SEEDS: tuple[Seed, ...] = (
    machine("idle-machine", cpu=4, traffic=100_000),
    machine("idle-spot-machine", cpu=4, traffic=100_000, scheduling=SPOT),
    machine("idle-with-local-disk", cpu=4, traffic=100_000, disks=LOCAL),
    machine("idle-and-small", "e2-micro", cpu=4, traffic=100_000),
    machine("idle-custom", "n2-custom-6-20480", cpu=4, traffic=100_000),
    # Not waste: at a threshold, too new, left out by a label, a part of something else, not known.
    machine("at-the-processor-threshold", cpu=5, traffic=100_000),
    machine("at-the-traffic-threshold", cpu=4, traffic=104_167),
    machine("machine-of-two-weeks", cpu=4, traffic=100_000, born=13),
    machine("kept-machine", cpu=4, traffic=100_000, labels={"keep": "yes"}),
    machine("unmeasured-machine"),
    machine("machine-without-traffic-told", cpu=4, traffic=None),
    machine("busy-machine", cpu=60, memory=70),
    machine("large-machine", "n2-standard-8", cpu=ONE_BUSY_HOUR, memory=20),
    machine("large-for-its-memory", "n1-standard-16", cpu=5, memory=30),
    machine("busy-for-two-hours", "n2-standard-8", cpu=TWO_BUSY_HOURS, memory=20),
    machine("full-machine", "n2-standard-8", cpu=10, memory=60),
    machine("at-the-size-threshold", "n2-standard-8", cpu=40, memory=20),
    machine("at-the-memory-threshold", "n2-standard-8", cpu=10, memory=40),
    machine("without-an-agent", "n2-standard-8", cpu=10),
    machine("large-with-local-disk", "n2-standard-8", cpu=10, memory=20, disks=LOCAL),
    machine("smallest-of-its-family", "n2-highcpu-2", cpu=10, memory=20),
    machine("idle-gpus", "n1-standard-8", cpu=60, gpu=4, guestAccelerators=T4),
    machine("gpus-at-the-threshold", "n1-standard-8", cpu=60, gpu=5, guestAccelerators=T4),
    machine("gpus-of-a-week", "n1-standard-8", cpu=60, gpu=4, guestAccelerators=T4, born=6),
    machine("gpus-without-an-agent", "n1-standard-8", cpu=4, traffic=100_000, guestAccelerators=T4),
    machine(
        "stopped-machine",
        stopped=60,
        disks=[
            {"source": link("disks", "boot-of-stopped"), "boot": True, "type": "PERSISTENT"},
            {"source": link("disks", "data-of-stopped"), "boot": False, "type": "PERSISTENT"},
        ],
    ),
    machine("stopped-lately", stopped=29, disks=[{"source": link("disks", "disk-of-stopped-lately")}]),
    machine("stopped-member", stopped=60, group="steady-group"),
    # The machines of disks.
    machine("database-host", "n2-standard-8", cpu=60, memory=70, peaks=(500, 10 * 2**20)),
    machine("ledger-host", "n2-standard-8", cpu=60, memory=70, peaks=(1000, 10 * 2**20)),
    machine("search-host", "n2-standard-8", cpu=60, memory=70, peaks=(5400, 10 * 2**20)),
    machine("archive-host", "n2-standard-8", cpu=60, memory=70, peaks=(3000, 10 * 2**20)),
    machine("quiet-host", "n2-standard-8", cpu=60, memory=70),
    *group("idle-group", size=4, load=0.3),
    *(machine(f"idle-group-{each}", "e2-standard-2", cpu=7, traffic=100_000, group="idle-group") for each in range(4)),
    *group("busy-group", size=4, load=1.5),
    *group("group-at-the-threshold", size=4, load=0.4),
    *group("group-that-grew", size=4, load=0.3, grew_to=6),
    *group("group-above-its-least", size=5, load=0.3),
    *group("steady-group", size=4, load=2.0),
    reservation("unused-reservation", 0),
    reservation("large-reservation", 4, local=True),
    reservation("half-used-reservation", 5),
    reservation("reservation-of-a-commitment", 0, commitment=link("commitments", "ending-commitment", REGION)),
    reservation("reservation-of-a-week", 0, born=6),
    reservation("reservation-being-made", 0, status="CREATING"),
    reservation("unmeasured-reservation", None),
    commitment("ending-commitment", 30),
    commitment("renewing-commitment", 30, renews=True),
    commitment("commitment-for-longer", 61),
    commitment("ended-commitment", -5, status="EXPIRED"),
)
