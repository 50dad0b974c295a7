"""Compute Engine's machine types: what they are made of, what they cost, and which of a family would do.

Facts of https://cloud.google.com/compute/docs/machine-resource; a family that is not here is not known, and never
guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.detection.checks.gcp_values import at, listed, word
from app.detection.facts import Facts, Subject
from app.detection.savings import Part, hours, unknown, whole
from app.records.detection import PriceUnit, Saving

MACHINE_PRICES: Final = ("gcp.vm.*", "gcp.gpu.*", "gcp.disk.local-ssd")
MACHINE_PROPERTIES: Final = ("machineType", "scheduling", "guestAccelerators", "disks")
MACHINE_PRICING: Final = "https://cloud.google.com/compute/all-pricing"
_TO_32: Final = (2, 4, 8, 16, 32)
_TO_128: Final = (*_TO_32, 48, 64, 80, 96, 128)
_OF_C2D: Final = (2, 4, 8, 16, 32, 56, 112)
_OF_C3: Final = (4, 8, 22, 44, 88, 176)
_OF_C3D: Final = (4, 8, 16, 30, 60, 90, 180, 360)
_OF_C4: Final = (2, 4, 8, 16, 24, 32, 48, 96, 144, 192)
_OF_N4: Final = _TO_128[:8]
_TYPES: Final[Mapping[str, tuple[str, Sequence[int]]]] = {
    "n1-standard": ("3.75", (1, 2, 4, 8, 16, 32, 64, 96)),
    "n1-highmem": ("6.5", (2, 4, 8, 16, 32, 64, 96)),
    "n1-highcpu": ("0.9", (2, 4, 8, 16, 32, 64, 96)),
    "e2-standard": ("4", _TO_32),
    "e2-highmem": ("8", _TO_32[:4]),
    "e2-highcpu": ("1", _TO_32),
    "n2-standard": ("4", _TO_128),
    "n2-highmem": ("8", _TO_128[:9]),
    "n2-highcpu": ("1", _TO_128[:9]),
    "n2d-standard": ("4", (*_TO_128, 224)),
    "n2d-highmem": ("8", _TO_128[:9]),
    "n2d-highcpu": ("1", (*_TO_128, 224)),
    "n4-standard": ("4", _OF_N4),
    "n4-highmem": ("8", _OF_N4),
    "n4-highcpu": ("2", _OF_N4),
    "t2d-standard": ("4", (1, 2, 4, 8, 16, 32, 48, 60)),
    "t2a-standard": ("4", (1, 2, 4, 8, 16, 32, 48)),
    "c2-standard": ("4", (4, 8, 16, 30, 60)),
    "c2d-standard": ("4", _OF_C2D),
    "c2d-highmem": ("8", _OF_C2D),
    "c2d-highcpu": ("2", _OF_C2D),
    "c3-standard": ("4", _OF_C3),
    "c3-highmem": ("8", _OF_C3),
    "c3-highcpu": ("2", _OF_C3),
    "c3d-standard": ("4", _OF_C3D),
    "c3d-highmem": ("8", _OF_C3D),
    "c4-standard": ("3.75", _OF_C4),
    "c4-highmem": ("7.75", _OF_C4),
    "c4-highcpu": ("2", _OF_C4),
    "g2-standard": ("4", (4, 8, 12, 16, 24, 32, 48, 96)),
}
"""GiB of memory a virtual CPU, and the sizes that there are."""
_WITH_GPUS: Final = {
    "a2-highgpu-1g": (12, 85),
    "a2-highgpu-2g": (24, 170),
    "a2-highgpu-4g": (48, 340),
    "a2-highgpu-8g": (96, 680),
    "a2-megagpu-16g": (96, 1360),
}
"""Virtual CPUs and GiB of types that are named by their GPUs, which machines tell apart."""
_OTHER_GIB: Final = {"c4-standard-2": 7, "c4-highmem-2": 15}
_SHARED: Final = {"e2-micro": ("0.25", 1), "e2-small": ("0.5", 2), "e2-medium": ("1", 4)}
"""Types that share a core: the part of a virtual CPU that is paid, and GiB."""
_AT_ONE_PRICE: Final = frozenset({"f1-micro", "g1-small"})
_CUSTOM: Final = re.compile(r"(?:(?P<family>[a-z0-9]+)-)?custom-(?P<cpus>\d+)-(?P<mib>\d+)(?P<extended>-ext)?")
_GIB_A_CPU: Final = {"n1": Decimal("6.5")}
"""What a custom type may have of memory before it is extended memory; 8 elsewhere."""
_MIB_A_GIB: Final = 1024


@dataclass(frozen=True, slots=True)
class MachineType:
    """One machine type, as far as prices and sizes go. `cpus` are those that are paid."""

    name: str
    family: str
    cpus: Decimal
    gib: Decimal
    extended_gib: Decimal = Decimal(0)
    code: str = ""
    """Such as `gcp.vm.n2`, of which `.vcpu` and `.gib` have prices."""


def machine_type(name: str) -> MachineType | None:
    """What a type is made of; None where that is not known."""
    if name in _SHARED:
        cpus, gib = _SHARED[name]
        return MachineType(name, "e2", Decimal(cpus), Decimal(gib), code="gcp.vm.e2")
    if name in _WITH_GPUS:
        whole_cpus, gib = _WITH_GPUS[name]
        return MachineType(name, "a2", Decimal(whole_cpus), Decimal(gib), code="gcp.vm.a2")
    if found := _CUSTOM.fullmatch(name):
        return _custom(name, found)
    series, _, size = name.rpartition("-")
    if series not in _TYPES or not size.isdecimal() or int(size) not in _TYPES[series][1]:
        return None
    return _made(series, int(size))


def _made(series: str, size: int) -> MachineType:
    family, name = series.partition("-")[0], f"{series}-{size}"
    gib = Decimal(_OTHER_GIB[name]) if name in _OTHER_GIB else Decimal(_TYPES[series][0]) * size
    return MachineType(name, family, Decimal(size), gib, code=f"gcp.vm.{family}")


def _custom(name: str, found: re.Match[str]) -> MachineType:
    family = found["family"] or "n1"
    cpus, gib = Decimal(found["cpus"]), Decimal(found["mib"]) / _MIB_A_GIB
    included = min(gib, cpus * _GIB_A_CPU.get(family, Decimal(8))) if found["extended"] else gib
    code = "gcp.vm.e2" if family == "e2" else f"gcp.vm.{family}.custom"
    return MachineType(name, family, cpus, included, gib - included, code)


def smallest(now: MachineType, cpus: Decimal, gib: Decimal) -> MachineType | None:
    """The smallest type of the same family that has so much, and less than there is now; None without one."""
    fitting = [
        found
        for series in _TYPES
        if series.partition("-")[0] == now.family
        for size in _TYPES[series][1]
        if (found := _made(series, size)).cpus >= cpus and found.gib >= gib and _is_less(found, now)
    ]
    return min(fitting, key=lambda found: (found.cpus, found.gib), default=None)


def _is_less(found: MachineType, now: MachineType) -> bool:
    return found.cpus <= now.cpus and found.gib <= now.gib and (found.cpus, found.gib) != (now.cpus, now.gib)


def type_parts(name: str, count: Decimal | int = 1, label: str = "") -> list[Part] | None:
    """What the processor and the memory of so many machines of a type are billed; None where it is not known."""
    if name in _AT_ONE_PRICE:
        return [hours(f"gcp.vm.{name}", f"hours{label}", count)]
    made = machine_type(name)
    if made is None:
        return None
    parts = [
        hours(f"{made.code}.vcpu", f"virtual CPU hours{label}", made.cpus * count),
        hours(f"{made.code}.gib", f"GiB hours{label}", made.gib * count),
    ]
    if made.extended_gib:
        parts.append(
            hours(f"{made.code}.extended_gib", f"GiB hours of extended memory{label}", made.extended_gib * count)
        )
    return parts


def gpu_parts(accelerators: Sequence[Any], count: Decimal | int = 1) -> Iterator[Part]:
    """What the GPUs of so many machines are billed."""
    for each in accelerators:
        kind = str(each.get("acceleratorType", "")).rpartition("/")[2]
        yield hours(f"gcp.gpu.{kind}", f"{kind} hours", Decimal(str(each.get("acceleratorCount", 1))) * count)


def has_local_disks(instance: Subject) -> bool:
    """Whether a machine has local SSDs, which are lost when it is stopped."""
    return any(disk.get("type") == "SCRATCH" for disk in listed(instance, "disks"))


def machine_parts(instance: Subject) -> list[Part] | None:
    """What a running machine is billed beside its disks; None where its type is not known."""
    parts = type_parts(word(instance, "machineType"))
    if parts is None:
        return None
    parts += gpu_parts(listed(instance, "guestAccelerators"))
    scratch = [disk for disk in listed(instance, "disks") if disk.get("type") == "SCRATCH"]
    local = sum((Decimal(str(disk.get("diskSizeGb", 375))) for disk in scratch), Decimal(0))
    if local:
        parts.append(Part("gcp.disk.local-ssd", local, PriceUnit.GIB_MONTH, "GiB of local SSDs"))
    return parts


def is_on_demand(instance: Subject) -> bool:
    """Whether a machine is paid at the usual price: no Spot machine, and no preemptible one."""
    model = at(instance, "scheduling.provisioningModel") or "STANDARD"
    return model != "SPOT" and at(instance, "scheduling.preemptible") is not True


def not_known(name: str) -> Saving:
    """Money of a machine type that is not known."""
    return unknown(f"What the machine type {name} is made of is not known; its charges would tell what it costs.")


def running_cost(facts: Facts) -> Saving:
    """What a machine costs while it runs, without its disks and without licences of its system."""
    instance = facts.subject
    if facts.cost is not None and facts.cost.days > 0:
        return whole(facts)
    if not is_on_demand(instance):
        return unknown("Prices of Spot machines change; only its charges tell what it costs.")
    parts = machine_parts(instance)
    return not_known(word(instance, "machineType")) if parts is None else whole(facts, *parts)
