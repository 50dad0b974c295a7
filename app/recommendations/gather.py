"""Gathers what checks are told of a page of resources: a few statements for any number of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.nodes import costs_of_resources
from app.detection.check import Check, Neighbours
from app.detection.facts import ActualCost, Subject
from app.records import Provider, RelationshipKind
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.repositories import detection_facts

NeighbourKey = tuple[RelationshipKind, str]


@dataclass(frozen=True)
class Gathered:
    """One resource with all that was found about it, whatever the check."""

    subject: Subject
    cost: ActualCost | None
    neighbours: Mapping[NeighbourKey, Sequence[Subject]]
    targets: Mapping[RelationshipKind, Sequence[str]]


async def gather(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], checks: Sequence[Check], moment: datetime
) -> list[Gathered]:
    """All that some checks need of resources; what went in the meantime is left out."""
    properties = sorted({name for check in checks for name in check.properties})
    rows = await detection_facts.subjects(session, organization_id, ids, properties)
    there = [row["id"] for row in rows]
    changed = await detection_facts.status_changes(session, organization_id, there)
    costs = await _costs(session, organization_id, there, moment.date())
    neighbours: dict[UUID, dict[NeighbourKey, Sequence[Subject]]] = defaultdict(dict)
    targets: dict[UUID, dict[RelationshipKind, Sequence[str]]] = defaultdict(dict)
    for asked in sorted({one for check in checks for one in check.neighbours}, key=repr):
        await _add_neighbours(session, organization_id, there, asked, neighbours, targets)
    return [
        Gathered(
            subject=subject_of(row, changed.get(row["id"])),
            cost=costs.get(row["id"]),
            neighbours=neighbours[row["id"]],
            targets=targets[row["id"]],
        )
        for row in rows
    ]


async def _add_neighbours(
    session: AsyncSession,
    organization_id: UUID,
    ids: Sequence[UUID],
    asked: Neighbours,
    neighbours: dict[UUID, dict[NeighbourKey, Sequence[Subject]]],
    targets: dict[UUID, dict[RelationshipKind, Sequence[str]]],
) -> None:
    found: Mapping[UUID, Sequence[tuple[str, Mapping[Any, Any] | None]]]
    if asked.siblings:
        found = await _siblings(session, organization_id, ids, asked)
    else:
        found = await detection_facts.targets_of(session, organization_id, ids, asked.kind, outgoing=asked.outgoing)
    for id_, ends in found.items():
        if asked.outgoing and not asked.siblings:
            targets[id_][asked.kind] = [native_id for native_id, _ in ends]
        neighbours[id_][asked.kind, asked.resource_type] = [
            subject_of(row, None) for _, row in ends if row is not None and row["resource_type"] == asked.resource_type
        ]


async def _siblings(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], asked: Neighbours
) -> dict[UUID, list[tuple[str, Mapping[Any, Any] | None]]]:
    pairs = await detection_facts.siblings_of(session, organization_id, ids, asked.kind)
    wanted = sorted({other for others in pairs.values() for other in others})
    rows = await detection_facts.subjects(session, organization_id, wanted, asked.properties)
    by_id: dict[UUID, Mapping[Any, Any]] = {row["id"]: row for row in rows}
    return {id_: [(by_id[one]["native_id"], by_id[one]) for one in pairs.get(id_, ()) if one in by_id] for id_ in ids}


def subject_of(row: Mapping[Any, Any], status_since: datetime | None) -> Subject:
    """A resource as checks see it, of a row of `resources`."""
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
        status_since=status_since,
    )


async def _costs(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], today: date
) -> dict[UUID, ActualCost]:
    """What resources cost in the last whole month, where all of it was imported and converts into one currency.

    A month and not any 30 days: it is there as a sum, and thirty days of hourly charges of 100,000 resources are
    seventy million rows.
    """
    end = today.replace(day=1)
    start = (end - timedelta(days=1)).replace(day=1)
    period = DateRange(start, end)
    found = await costs_of_resources(session, organization_id, ids, period, CostMetric.EFFECTIVE_COST)
    return {
        id_: ActualCost(cost.sum.amounts[0], cost.currency, (end - start).days)
        for id_, cost in found.items()
        if cost.sum is not None
        and cost.sum.amounts[0] is not None
        and cost.sum.charges
        and not cost.sum.apart
        and not cost.coverage.missing_days
    }
