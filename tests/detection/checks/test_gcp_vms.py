"""Checks of machines, and what their types are made of."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.catalogue import ALL_CHECKS
from app.detection.check import Daily
from app.detection.checks.gcp_machine_types import machine_type, smallest, type_parts
from app.detection.checks.gcp_values import DISK, INSTANCE, REGION_DISK
from app.detection.checks.gcp_vms import ADDRESS
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import Provider, RelationshipKind
from app.records.detection import HOURS_A_MONTH, PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

GROUP = "//compute.googleapis.com/projects/acme/zones/us-central1-a/instanceGroupManagers/web"
DATA = "//compute.googleapis.com/projects/acme/zones/us-central1-a/disks/data"
TWIN = "//compute.googleapis.com/projects/acme/regions/us-central1/disks/twin"
PRICES = {
    "gcp.vm.n2.vcpu": ("0.03", PriceUnit.HOUR),
    "gcp.vm.n2.gib": ("0.005", PriceUnit.HOUR),
    "gcp.vm.n1.vcpu": ("0.03", PriceUnit.HOUR),
    "gcp.vm.n1.gib": ("0.004", PriceUnit.HOUR),
    "gcp.gpu.nvidia-tesla-t4": ("0.35", PriceUnit.HOUR),
    "gcp.disk.local-ssd": ("0.08", PriceUnit.GIB_MONTH),
    "gcp.disk.pd-ssd": ("0.17", PriceUnit.GIB_MONTH),
    "gcp.disk.pd-ssd.regional": ("0.34", PriceUnit.GIB_MONTH),
    "gcp.address.unused.hour": ("0.01", PriceUnit.HOUR),
}
T4 = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 2}]
MEMBER = {RelationshipKind.MEMBER_OF: (GROUP,)}


def machine(
    kind: str | None = "n2-standard-4", *, status: str = "RUNNING", born: float = 300, **properties: Any
) -> Subject:
    plain = {"id": "8006199254740991", "machineType": kind, "scheduling": {"provisioningModel": "STANDARD"}}
    return subject(INSTANCE, "web-1", status=status, created_at=ago(born), properties=plain | properties)


def idle(cpu: float = 0.01, megabytes: float = 1, days: int = 14) -> dict[str, Usage | None]:
    return {
        "cpu": flat(cpu, days),
        "received": flat(megabytes * 500_000, days),
        "sent": flat(megabytes * 500_000, days),
    }


def usual(cpu: float = 0.1, memory: float = 20) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 30), "memory": flat(memory, 30)}


def stopped(since: float | None = 45, **properties: Any) -> Subject:
    told = {} if since is None else {"lastStopTimestamp": ago(since).isoformat()}
    plain = {"disks": [{"source": DATA}, {"type": "SCRATCH"}]}
    return machine(status="TERMINATED", **(plain | told | properties))


def left(
    *, data: bool = True, twin: bool = False, address: dict[str, Any] | None = None
) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    attached = RelationshipKind.ATTACHED_TO
    disk = {"type": "pd-ssd", "sizeGb": 100}
    return {
        (attached, DISK): [subject(DISK, DATA, properties=disk)] if data else [],
        (attached, REGION_DISK): [subject(REGION_DISK, TWIN, properties=disk)] if twin else [],
        (attached, ADDRESS): [] if address is None else [subject(ADDRESS, "ip", properties=address)],
    }


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.vm.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CASES = (
    # 4 virtual CPUs for 0.12 and 16 GiB for 0.08 an hour.
    case("idle", "found", machine(), FOUND, "146.0000", usages=idle()),
    case("idle", "clear", machine(), CLEAR, usages=idle(0.9)),
    case("idle", "boundary:cpuPercent", machine(), CLEAR, usages=idle(0.05)),
    case("idle", "boundary:cpuPercent", machine(), FOUND, usages=idle(0.0499)),
    case("idle", "boundary:networkMegabytesPerDay", machine(), CLEAR, usages=idle(megabytes=5)),
    case("idle", "boundary:networkMegabytesPerDay", machine(), FOUND, usages=idle(megabytes=4.9)),
    *(case("idle", f"missing:{key}", machine(), UNKNOWN, usages=idle() | {key: None}) for key in idle()),
    case("idle", "a gap", machine(), UNKNOWN, usages=idle() | {"cpu": flat(None, 14)}),
    case("idle", "stopped", machine(status="TERMINATED"), CLEAR, usages=idle()),
    case("idle", "new", machine(born=13), CLEAR, usages=idle()),
    case("idle", "of a group", machine(), CLEAR, usages=idle(), targets=MEMBER),
    case("idle", "with GPUs", machine(guestAccelerators=T4), CLEAR, usages=idle()),
    case("idle", "Spot", machine(scheduling={"provisioningModel": "SPOT"}), FOUND, "unknown", usages=idle()),
    case("idle", "preemptible", machine(scheduling={"preemptible": True}), FOUND, "unknown", usages=idle()),
    case("idle", "a type that is not known", machine("x9-mega-2"), FOUND, "unknown", usages=idle()),
    case("idle", "no type", machine(None), UNKNOWN, usages=idle()),
    # 146 and 375 GiB for 30.
    case(
        "idle", "local disks", machine(disks=[{"type": "SCRATCH", "diskSizeGb": 375}]), FOUND, "176.0000", usages=idle()
    ),
    case(
        "idle",
        "charges before prices",
        machine("x9-mega-2"),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
        usages=idle(),
    ),
    # A tenth of 4 virtual CPUs and a fifth of 16 GiB, and a fifth more: 2 and 3.84 would do, of 2 and 8 there are.
    case("oversized", "found", machine(), FOUND, "73.0000", target="n2-standard-2", usages=usual()),
    case("oversized", "clear", machine(), CLEAR, usages=usual(0.6)),
    case("oversized", "boundary:cpuPercent", machine(), CLEAR, usages=usual(0.4)),
    case("oversized", "boundary:cpuPercent", machine(), FOUND, usages=usual(0.39)),
    case("oversized", "boundary:memoryPercent", machine(), CLEAR, usages=usual(memory=40)),
    case("oversized", "boundary:memoryPercent", machine(), FOUND, usages=usual(memory=39)),
    case("oversized", "less memory does", machine("n2-highmem-8"), FOUND, target="n2-highcpu-4", usages=usual(0.39, 3)),
    *(case("oversized", f"missing:{key}", machine(), UNKNOWN, usages=usual() | {key: None}) for key in usual()),
    case("oversized", "the smallest there is", machine("n2-highcpu-2"), CLEAR, usages=usual(0.01, 1)),
    case("oversized", "with GPUs", machine(guestAccelerators=T4), CLEAR, usages=usual()),
    case("oversized", "with local disks", machine(disks=[{"type": "SCRATCH"}]), CLEAR, usages=usual()),
    case("oversized", "of a group", machine(), CLEAR, usages=usual(), targets=MEMBER),
    case("oversized", "Spot", machine(scheduling={"provisioningModel": "SPOT"}), CLEAR, usages=usual()),
    case("oversized", "a type that is not known", machine("x9-mega-2"), CLEAR, usages=usual()),
    case("stopped_long", "found", stopped(), FOUND, "17.0000", neighbours=left()),
    case("stopped_long", "clear", machine(disks=[]), CLEAR, neighbours=left()),
    case("stopped_long", "boundary:minAgeDays", stopped(30), CLEAR, neighbours=left()),
    case("stopped_long", "boundary:minAgeDays", stopped(30.01), FOUND, neighbours=left()),
    case("stopped_long", "as scans saw it", stopped(None), FOUND, neighbours=left()),
    case("stopped_long", "of a group", stopped(), CLEAR, neighbours=left(), targets=MEMBER),
    case("stopped_long", "a disk that was not read", stopped(), FOUND, "unknown", neighbours=left(data=False)),
    # 17, 34 and 7.30.
    case(
        "stopped_long",
        "all that is left",
        stopped(disks=[{"source": DATA}, {"source": TWIN}]),
        FOUND,
        "58.3000",
        neighbours=left(twin=True, address={"addressType": "EXTERNAL"}),
    ),
    case(
        "stopped_long",
        "an address inside",
        stopped(),
        FOUND,
        "17.0000",
        neighbours=left(address={"addressType": "INTERNAL"}),
    ),
    case("stopped_long", "nothing is left", stopped(disks=[]), FOUND, "0.0000", neighbours=left(data=False)),
    case("gpu_idle", "found", machine(guestAccelerators=T4), FOUND, "511.0000", usages={"gpu": flat(1, 7)}),
    case("gpu_idle", "clear", machine(guestAccelerators=T4), CLEAR, usages={"gpu": flat(80, 7)}),
    case("gpu_idle", "boundary:gpuPercent", machine(guestAccelerators=T4), CLEAR, usages={"gpu": flat(5, 7)}),
    case("gpu_idle", "boundary:gpuPercent", machine(guestAccelerators=T4), FOUND, usages={"gpu": flat(4.9, 7)}),
    case("gpu_idle", "missing:gpu", machine(guestAccelerators=T4), UNKNOWN, usages={"gpu": None}),
    case("gpu_idle", "without GPUs", machine(), CLEAR),
    case("gpu_idle", "new", machine(guestAccelerators=T4, born=3), CLEAR, usages={"gpu": flat(0, 7)}),
    case(
        "gpu_idle",
        "Spot",
        machine(guestAccelerators=T4, scheduling={"provisioningModel": "SPOT"}),
        FOUND,
        "unknown",
        usages={"gpu": flat(0, 7)},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()


@pytest.mark.parametrize(
    ("name", "cpus", "gib", "code"),
    [
        ("n2-standard-4", "4", "16", "gcp.vm.n2"),
        ("n1-highmem-2", "2", "13", "gcp.vm.n1"),
        ("n1-highcpu-64", "64", "57.6", "gcp.vm.n1"),
        ("c4-standard-2", "2", "7", "gcp.vm.c4"),
        ("c4-standard-4", "4", "15", "gcp.vm.c4"),
        ("e2-micro", "0.25", "1", "gcp.vm.e2"),
        ("a2-highgpu-1g", "12", "85", "gcp.vm.a2"),
        ("custom-4-8192", "4", "8", "gcp.vm.n1.custom"),
        ("n2-custom-6-20480", "6", "20", "gcp.vm.n2.custom"),
        ("e2-custom-2-4096", "2", "4", "gcp.vm.e2"),
    ],
)
def test_what_types_are_made_of(name: str, cpus: str, gib: str, code: str) -> None:
    found = machine_type(name)
    assert found is not None
    assert (found.cpus, found.gib, found.code) == (Decimal(cpus), Decimal(gib), code)


@pytest.mark.parametrize("name", ["", "n2-standard-5", "n2-highmem-128", "m3-ultramem-32", "c3-standard-8-lssd"])
def test_types_that_are_not_known(name: str) -> None:
    assert machine_type(name) is None
    assert type_parts(name) is None


def test_extended_memory_and_types_at_one_price() -> None:
    parts = {part.code: part.quantity / HOURS_A_MONTH for part in type_parts("n2-custom-2-32768-ext", 3) or ()}
    assert parts == {
        "gcp.vm.n2.custom.vcpu": 6,
        "gcp.vm.n2.custom.gib": 48,
        "gcp.vm.n2.custom.extended_gib": 48,
    }
    assert [part.code for part in type_parts("f1-micro") or ()] == ["gcp.vm.f1-micro"]


def test_the_smallest_that_does() -> None:
    now = machine_type("n2-standard-8")
    assert now is not None
    found = [smallest(now, Decimal(cpus), Decimal(gib)) for cpus, gib in ((3, 2), (3, 12), (3, 30), (9, 2))]
    assert [each and each.name for each in found] == ["n2-highcpu-4", "n2-standard-4", "n2-highmem-4", None]


def test_no_percentile_is_asked_of_google() -> None:
    """All metrics that are read are plain numbers, of which Cloud Monitoring refuses percentiles."""
    asked = {
        (check.id, metric.name)
        for check in ALL_CHECKS
        if check.provider is Provider.GCP
        for metric in check.metrics
        if metric.daily is Daily.P95
    }
    assert asked == set()
