"""What a check is told of one resource: everything frozen, everything missing told as missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from app.detection.charges import Charges
from app.detection.check import LOOKBACK_DAYS
from app.detection.usage import Usage
from app.providers.opinions import FoundOpinion
from app.records import Provider, RelationshipKind
from app.records.detection import Price


class UnknownFactError(Exception):
    """Something that a check needs is not known; the message says what and is shown to the customer."""


class NotReadError(Exception):
    """A check asks for something that has not been read yet. No answer, and no missing fact either."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource of the inventory. All moments are in UTC."""

    id: UUID
    account_id: UUID
    provider: Provider
    resource_type: str
    native_id: str
    name: str
    region: str | None
    status: str | None
    first_seen_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    status_since: datetime | None = None
    """Since when the status is known to be this one; None where it was never seen otherwise."""
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    """When a scan last saw a property change, of those that the check watches; none where it never did."""

    def same_since(self, name: str) -> datetime:
        """Since when a watched property is known to be what it is; first seen so, where no change was seen."""
        return self.changed_at.get(name, self.first_seen_at)

    def text(self, name: str) -> str | None:
        """A property that is text, or None. Raises UnknownFactError where it could not be read."""
        value = self._property(name)
        return None if value is None else str(value)

    def number(self, name: str) -> Decimal:
        """A property that is a number. Raises UnknownFactError where it is missing or none."""
        value = self._property(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise UnknownFactError(self._missing(name))
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            raise UnknownFactError(self._missing(name)) from None
        if not number.is_finite():
            raise UnknownFactError(self._missing(name))
        return number

    def flag(self, name: str) -> bool:
        """A property that is true or false. Raises UnknownFactError where it is missing or neither."""
        value = self._property(name)
        if not isinstance(value, bool):
            raise UnknownFactError(self._missing(name))
        return value

    def moment(self, name: str) -> datetime | None:
        """A property that is a moment, or None. Raises UnknownFactError where it could not be read."""
        value = self._property(name)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise UnknownFactError(self._missing(name)) from None
        if found.tzinfo is None:
            raise UnknownFactError(self._missing(name))
        return found

    def items(self, name: str) -> Sequence[Any]:
        """A property that is a list. Raises UnknownFactError where it is missing or none."""
        value = self._property(name)
        if not isinstance(value, list | tuple):
            raise UnknownFactError(self._missing(name))
        return value

    def record(self, name: str) -> Mapping[str, Any]:
        """A property that has parts with names. Raises UnknownFactError where it is missing or none."""
        value = self._property(name)
        if not isinstance(value, Mapping):
            raise UnknownFactError(self._missing(name))
        return value

    def _property(self, name: str) -> Any:
        if name in self.properties.get("unreadable", ()):
            message = f"`{name}` of {self.native_id} could not be read; the scan says why, and what to do."
            raise UnknownFactError(message)
        if name in self.properties.get("leftOut", ()):
            message = f"`{name}` of {self.native_id} is too large to be kept."
            raise UnknownFactError(message)
        return self.properties.get(name)

    def _missing(self, name: str) -> str:
        return f"`{name}` of {self.native_id} is not known."


@dataclass(frozen=True, slots=True)
class ActualCost:
    """What the resource's own charges of the last complete days came to, effective cost, in one currency.

    `days` are those of the window on which it was there: a resource younger than the window has cost less than a month
    of it will.
    """

    amount: Decimal
    currency: str
    days: int
    covered: Decimal | None = None
    """The part of the amount, 0 to 1, that commitments have paid for; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a provider recommends of the subject; `unread` says why it is not known whether it still does."""

    opinion: FoundOpinion
    unread: str | None = None


class Prices(Protocol):
    """Looks prices up; whoever makes one has loaded them before."""

    def price(self, provider: Provider, code: str, region: str | None) -> Price | None:
        """The best price of today: contracted before list, the region's before one for all regions; None if unknown."""


@dataclass(frozen=True)
class Facts:
    """All that a check may look at. `parameters` are the thresholds in force for this resource."""

    subject: Subject
    now: datetime
    parameters: Mapping[str, Decimal]
    prices: Prices
    cost: ActualCost | None = None
    neighbour_costs: Mapping[UUID, ActualCost] = field(default_factory=dict)
    """What those neighbours cost of which the check asks for it, by their ids; none where it is not known."""
    convert: Callable[[Decimal, str], Decimal | None] | None = None
    """(amount, currency) → the amount in the organization's currency, which is that of costs; None without a rate."""
    usages: Mapping[str, Usage | None] = field(default_factory=dict)
    """By the key of the check's metric; None where the provider was not asked, or refused."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Why a metric was not read, by its key."""
    neighbours: Mapping[tuple[RelationshipKind, str], Sequence[Subject]] = field(default_factory=dict)
    """By kind and resource type; what is gone from the provider is not among them."""
    cut: Collection[tuple[RelationshipKind, str]] = ()
    """Those of which there are more than are told."""
    targets: Mapping[RelationshipKind, Sequence[str]] = field(default_factory=dict)
    """Native ids that the resource names, whether the inventory has them or not."""
    complete_types: frozenset[str] = frozenset()
    """Resource types that the last scan read completely in this resource's region (or globally)."""
    charges: Charges | None = None
    """What its charges come to, for a check of charges."""
    advice: Advice | None = None
    """What the provider recommends, for a check of advice."""

    def threshold(self, name: str) -> Decimal:
        """A threshold in force."""
        return self.parameters[name]

    def age_days(self, since: datetime) -> Decimal:
        """Whole and part days from a moment until now."""
        return Decimal((self.now - since).total_seconds()) / 86_400

    def is_older(self, since: datetime, name: str) -> bool:
        """Whether more days have passed since a moment than a threshold asks for; exactly as many are not enough."""
        return self.age_days(since) > self.threshold(name)

    def status_since(self) -> datetime:
        """Since when the resource has its status, at the latest; first seen so, where no change was seen."""
        return self.subject.status_since or self.subject.first_seen_at

    def usage(self, key: str) -> Usage:
        """A metric's values. Raises UnknownFactError unless each day of the window is known."""
        usage = self.usages.get(key)
        if usage is None:
            raise UnknownFactError(self.missing(f"The metric {key} was not read.", key))
        if usage.is_complete:
            return usage
        if self.parameters.get(REQUIRE_COMPLETE, Decimal(1)):
            message = f"The metric {key} is known for {len(usage.known)} of {usage.days} days."
            raise UnknownFactError(message)
        if not usage.known:
            message = f"The metric {key} has no values."
            raise UnknownFactError(message)
        return usage

    def spent(self, kind: str, days: int | None = None, before: int = 0) -> Decimal:
        """What charges of a kind came to in so many days, LOOKBACK_DAYS if not told, up to so many before the last.

        Raises UnknownFactError unless all charges of these days are known.
        """
        charges = self.known_charges()
        end = charges.end - timedelta(days=before)
        start = end - timedelta(days=int(self.threshold(LOOKBACK_DAYS)) if days is None else days)
        why = charges.why_unknown(kind, start, end)
        if why is not None:
            raise UnknownFactError(why)
        return charges.sum(kind, start, end)

    def spent_by_day(self, kind: str) -> list[tuple[date, Decimal]]:
        """What charges of a kind came to on each day of the window that the check looks back on.

        Raises UnknownFactError unless all charges of these days are known.
        """
        self.spent(kind)
        end, days = self.known_charges().end, self.known_charges().amounts.get(kind, {})
        window = [end - timedelta(days=back) for back in range(int(self.threshold(LOOKBACK_DAYS)), 0, -1)]
        return [(day, days.get(day, Decimal(0))) for day in window]

    def spent_in_month(self, kind: str, back: int = 0) -> tuple[Decimal, int]:
        """What charges of a kind came to in the last whole month, or in one so many months before; with its days.

        Raises UnknownFactError unless all charges of the month are known.
        """
        end = self.known_charges().end
        for _ in range(back):
            end = (end - timedelta(days=1)).replace(day=1)
        days = (end - timedelta(days=1)).day
        return self.spent(kind, days, (self.known_charges().end - end).days), days

    def known_charges(self) -> Charges:
        """The charges. Raises UnknownFactError where there are none to judge by."""
        if self.charges is None:
            message = "Its charges are not known."
            raise UnknownFactError(message)
        return self.charges

    def missing(self, what: str, key: str) -> str:
        """What is said of a metric that is missing, with the reason where that is known."""
        return f"{what} {self.unread[key]}" if key in self.unread else what

    def cost_of(self, subject: Subject) -> ActualCost | None:
        """What the resource itself or one of its neighbours costs; None where that is not known."""
        return self.cost if subject.id == self.subject.id else self.neighbour_costs.get(subject.id)

    def related(self, kind: RelationshipKind, resource_type: str) -> Sequence[Subject]:
        """Neighbours that the check has asked for. Raises UnknownFactError where there are too many to tell all."""
        if (kind, resource_type) in self.cut:
            message = f"It stands to so many others that not every {resource_type} among them was looked at."
            raise UnknownFactError(message)
        return self.neighbours.get((kind, resource_type), ())

    def none_other(self, resource_type: str) -> None:
        """Be sure that what is not among the neighbours is not there. Raises UnknownFactError."""
        if resource_type not in self.complete_types:
            message = f"{resource_type} was not read completely by the last scan, so what is missing may be there."
            raise UnknownFactError(message)


REQUIRE_COMPLETE = "requireCompleteMetrics"
