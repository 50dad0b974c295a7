"""What resources, and subjects of charges, cost in days whose charges are known: what savings are measured by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import missing_in, of_payers
from app.costs.analysis.nodes import NOT_DELIVERED, NodeCost, costs_of_resources
from app.detection.catalogue import CHECKS
from app.recommendations.charged import AccountKey, charged_key, subject_key
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.records.detection import ChargeSubject
from app.repositories import charged
from app.repositories.cost_coverage import cost_coverage

WASTE: Mapping[ChargeSubject, str] = {
    ChargeSubject.COMMITMENT: "unused",
    ChargeSubject.CAPACITY_RESERVATION: "unused",
}
"""Subjects of charges whose waste roll-ups tell day by day, and the kind of charges that it is."""
_NO_RATE = "No currency rate converts all of it."
_UNPRICED = "Some of its charges have no effective cost."
About = UUID | str
"""A resource, or what tells a subject of charges."""
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class KnownCost:
    """What some days cost, and of how many of them charges are known; no amount for a reason."""

    amount: Decimal | None
    days: int
    reason: str | None = None


def about_of(row: Row) -> About | None:
    """What a recommendation saves the money of; None where no charge is of it alone."""
    if row["resource_id"] is not None:
        found: UUID = row["resource_id"]
        return found
    check = CHECKS.get(row["check_id"])
    return row["subject_key"] if check is not None and check.charges in WASTE else None


@dataclass
class Costs:
    """Costs that are asked for first, read together, and then told."""

    currency: str
    payers: Mapping[AccountKey, frozenset[str]]
    _resources: dict[DateRange, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _subjects: dict[tuple[ChargeSubject, DateRange], dict[str, AccountKey]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _found: dict[tuple[About, DateRange], KnownCost] = field(default_factory=dict)

    def ask(self, row: Row, days: DateRange) -> None:
        """Have what a recommendation is about read for some days."""
        about = about_of(row)
        if isinstance(about, UUID):
            self._resources[days].add(about)
        elif about is not None:
            of = ChargeSubject(about.partition("|")[0])
            self._subjects[of, days][about] = (row["provider"], row["native_id"])

    def of(self, row: Row, days: DateRange) -> KnownCost:
        """What was asked for, after `read`."""
        about = about_of(row)
        return KnownCost(None, 0) if about is None else self._found[about, days]

    async def read(self, session: AsyncSession, organization_id: UUID) -> None:
        """Read all that was asked for: some statements for each range of days."""
        for days, ids in self._resources.items():
            costs = await costs_of_resources(session, organization_id, sorted(ids), days, CostMetric.EFFECTIVE_COST)
            self._found |= {(id_, days): _of_resource(cost, days) for id_, cost in costs.items()}
        for (of, days), asked in self._subjects.items():
            await self._read_subjects(session, organization_id, of, days, asked)

    async def _read_subjects(
        self,
        session: AsyncSession,
        organization_id: UUID,
        of: ChargeSubject,
        days: DateRange,
        asked: Mapping[str, AccountKey],
    ) -> None:
        coverage = await cost_coverage(session, organization_id, days)
        amounts: dict[str, Decimal] = defaultdict(Decimal)
        unpriced: set[str] = set()
        async for page in charged.charged(session, organization_id, of, days, days.end):
            for row in page:
                key = subject_key(of, row["provider"], None, charged_key(of, row["key"]), row["currency"])
                if row["kind"] == WASTE[of]:
                    amounts[key] += row["amount"] or 0
                    unpriced |= {key} if row["missing"] else set()
        for key, account in asked.items():
            missing = missing_in(days, of_payers(coverage, self.payers.get(account, frozenset())).accounts)
            known = days.days - sum(one.days for one in missing)
            self._found[key, days] = self._of_subject(key, amounts[key], known, is_unpriced=key in unpriced)

    def _of_subject(self, key: str, amount: Decimal, known: int, *, is_unpriced: bool) -> KnownCost:
        if not known:
            return KnownCost(None, 0, NOT_DELIVERED)
        if is_unpriced:
            return KnownCost(None, known, _UNPRICED)
        # Its charges are in the currency that is part of its key; roll-ups of parts are not converted.
        same = key.rpartition("|")[2] == self.currency
        return KnownCost(amount, known) if same else KnownCost(None, known, _NO_RATE)


def _of_resource(cost: NodeCost, days: DateRange) -> KnownCost:
    """Days without a charge cost nothing, where charges of them are known and any charge ever named the resource."""
    known = 0 if cost.coverage.known_from is None else days.days - cost.coverage.missing_days
    if not known or cost.sum is None:
        return KnownCost(None, known, cost.reason)
    if not cost.sum.charges:
        return KnownCost(Decimal(0), known)
    amount = None if cost.sum.apart else cost.sum.amounts[0]
    return KnownCost(amount, known, None if amount is not None else cost.reason or _NO_RATE)
