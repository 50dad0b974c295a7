"""AWS's instance classes, such as `db.m6g.large`: what they are made of, and the next smaller one."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_LADDER: Final = (
    "micro",
    "small",
    "medium",
    "large",
    "xlarge",
    "2xlarge",
    "4xlarge",
    "8xlarge",
    "12xlarge",
    "16xlarge",
    "24xlarge",
    "32xlarge",
    "48xlarge",
)
_LEAST: Final = {"t": "micro"}
"""The smallest size of a family, where it is not `large`."""
_MULTIPLE: Final = re.compile(r"(\d*)xlarge")
_BURSTABLE_GIB: Final = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
_GIB_A_CPU: Final = {"c": 2, "m": 4, "r": 8}
_PARTS: Final = 3


def smaller(name: str) -> str | None:
    """The next smaller class of the same family; None where there is none, or the name is not understood."""
    parts = _parts(name)
    if parts is None or parts[2] not in _LADDER:
        return None
    least = _LEAST.get(parts[1][0], "large")
    step = _LADDER.index(parts[2])
    if step <= _LADDER.index(least):
        return None
    return ".".join((parts[0], parts[1], _LADDER[step - 1]))


def virtual_cpus(name: str) -> Decimal | None:
    """How many virtual CPUs a class has; None where the name does not tell."""
    parts = _parts(name)
    if parts is None:
        return None
    if parts[2] in {"micro", "small", "medium", "large"}:
        # The first generations had one below `large`.
        return None if parts[1] in {"t1", "t2", "m1", "m3"} and parts[2] != "large" else Decimal(2)
    multiple = _MULTIPLE.fullmatch(parts[2])
    return None if multiple is None else Decimal(4 * int(multiple[1] or 1))


def memory_gib(name: str) -> Decimal | None:
    """How much memory a class has; None where the name does not tell."""
    parts, cpus = _parts(name), virtual_cpus(name)
    if parts is None:
        return None
    if parts[1][0] == "t":
        size = _BURSTABLE_GIB.get(parts[2])
        return None if size is None else Decimal(size)
    each = _GIB_A_CPU.get(parts[1][0])
    return None if each is None or cpus is None else cpus * each


def _parts(name: str) -> tuple[str, str, str] | None:
    """Service, family and size, as in `db.m6g.large`."""
    found = name.split(".")
    return (found[0], found[1], found[2]) if len(found) == _PARTS and all(found) else None
