"""EC2's instance types: what they are made of, which families came after them, and what one of them costs an hour.

Facts of https://docs.aws.amazon.com/ec2/latest/instancetypes/, written as families with their sizes: no API that is
read tells them. A type that is not here is not known, and never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from app.detection.facts import Subject, UnknownFactError
from app.detection.savings import Part, hours
from app.records.conditions import TextIn, TextNotIn

ON_DEMAND: Final = "on-demand"
ARM: Final = "arm64"
PRICED: Final = ("instanceType", "platform", "platformDetails", "lifecycle", "tenancy")
"""The properties of an instance that its price depends on."""
ON_DEMAND_ONLY: Final = (TextIn("lifecycle", (ON_DEMAND,)), TextNotIn("tenancy", ("host",)))
"""What `is_on_demand` says, as what findings need."""

_TO_16: Final = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
_TO_24: Final = f"{_TO_16} 24xlarge"
_TO_32: Final = f"{_TO_24} 32xlarge"
_TO_48: Final = f"{_TO_24} 48xlarge"
_AMD_6: Final = f"{_TO_32} 48xlarge"
_AMD_7: Final = f"medium {_AMD_6}"
_GRAVITON: Final = f"medium {_TO_16}"
_GRAVITON_4: Final = f"medium {_TO_48}"
_C5: Final = "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge"
_C5N: Final = "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge"
_R4: Final = "large xlarge 2xlarge 4xlarge 8xlarge 16xlarge"
_OLD: Final = "large xlarge 2xlarge 4xlarge 8xlarge"
_ZN: Final = "large xlarge 2xlarge 3xlarge 6xlarge 12xlarge"
_I3EN: Final = f"{_ZN} 24xlarge"

_FAMILIES: Final = {
    # General purpose: sizes, and GiB for each virtual CPU.
    "m3": ("medium large xlarge 2xlarge", "3.75"),
    "m4": ("large xlarge 2xlarge 4xlarge 10xlarge 16xlarge", "4"),
    **dict.fromkeys(("m5", "m5a", "m5n", "m5d", "m5ad", "m5dn"), (_TO_24, "4")),
    "m5zn": (_ZN, "4"),
    **dict.fromkeys(("m6i", "m6in", "m6id", "m6idn"), (_TO_32, "4")),
    "m6a": (_AMD_6, "4"),
    **dict.fromkeys(("m6g", "m6gd", "m7g", "m7gd"), (_GRAVITON, "4")),
    "m7i": (_TO_48, "4"),
    "m7i-flex": (_TO_16, "4"),
    "m7a": (_AMD_7, "4"),
    **dict.fromkeys(("m8g", "m8gd"), (_GRAVITON_4, "4")),
    # Made for computing.
    "c3": (_OLD, "1.875"),
    "c4": (_OLD, "1.875"),
    **dict.fromkeys(("c5", "c5d"), (_C5, "2")),
    **dict.fromkeys(("c5a", "c5ad"), (_TO_24, "2")),
    "c5n": (_C5N, "2.625"),
    **dict.fromkeys(("c6i", "c6in", "c6id"), (_TO_32, "2")),
    "c6a": (_AMD_6, "2"),
    **dict.fromkeys(("c6g", "c6gd", "c6gn", "c7g", "c7gd", "c7gn"), (_GRAVITON, "2")),
    "c7i": (_TO_48, "2"),
    "c7i-flex": (_TO_16, "2"),
    "c7a": (_AMD_7, "2"),
    **dict.fromkeys(("c8g", "c8gd"), (_GRAVITON_4, "2")),
    # With much memory.
    "r3": (_OLD, "7.625"),
    "r4": (_R4, "7.625"),
    **dict.fromkeys(("r5", "r5a", "r5b", "r5n", "r5d", "r5ad", "r5dn"), (_TO_24, "8")),
    **dict.fromkeys(("r6i", "r6in", "r6id", "r6idn"), (_TO_32, "8")),
    "r6a": (_AMD_6, "8"),
    **dict.fromkeys(("r6g", "r6gd", "r7g", "r7gd"), (_GRAVITON, "8")),
    "r7i": (_TO_48, "8"),
    "r7iz": (f"{_TO_16} 32xlarge", "8"),
    "r7a": (_AMD_7, "8"),
    **dict.fromkeys(("r8g", "r8gd"), (_GRAVITON_4, "8")),
    "x1": ("16xlarge 32xlarge", "15.25"),
    "x1e": ("xlarge 2xlarge 4xlarge 8xlarge 16xlarge 32xlarge", "30.5"),
    "x2gd": (_GRAVITON, "16"),
    "x2idn": ("16xlarge 24xlarge 32xlarge", "16"),
    "x2iedn": ("xlarge 2xlarge 4xlarge 8xlarge 16xlarge 24xlarge 32xlarge", "32"),
    "x8g": (_GRAVITON_4, "16"),
    "z1d": (_ZN, "8"),
    # With much local storage.
    "i3": (_R4, "7.625"),
    "i3en": (_I3EN, "8"),
    "i4i": (f"{_TO_24} 32xlarge", "8"),
    "i4g": ("large xlarge 2xlarge 4xlarge 8xlarge 16xlarge", "8"),
}
_STEPS: Final = {"medium": 1, "large": 2, "xlarge": 4}
"""Virtual CPUs of the sizes below `2xlarge`, which has 8."""
_ODD: Final = {"c4.8xlarge": (36, "60")}
"""What does not follow its family: virtual CPUs and GiB."""
_T3: Final = {
    "nano": (2, "0.5", "0.1"),
    "micro": (2, "1", "0.2"),
    "small": (2, "2", "0.4"),
    "medium": (2, "4", "0.4"),
    "large": (2, "8", "0.6"),
    "xlarge": (4, "16", "1.6"),
    "2xlarge": (8, "32", "3.2"),
}
_T2: Final = {
    "nano": (1, "0.5", "0.05"),
    "micro": (1, "1", "0.1"),
    "small": (1, "2", "0.2"),
    "medium": (2, "4", "0.4"),
    "large": (2, "8", "0.6"),
    "xlarge": (4, "16", "0.9"),
    "2xlarge": (8, "32", "1.35"),
}
_BURSTABLE: Final = {"t2": _T2, "t3": _T3, "t3a": _T3, "t4g": _T3}
"""Virtual CPUs, GiB, and how many of the CPUs can be used for ever without paying for credits."""

SUCCESSORS: Final = {
    "t2": ("t3", "t3a"),
    "m3": ("m6i", "m6a", "m7i"),
    "m4": ("m6i", "m6a", "m7i"),
    "m5": ("m6i", "m6a", "m7i"),
    "m5a": ("m6a",),
    "c3": ("c6i", "c6a", "c7i"),
    "c4": ("c6i", "c6a", "c7i"),
    "c5": ("c6i", "c6a", "c7i"),
    "c5a": ("c6a",),
    "r3": ("r6i", "r6a", "r7i"),
    "r4": ("r6i", "r6a", "r7i"),
    "r5": ("r6i", "r6a", "r7i"),
    "r5a": ("r6a",),
    "x1": ("x2idn",),
    "x1e": ("x2iedn",),
    "i3": ("i4i",),
    "m6g": ("m7g",),
    "c6g": ("c7g",),
    "r6g": ("r7g",),
}
"""Families of the same processor architecture that came after one, for the same work."""
ARM_FAMILIES: Final = {
    **dict.fromkeys(("t2", "t3", "t3a"), "t4g"),
    **dict.fromkeys(("m3", "m4", "m5", "m5a", "m6i", "m6a", "m7i", "m7i-flex", "m7a"), "m7g"),
    **dict.fromkeys(("c3", "c4", "c5", "c5a", "c6i", "c6a", "c7i", "c7i-flex", "c7a"), "c7g"),
    **dict.fromkeys(("r3", "r4", "r5", "r5a", "r6i", "r6a", "r7i", "r7a"), "r7g"),
    **dict.fromkeys(("m5d", "m5ad", "m6id"), "m7gd"),
    **dict.fromkeys(("c5d", "c5ad", "c6id"), "c7gd"),
    **dict.fromkeys(("r5d", "r5ad", "r6id"), "r7gd"),
    "c5n": "c7gn",
    "i3": "i4g",
}
"""The Graviton family for the same work as a family of Intel's or AMD's processors."""
_LOCAL_DISK: Final = re.compile(r"(i\d.*|x1e?|z1d|[mc]3|r3|[a-z]+\d[a-z]*d[a-z]*)")
"""Families whose disks are in the machine: a smaller size has less of them."""
_PLATFORMS: Final = {
    "Linux/UNIX": "linux",
    "Windows": "windows",
    # The licence is the customer's own: the machine costs what it costs with Linux.
    "Windows BYOL": "linux",
    "Red Hat BYOL Linux": "linux",
    "Red Hat Enterprise Linux": "rhel",
    "SUSE Linux": "suse",
}
_NOT_WORDS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A type; `sustained` is how many of its virtual CPUs can be used for ever, fewer only where it is burstable."""

    name: str
    family: str
    cpus: Decimal
    gib: Decimal
    sustained: Decimal

    @property
    def has_local_disks(self) -> bool:
        """Whether its disks are in the machine."""
        return _LOCAL_DISK.fullmatch(self.family) is not None


