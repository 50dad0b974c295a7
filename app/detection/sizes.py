"""Classes of RDS and node types of ElastiCache: what they are made of, and the next smaller one.

Facts of https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html and
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html. No API that is read tells them;
a family that is not here is not known, and never guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_TO_16: Final = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
_TO_24: Final = f"{_TO_16} 24xlarge"
_TO_32: Final = f"{_TO_24} 32xlarge"
_TO_48: Final = f"{_TO_24} 48xlarge"
_CACHE_5: Final = "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge"
_BURSTABLE: Final = "micro small medium large xlarge 2xlarge"
_SIZES: Final = {
    "db": {
        **dict.fromkeys(("t2", "t3", "t4g"), _BURSTABLE),
        "m4": "large xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
        **dict.fromkeys(("m5", "m5d", "r5", "r5b", "r5d"), _TO_24),
        **dict.fromkeys(("m6g", "m6gd", "m7g", "r6g", "r6gd", "r7g", "x2g"), _TO_16),
        **dict.fromkeys(("m6i", "m6id", "r6i", "r6id"), _TO_32),
        **dict.fromkeys(("m7i", "m8g", "r7i", "r8g"), _TO_48),
        "r3": "large xlarge 2xlarge 4xlarge 8xlarge",
        "r4": "large xlarge 2xlarge 4xlarge 8xlarge 16xlarge",
    },
    "cache": {
        **dict.fromkeys(("t2", "t3", "t4g"), "micro small medium"),
        "m4": "large xlarge 2xlarge 4xlarge 10xlarge",
        "r4": "large xlarge 2xlarge 4xlarge 8xlarge 16xlarge",
        **dict.fromkeys(("m5", "r5"), _CACHE_5),
        **dict.fromkeys(("m6g", "m7g", "r6g", "r7g", "c7gn"), _TO_16),
    },
}
"""By service and family, the smallest first; `r6gd` of ElastiCache keeps data on SSDs and is left out."""
_BURSTABLE_GIB: Final = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
_GIB_A_CPU: Final = {"m": Decimal(4), "r": Decimal(8)}
_OTHER_GIB_A_CPU: Final = {"r3": Decimal("7.625"), "r4": Decimal("7.625"), "x2g": Decimal(16)}
_ONE_CPU: Final = frozenset({"t2.micro", "t2.small", "m3.medium"})
_MULTIPLE: Final = re.compile(r"(\d*)xlarge")
_PARTS: Final = 3


def smaller(name: str) -> str | None:
    """The next smaller class of the same family; None where there is none, or the family is not known."""
    service, family, size = _parts(name)
    sizes = _SIZES.get(service, {}).get(family, "").split()
    step = sizes.index(size) if size in sizes else 0
    return None if step == 0 else f"{service}.{family}.{sizes[step - 1]}"


def virtual_cpus(name: str) -> Decimal | None:
    """How many virtual CPUs a class has; None where the name does not tell."""
    _, family, size = _parts(name)
    if f"{family}.{size}" in _ONE_CPU:
        return Decimal(1)
    if size in {"micro", "small", "medium", "large"}:
        return Decimal(2)
    multiple = _MULTIPLE.fullmatch(size)
    return None if multiple is None else Decimal(4 * int(multiple[1] or 1))


def memory_gib(name: str) -> Decimal | None:
    """How much memory a class of RDS has; None where its family is not known."""
    service, family, size = _parts(name)
    cpus = virtual_cpus(name)
    if cpus is None or family not in _SIZES.get(service, {}):
        return None
    if family.startswith("t"):
        return Decimal(_BURSTABLE_GIB[size]) if size in _BURSTABLE_GIB else None
    return cpus * (_OTHER_GIB_A_CPU.get(family) or _GIB_A_CPU[family[0]])


def _parts(name: str) -> tuple[str, str, str]:
    """Service, family and size, as in `db.m6g.large`; empty where it is not made like that."""
    found = name.split(".")
    return (found[0], found[1], found[2]) if len(found) == _PARTS else ("", "", "")
