"""What checks of Azure read alike: parts of its documents, names of its SKUs, and since when something is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence

MACHINE: Final = "microsoft.compute/virtualmachines"
SCALE_SET: Final = "microsoft.compute/virtualmachinescalesets"
INTERFACE: Final = "microsoft.network/networkinterfaces"
SUBSCRIPTION: Final = "microsoft.resources/subscriptions"
LEARN: Final = "https://learn.microsoft.com/azure/"
PRICING: Final = "https://azure.microsoft.com/pricing/details/"


def listed(subject: Subject, name: str) -> Sequence[Any]:
    """A list of the document: Azure leaves empty ones out. Raises UnknownFactError where it could not be read."""
    return () if subject.text(name) is None else subject.items(name)


def told(value: Any, *path: str) -> str | None:
    """What stands under names inside a part of a document, as text; None where nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return None if value is None or value == "" else str(value)


def each_of(value: Any, name: str) -> Sequence[Any]:
    """A list inside a part of a document; none where Azure left it out."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, list | tuple) else ()


def number(subject: Subject, value: Any, *path: str, otherwise: int | None = None) -> Decimal:
    """What stands under names inside a part of a document, as a number. Raises UnknownFactError where none does."""
    found = told(value, *path)
    if found is None and otherwise is not None:
        return Decimal(otherwise)
    try:
        amount = Decimal(found or "")
    except ArithmeticError:
        amount = Decimal("NaN")
    if not amount.is_finite():
        message = f"`{'.'.join(path)}` of {subject.native_id} is not known."
        raise UnknownFactError(message)
    return amount


def capacity(subject: Subject, otherwise: int) -> Decimal:
    """How many of its SKU there are."""
    return number(subject, subject.record("sku"), "capacity", otherwise=otherwise)


def sku(subject: Subject, part: str = "name") -> str:
    """A part of the SKU, in lower case. Raises UnknownFactError where it is not told."""
    found = told(subject.record("sku"), part)
    if found is None:
        message = f"The {part} of the SKU of {subject.native_id} is not known."
        raise UnknownFactError(message)
    return found.lower()


def so_since(facts: Facts, *names: str) -> datetime:
    """Since when the resource is there and some watched properties are what they are, at the latest."""
    subject = facts.subject
    return max([subject.created_at or subject.first_seen_at, *(subject.same_since(name) for name in names)])


def shown_since(moment: datetime) -> Evidence:
    """A moment as evidence."""
    return Evidence("since, at the latest", moment.isoformat())