@lru_cache(maxsize=2048)
def instance_type(name: str) -> InstanceType | None:
    """A type by its name, such as `m5.large`; None where it is not known."""
    family, _, size = name.partition(".")
    return next((found for found in _sizes(family) if found.name == name), None) if size else None


def smallest(family: str, cpus: Decimal, gib: Decimal) -> InstanceType | None:
    """The smallest type of a family with so many virtual CPUs to be used for ever, and so much memory."""
    return next((each for each in _sizes(family) if each.sustained >= cpus and each.gib >= gib), None)


def equivalent(current: InstanceType, family: str) -> InstanceType | None:
    """The type of another family that is no smaller; of burstable families CPUs are compared as they are sold."""
    return next((each for each in _sizes(family) if each.cpus >= current.cpus and each.gib >= _least(current)), None)


def type_of(instance: Subject) -> InstanceType:
    """The type of an instance. Raises UnknownFactError where it is not known."""
    name = instance.text("instanceType") or ""
    found = instance_type(name)
    if found is None:
        message = f"The instance type {name or 'of ' + instance.native_id} is not in the catalogue."
        raise UnknownFactError(message)
    return found


def machine(instance: Subject, name: str | None = None, count: Decimal | int = 1, label: str = "hours") -> Part:
    """What an instance costs on demand, all hours of a month, as the type that it is or would be."""
    code = price_code(name or instance.text("instanceType") or "", system_of(instance), instance.text("tenancy"))
    return hours(code, label, count)


