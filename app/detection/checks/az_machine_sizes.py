"""Sizes of Azure's virtual machines: what they are made of, which series came after them, and what one costs an hour.

Facts of https://learn.microsoft.com/azure/virtual-machines/sizes/overview, written as series with their sizes: what is
read of a subscription does not tell them. A size that is not here is not known, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from app.detection.checks.az_facts import told
from app.detection.facts import Subject, UnknownFactError
from app.detection.savings import Part, hours

_TO_64: Final = "2 4 8 16 32 48 64"
_TO_96: Final = f"{_TO_64} 96"
_TO_128: Final = f"{_TO_96} 128"
_E_64: Final = "2 4 8 16 20 32 48 64"
_E_96: Final = f"{_E_64} 96"
_D_4: Final = ("d_v4", "ds_v4", "dd_v4", "dds_v4")
_D_5: Final = ("d_v5", "ds_v5", "dd_v5", "dds_v5", "das_v5", "dads_v5", "da_v4", "das_v4")
_E_4: Final = ("e_v4", "es_v4", "ed_v4", "eds_v4", "e_v3", "es_v3")
_E_5: Final = ("e_v5", "es_v5", "ed_v5", "eds_v5", "eas_v5", "eads_v5", "ea_v4", "eas_v4", "eas_v6", "eads_v6")
_SERIES: Final = {
    # Virtual CPUs of the sizes, and GiB for each.
    **dict.fromkeys(("d_v3", "ds_v3", *_D_4), (_TO_64, 4)),
    **dict.fromkeys((*_D_5, "das_v6", "dads_v6"), (_TO_96, 4)),
    **dict.fromkeys(("ds_v6", "dds_v6"), (_TO_128, 4)),
    **dict.fromkeys(("dls_v5", "dlds_v5"), (_TO_96, 2)),
    **dict.fromkeys(_E_4, (_E_64, 8)),
    **dict.fromkeys(_E_5, (_E_96, 8)),
    "fs_v2": ("2 4 8 16 32 48 64 72", 2),
}
_LARGEST: Final = {
    **dict.fromkeys(("e64_v3", "e64s_v3"), 432),
    **dict.fromkeys(("e64_v4", "e64s_v4", "e64d_v4", "e64ds_v4"), 504),
    **{f"e96{end}": 672 for end in ("_v5", "s_v5", "d_v5", "ds_v5", "as_v5", "ads_v5", "a_v4", "as_v4", "as_v6")},
    "e96ads_v6": 672,
}
"""GiB of the sizes that do not follow their series."""
_SECOND: Final = {1: "3.5", 2: "7", 3: "14", 4: "28", 5: "56", 11: "14", 12: "28", 13: "56", 14: "112", 15: "140"}
_SECOND_CPUS: Final = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
"""The second generation of D counts its sizes."""
_WITH_DISK_D: Final = ("dads_v5", "dds_v5")
_WITH_DISK_E: Final = ("eads_v5", "eds_v5")
SUCCESSORS: Final = {
    **dict.fromkeys(("d_v2", "ds_v2"), (*_WITH_DISK_D, *_WITH_DISK_E)),
    **dict.fromkeys(("d_v3", "ds_v3", "dd_v4", "dds_v4", "da_v4", "das_v4"), _WITH_DISK_D),
    **dict.fromkeys(("d_v4", "ds_v4"), ("das_v5", "ds_v5")),
    **dict.fromkeys(("e_v3", "es_v3", "ed_v4", "eds_v4", "ea_v4", "eas_v4"), _WITH_DISK_E),
    **dict.fromkeys(("e_v4", "es_v4"), ("eas_v5", "es_v5")),
}
"""Series that came after one for the same work; a size with a temporary disk cannot be changed to one without."""
_NAME: Final = re.compile(r"standard_([a-z])(s?)(\d+)([a-z]*)_v(\d)")
_BRING_YOUR_OWN: Final = re.compile(r"windows_(server|client)")


@dataclass(frozen=True, slots=True)
class Size:
    """A size, its name in lower case such as `standard_d4s_v5`."""

    name: str
    series: str
    cpus: Decimal
    gib: Decimal


@lru_cache(maxsize=2048)
def size_of(name: str) -> Size | None:
    """A size by its name in lower case; None where it is not known."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    series = f"{found[1]}{found[2]}{found[4]}_v{found[5]}"
    return next((size for size in _sizes(series) if size.name == name), None)


