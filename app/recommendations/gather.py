"""Gathers what checks are told of a page of resources: a few statements for any number of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.nodes import costs_of_resources
from app.detection.charges import Charges
from app.detection.check import Check, Neighbours
from app.detection.facts import ActualCost, Subject
from app.records import Provider, RelationshipKind
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.repositories import detection_facts

NeighbourKey = tuple[RelationshipKind, str]
Row = Mapping[Any, Any]
Changes = Mapping[str | None, datetime]
_NOTHING: Changes = {}
NO_RESOURCE = UUID(int=0)
"""Stands for a resource in a subject that is none."""


@dataclass
class Gathered:
    """One resource, or subject of charges, with all that was found about it, whatever the check."""

    subject: Subject
    cost: ActualCost | None
    neighbours: dict[NeighbourKey, Sequence[Subject]] = field(default_factory=dict)
    targets: dict[RelationshipKind, Sequence[str]] = field(default_factory=dict)
    charges: Charges | None = None
    charged_key: str | None = None
    """What tells a subject of charges for ever; None for a resource."""

    @property
    def key(self) -> str:
        """What tells the subject for ever."""
        return str(self.subject.id) if self.charged_key is None else self.charged_key

    @property
    def resource_id(self) -> UUID | None:
        """The resource of the inventory that it is; None where it is none."""
        return None if self.subject.id == NO_RESOURCE else self.subject.id


@dataclass(frozen=True)
class Gathering:
    """Reads a page of resources of one account."""

    session: AsyncSession
    organization_id: UUID
    account_id: UUID

    async def page(
        self,
        ids: Sequence[UUID],
        checks: Sequence[Check],
        today: date,
        *,
        also: Collection[str] = (),
        costs: bool = True,
    ) -> list[Gathered]:
        """All that some checks need of resources, and properties that somebody else needs; without costs, if so asked.

        What went in the meantime is left out.
        """
        properties = sorted({name for check in checks for name in check.properties} | set(also))
        rows = await detection_facts.subjects(self.session, self.organization_id, ids, properties)
        changes = await self._changes(rows, {name for check in checks for name in check.watched})
        cost_of = await self.costs_of([row["id"] for row in rows], today) if costs else {}
        found = {
            row["id"]: Gathered(subject_of(row, changes.get(row["id"], _NOTHING)), cost_of.get(row["id"]))
            for row in rows
        }
        for asked in sorted({one for check in checks for one in check.neighbours}, key=repr):
            await self._add(found, asked)
        return list(found.values())

    async def _add(self, found: Mapping[UUID, Gathered], asked: Neighbours) -> None:
        """Tell each resource its neighbours of one kind."""
        ends = await self._ends(list(found), asked)
        rows = {
            row["id"]: row
            for each in ends.values()
            for _, row in each
            if row is not None and row["resource_type"] == asked.resource_type
        }
        changes = await self._changes(list(rows.values()), set(asked.watched))
        subjects = {id_: subject_of(row, changes.get(id_, _NOTHING)) for id_, row in rows.items()}
        for id_, one in found.items():
            told = ends.get(id_, ())
            if asked.outgoing:
                one.targets[asked.kind] = [native_id for native_id, _ in told]
            one.neighbours[asked.kind, asked.resource_type] = [
                subjects[row["id"]] for _, row in told if row is not None and row["id"] in subjects
            ]

    async def _ends(self, ids: Sequence[UUID], asked: Neighbours) -> Mapping[UUID, Sequence[tuple[str, Row | None]]]:
        """The other ends of what is asked: native id, and the row where it is in the inventory and not gone."""
        session, organization_id = self.session, self.organization_id
        if asked.peers:
            pairs = await detection_facts.peers_of(session, organization_id, self.account_id, ids, asked.resource_type)
        elif asked.siblings:
            pairs = await detection_facts.siblings_of(session, organization_id, ids, asked.kind)
        else:
            return await detection_facts.targets_of(session, organization_id, ids, asked.kind, outgoing=asked.outgoing)
        wanted = sorted({other for others in pairs.values() for other in others})
        rows = await detection_facts.subjects(session, organization_id, wanted, asked.properties)
        by_id: dict[UUID, Row] = {row["id"]: row for row in rows}
        return {
            id_: [(by_id[one]["native_id"], by_id[one]) for one in others if one in by_id]
            for id_, others in pairs.items()
        }

    async def _changes(self, rows: Sequence[Row], watched: set[str]) -> Mapping[UUID, Changes]:
        if not rows:
            return defaultdict(dict)
        ids = [row["id"] for row in rows]
        return await detection_facts.last_changes(self.session, self.organization_id, ids, sorted(watched))

    async def costs_of(self, ids: Sequence[UUID], today: date) -> dict[UUID, ActualCost]:
        """What resources cost in the last whole month, where all of it was imported and converts into one currency.

        A month and not any 30 days: it is there as a sum, and thirty days of hourly charges of 100,000 resources are
        seventy million rows.
        """
        end = today.replace(day=1)
        start = (end - timedelta(days=1)).replace(day=1)
        period = DateRange(start, end)
        found = await costs_of_resources(self.session, self.organization_id, ids, period, CostMetric.EFFECTIVE_COST)
        return {
            id_: ActualCost(cost.sum.amounts[0], cost.currency, (end - start).days)
            for id_, cost in found.items()
            if cost.sum is not None
            and cost.sum.amounts[0] is not None
            and cost.sum.charges
            and not cost.sum.apart
            and not cost.coverage.missing_days
        }


def subject_of(row: Row, changes: Changes) -> Subject:
    """A resource as checks see it, of a row of `resources` and what was seen to change about it."""
    return Subject(
        id=row["id"],
        account_id=row["account_id"],
        provider=Provider(row["provider"]),
        resource_type=row["resource_type"],
        native_id=row["native_id"],
        name=row["name"],
        region=row["region"],
        status=row["status"],
        first_seen_at=row["first_seen_at"],
        tags=row["tags"],
        properties=row["properties"],
        created_at=row["provider_created_at"],
        last_used_at=row["last_used_at"],
        status_since=changes.get(None),
        changed_at={name: moment for name, moment in changes.items() if name is not None},
    )
