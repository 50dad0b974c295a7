"""Cases of checks: one resource, what is known about it, and what must come of it.

Each file in tests/detection/checks has a list `CASES` and runs it with `verify`; tests/house/test_checks.py holds that
every check has a case that finds, one that does not, one at the boundary of each threshold, and one for each metric
that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from app.detection.catalogue import CHECKS
from app.detection.charges import Charges
from app.detection.check import Check
from app.detection.evaluate import evaluate
from app.detection.facts import ActualCost, Advice, Facts, Subject
from app.detection.finding import Clear, Excluded, Finding, Outcome, Unknown
from app.detection.rule import Rule, default_rule
from app.detection.usage import Usage
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Price, PriceBasis, PriceUnit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FOUND, CLEAR, UNKNOWN, TOO_LITTLE = Finding, Clear, Unknown, Excluded
ACCOUNT = UUID(int=1)


def ago(days: float) -> datetime:
    """A moment so many days before the check runs."""
    return NOW - timedelta(days=days)


def subject(resource_type: str, native_id: str, **values: Any) -> Subject:
    """A resource that was first seen two years ago; the provider is told by the type."""
    kind = resource_type.lower()
    provider = Provider.AZURE if kind.startswith("microsoft.") else Provider.GCP
    if kind.startswith("aws::"):
        provider = Provider.AWS
    if kind.startswith("microsoft.graph/"):
        provider = Provider.MICROSOFT_365
    plain: dict[str, Any] = {
        "id": UUID(int=2),
        "account_id": ACCOUNT,
        "provider": provider,
        "name": native_id,
        "region": "us-east-1",
        "status": None,
        "first_seen_at": ago(730),
    }
    return Subject(resource_type=resource_type, native_id=native_id, **(plain | values))


def flat(value: float | None, days: int) -> Usage:
    """The same value on each of so many days."""
    return Usage((NOW - timedelta(days=days)).date(), (value,) * days)


def charged(days: int = 62, missing: int | None = None, unpriced: str | None = None, **kinds: Any) -> Charges:
    """Charges that are known for so many days up to yesterday, in dollars: an amount a day, or a list, newest last.

    `missing` is how many days ago one was not imported.
    """
    end = NOW.date()
    amounts: dict[str, dict[date, Decimal]] = {}
    for kind, told in kinds.items():
        each = told if isinstance(told, list) else [told] * days
        amounts[kind] = {end - timedelta(len(each) - place): Decimal(str(one)) for place, one in enumerate(each)}
    gap = [] if missing is None else [(end - timedelta(missing), end - timedelta(missing - 1))]
    return Charges("USD", end - timedelta(days), end, amounts, gap, frozenset({unpriced} if unpriced else ()))


@dataclass(frozen=True)
class Case:
    """`proves` is `found`, `clear`, `boundary:<parameter>`, `missing:<metric>`, or words of one's own."""

    check: str
    proves: str
    subject: Subject
    expected: type[Finding | Clear | Unknown | Excluded]
    amount: str | None = None
    """The monthly saving in dollars; None is not looked at, `unknown` has to be unknown."""
    basis: PriceBasis = PriceBasis.LIST
    confidence: Confidence | None = None
    target: str | None = None
    part_of: str | None = None
    prices: Mapping[str, tuple[str, PriceUnit]] = field(default_factory=dict)
    usages: Mapping[str, Usage | None] = field(default_factory=dict)
    neighbours: Mapping[tuple[RelationshipKind, str], Sequence[Subject]] = field(default_factory=dict)
    targets: Mapping[RelationshipKind, Sequence[str]] = field(default_factory=dict)
    complete_types: frozenset[str] = frozenset()
    cost: ActualCost | None = None
    neighbour_costs: Mapping[UUID, ActualCost] = field(default_factory=dict)
    """By ids of neighbours; a check is told of those that it asks for."""
    charges: Charges | None = None
    advice: Advice | None = None
    parameters: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.check}-{self.proves}-{self.expected.__name__.lower()}"

    def verify(self) -> None:
        """Run the check and hold the outcome against what is expected."""
        outcome = self.outcome()
        assert getattr(outcome, "fault", None) is None
        assert type(outcome) is self.expected, getattr(outcome, "why", outcome)
        if isinstance(outcome, Finding):
            self._verify_finding(outcome)

    def outcome(self, rule: Rule | None = None) -> Outcome:
        """Run the check, by the rule that is delivered or another."""
        check = CHECKS[self.check]
        rule = rule or default_rule(check)
        facts = Facts(
            subject=_declared(self.subject, check.properties, check.watched),
            now=NOW,
            parameters={**rule.parameters, **self.parameters},
            prices=_Book(self.prices, check.prices),
            cost=self.cost,
            neighbour_costs={each.id: self.neighbour_costs[each.id] for each in self._costly(check)},
            usages={metric.key: self.usages.get(metric.key) for metric in check.metrics},
            neighbours=self._declared_neighbours(check),
            targets={asked.kind: self.targets.get(asked.kind, ()) for asked in check.neighbours if asked.outgoing},
            complete_types=self.complete_types,
            charges=self._declared_charges(check),
            advice=self.advice,
        )
        return evaluate(check, facts, rule, lambda amount, _: amount)

    def _costly(self, check: Check) -> list[Subject]:
        places = [(asked.kind, asked.resource_type) for asked in check.neighbours if asked.costs]
        return [each for place in places for each in self.neighbours.get(place, ()) if each.id in self.neighbour_costs]

    def _declared_charges(self, check: Check) -> Charges | None:
        if self.charges is None:
            return None
        amounts = {kind: days for kind, days in self.charges.amounts.items() if kind in check.kinds}
        return replace(self.charges, amounts=amounts)

    def _declared_neighbours(self, check: Check) -> dict[tuple[RelationshipKind, str], list[Subject]]:
        return {
            (asked.kind, asked.resource_type): [
                _declared(found, asked.properties, asked.watched)
                for found in self.neighbours.get((asked.kind, asked.resource_type), ())
            ]
            for asked in check.neighbours
        }

    def _verify_finding(self, finding: Finding) -> None:
        assert finding.evidence
        if self.amount == "unknown":
            assert (finding.saving.amount, finding.saving.basis) == (None, PriceBasis.UNKNOWN)
            assert finding.saving.reason
        elif self.amount is not None:
            assert finding.saving.amount == Decimal(self.amount), finding.saving
            assert finding.saving.basis is self.basis
        for name in ("confidence", "target", "part_of"):
            if getattr(self, name) is not None:
                assert getattr(finding, name) == getattr(self, name)


def _declared(given: Subject, properties: Sequence[str], watched: Sequence[str]) -> Subject:
    """The resource with what a check has asked for and no more, as the runner gives it."""
    kept = {name: value for name, value in given.properties.items() if name in {*properties, "unreadable", "leftOut"}}
    changed_at = {name: moment for name, moment in given.changed_at.items() if name in watched}
    return replace(given, properties=kept, changed_at=changed_at)


class _Book:
    """Prices of a case, in dollars, the same in all regions; only those that the check says it asks for."""

    def __init__(self, prices: Mapping[str, tuple[str, PriceUnit]], declared: Sequence[str]) -> None:
        self._prices = prices
        self._declared = declared

    def price(self, provider: Provider, code: str, region: str | None) -> Price | None:
        """See app.detection.facts.Prices."""
        del provider, region
        assert any(fnmatchcase(code, pattern) for pattern in self._declared), f"{code} is not declared"
        if code not in self._prices:
            return None
        amount, unit = self._prices[code]
        return Price(Decimal(amount), "USD", unit, PriceBasis.LIST, date(2026, 11, 1), "a test")