def smallest(series: str, cpus: Decimal, gib: Decimal) -> Size | None:
    """The smallest size of a series with so many virtual CPUs and so much memory."""
    return next((size for size in _sizes(series) if size.cpus >= cpus and size.gib >= gib), None)


def next_smaller(size: Size) -> Size | None:
    """The next smaller size of the series; None where there is none."""
    return next((each for each in reversed(list(_sizes(size.series))) if each.cpus < size.cpus), None)


def size_name(machine: Subject) -> str:
    """The size of a machine or of the machines of a scale set, in lower case. Raises UnknownFactError."""
    name = told(machine.properties.get("hardwareProfile"), "vmSize") or told(machine.properties.get("sku"), "name")
    if name is None:
        message = f"The size of {machine.native_id} is not known."
        raise UnknownFactError(message)
    return name.lower()


def known_size(machine: Subject) -> Size:
    """The size of a machine. Raises UnknownFactError where it is not in the catalogue."""
    name = size_name(machine)
    size = size_of(name)
    if size is None:
        message = f"The size {name} is not in the catalogue."
        raise UnknownFactError(message)
    return size


def machine_part(
    machine: Subject, name: str | None = None, count: Decimal | int = 1, label: str = "hours", *, system: str = ""
) -> Part:
    """All hours of a month of a machine, as the size that it is or would be."""
    return hours(f"az.vm.{name or size_name(machine)}.{system or billed_system(machine)}", label, count)


def billed_system(machine: Subject) -> str:
    """`windows` where the licence is in the price of the hour, else `linux`."""
    return "windows" if is_windows(machine) and not brings_licence(machine) else "linux"


def is_windows(machine: Subject) -> bool:
    """Whether a machine or a scale set runs Windows. Raises UnknownFactError where that is not told."""
    system = told(_part(machine, "storageProfile"), "osDisk", "osType")
    if system is None:
        message = f"The system of {machine.native_id} is not known."
        raise UnknownFactError(message)
    return system.lower() == "windows"


def brings_licence(machine: Subject) -> bool:
    """Whether Windows runs with a licence of the customer's own."""
    licence = _part(machine, "licenseType")
    return isinstance(licence, str) and _BRING_YOUR_OWN.fullmatch(licence.lower()) is not None


def is_spot(machine: Subject) -> bool:
    """Whether the machine is paid at a price that moves."""
    return str(_part(machine, "priority") or "").lower() in {"spot", "low"}


def _part(machine: Subject, name: str) -> object:
    """A property of a machine, or of what a scale set makes its machines from."""
    profile = machine.properties.get("virtualMachineProfile")
    if isinstance(profile, dict):
        return profile.get(name)
    return machine.properties.get(name)


def _sizes(series: str) -> Iterator[Size]:
    """The sizes of a series, the smallest first; none of one that is not known."""
    letter, _, rest = series.partition("_v")
    if series in {"d_v2", "ds_v2"}:
        for number, gib in sorted(_SECOND.items(), key=lambda each: (each[0] > 10, each[0])):  # noqa: PLR2004
            yield Size(f"standard_{letter}{number}_v2", series, Decimal(_SECOND_CPUS[number]), Decimal(gib))
        return
    numbers, for_each = _SERIES.get(series, ("", 0))
    for cpus in numbers.split():
        short = f"{letter[0]}{cpus}{letter[1:]}_v{rest}"
        yield Size(f"standard_{short}", series, Decimal(cpus), Decimal(_LARGEST.get(short, int(cpus) * for_each)))