def system_of(instance: Subject) -> str:
    """The system that an instance is billed for, in EC2's words; what stands in for EC2 tells `platform` only."""
    plain = "Windows" if instance.text("platform") == "windows" else "Linux/UNIX"
    return instance.text("platformDetails") or plain


def price_code(name: str, platform: str, tenancy: str | None = None) -> str:
    """The code of a type's price by the hour, such as `ec2.m5.large.linux`, `ec2.m5.large.windows.dedicated`."""
    system = _PLATFORMS.get(platform) or _NOT_WORDS.sub("-", platform.lower()).strip("-") or "unknown"
    return f"ec2.{name}.{system}" + (".dedicated" if tenancy == "dedicated" else "")


def is_on_demand(instance: Subject) -> bool:
    """Whether it has a price of its own: spot prices move, and on a dedicated host the host is what is paid."""
    return instance.text("lifecycle") == ON_DEMAND and instance.text("tenancy") != "host"


def _least(current: InstanceType) -> Decimal:
    """The memory that a type of another family has to have: older families have odd amounts, and a little less does."""
    return current.gib * Decimal("0.95")


@lru_cache(maxsize=2048)
def _sizes(family: str) -> tuple[InstanceType, ...]:
    """The types of a family, the smallest first; none where it is not known."""
    if family in _BURSTABLE:
        rows = _BURSTABLE[family].items()
        return tuple(_made(f"{family}.{size}", cpus, Decimal(gib), Decimal(base)) for size, (cpus, gib, base) in rows)
    if family not in _FAMILIES:
        return ()
    sizes, each = _FAMILIES[family]
    return tuple(_regular(f"{family}.{size}", _cpus(size), Decimal(each)) for size in sizes.split())


def _regular(name: str, cpus: int, each: Decimal) -> InstanceType:
    if name in _ODD:
        cpus, gib = _ODD[name]
        return _made(name, cpus, Decimal(gib), Decimal(cpus))
    return _made(name, cpus, cpus * each, Decimal(cpus))


def _made(name: str, cpus: int, gib: Decimal, sustained: Decimal) -> InstanceType:
    return InstanceType(name, name.partition(".")[0], Decimal(cpus), gib, sustained)


def _cpus(size: str) -> int:
    return _STEPS[size] if size in _STEPS else 4 * int(size.removesuffix("xlarge"))
