"""How checks of Google Cloud read what the inventory keeps: parts of parts, and lists that Google leaves out if empty.

Google's documents hold no empty lists, so a list that is not there is an empty one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence
from app.records import RelationshipKind

DISK: Final = "compute.googleapis.com/Disk"
REGION_DISK: Final = "compute.googleapis.com/RegionDisk"
INSTANCE: Final = "compute.googleapis.com/Instance"
MANAGER: Final = "compute.googleapis.com/InstanceGroupManager"
TERMINATED: Final = "TERMINATED"
"""The state of a machine that was stopped."""


def at(subject: Subject, path: str) -> Any:
    """The value at a dotted path of a resource's properties; None where there is none."""
    head, _, rest = path.partition(".")
    subject.text(head)  # raises where it could not be read
    value: Any = subject.properties.get(head)
    for name in rest.split(".") if rest else ():
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def listed(subject: Subject, path: str) -> Sequence[Any]:
    """A list, empty where Google left it out. Raises UnknownFactError for what was too large to be kept, or no list."""
    head = path.partition(".")[0]
    value = at(subject, path)
    if head in subject.properties.get("leftOut", ()) or not (value is None or isinstance(value, list | tuple)):
        message = f"`{path}` of {subject.name} is not known."
        raise UnknownFactError(message)
    return () if value is None else value


def number(subject: Subject, path: str) -> Decimal:
    """A number at a dotted path. Raises UnknownFactError where there is none."""
    value = at(subject, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"`{path}` of {subject.name} is not known."
        raise UnknownFactError(message)
    return Decimal(str(value))


def word(subject: Subject, path: str) -> str:
    """A text at a dotted path. Raises UnknownFactError where there is none."""
    value = at(subject, path)
    if not isinstance(value, str) or not value:
        message = f"`{path}` of {subject.name} is not known."
        raise UnknownFactError(message)
    return value


def last(name: str) -> str:
    """The last part of a full resource name."""
    return name.rpartition("/")[2]


def is_member(facts: Facts) -> bool:
    """Whether a managed group or a cluster made the machine: then that decides about it, and would replace it."""
    return bool(facts.targets.get(RelationshipKind.MEMBER_OF))


def stopped_since(instance: Subject) -> datetime | None:
    """Since when a machine is stopped, as Google says or else as scans have seen it; None where it is not stopped."""
    if instance.status != TERMINATED:
        return None
    return instance.moment("lastStopTimestamp") or instance.status_since or instance.first_seen_at


def window(facts: Facts) -> Evidence:
    """How many days were looked at."""
    return Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}")
