"""Gathers what checks are told of a page of resources: a few statements for any number of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.charges import Charges
from app.detection.check import Check, Neighbours
from app.detection.facts import ActualCost, Advice, Subject
from app.recommendations.bills import bills_of
from app.records import Provider, RelationshipKind
from app.repositories import detection_facts

NeighbourKey = tuple[RelationshipKind, str]
Row = Mapping[str, Any]
Changes = Mapping[str | None, datetime]
Ends = Mapping[UUID, Sequence[tuple[str, UUID | None]]]
_NOTHING: Changes = {}
_UNCHANGED: Mapping[str, datetime] = {}
_PROVIDERS = {one.value: one for one in Provider}
NO_RESOURCE = UUID(int=0)
"""Stands for a resource in a subject that is none."""


@dataclass
class Gathered:
    """One resource, or subject of charges or of advice, with all that was found about it, whatever the check."""

    subject: Subject
    cost: ActualCost | None = None
    neighbours: dict[NeighbourKey, Sequence[Subject]] = field(default_factory=dict)
    targets: dict[RelationshipKind, Sequence[str]] = field(default_factory=dict)
    neighbour_costs: Mapping[UUID, ActualCost] = field(default_factory=dict)
    cut: set[NeighbourKey] = field(default_factory=set)
    """Neighbours of which there are more than are told."""
    charges: Charges | None = None
    charged_key: str | None = None
    """What tells a subject of charges or of advice for ever; None for a resource."""
    advice: Advice | None = None

    @property
    def key(self) -> str:
        """What tells the subject for ever."""
        return str(self.subject.id) if self.charged_key is None else self.charged_key

    def costly(self, checks: Sequence[Check]) -> set[UUID]:
        """The neighbours of which some checks ask what they cost."""
        places = {(asked.kind, asked.resource_type) for check in checks for asked in check.neighbours if asked.costs}
        return {each.id for place in places for each in self.neighbours.get(place, ())}

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
        found = {row["id"]: Gathered(subject_of(row, changes.get(row["id"], _NOTHING))) for row in rows}
        await self.surround(found, checks)
        if costs:
            await self.add_costs([(one, checks) for one in found.values()], today)
        return list(found.values())

    async def surround(self, found: Mapping[UUID, Gathered], checks: Sequence[Check]) -> None:
        """Tell resources, by their ids, the neighbours that some checks ask for."""
        known: dict[Neighbours, Ends] = {}
        for asked in neighbours_of(checks) if found else ():
            of_type = asked.resource_type if asked.peers else ""
            place = replace(asked, properties=(), watched=(), resource_type=of_type, costs=False)
            if place not in known:
                known[place] = await self._ends(list(found), asked)
            await self._add(found, asked, known[place])

    async def _add(self, found: Mapping[UUID, Gathered], asked: Neighbours, ends: Ends) -> None:
        """Tell each resource its neighbours of one kind and type."""
        wanted = sorted({other for each in ends.values() for _, other in each if other is not None})
        there = await detection_facts.subjects(self.session, self.organization_id, wanted, asked.properties)
        rows = {row["id"]: row for row in there if row["resource_type"] == asked.resource_type}
        changes = await self._changes(list(rows.values()), set(asked.watched))
        subjects = {id_: subject_of(row, changes.get(id_, _NOTHING)) for id_, row in rows.items()}
        for id_, one in found.items():
            told = ends.get(id_, ())
            if not asked.siblings and len(told) > detection_facts.MOST_NEIGHBOURS:
                one.cut.add((asked.kind, asked.resource_type))
            if asked.outgoing:
                one.targets[asked.kind] = [native_id for native_id, _ in told]
            one.neighbours[asked.kind, asked.resource_type] = [
                subjects[other] for _, other in told if other is not None and other in subjects
            ]

    async def _ends(self, ids: Sequence[UUID], asked: Neighbours) -> Ends:
        """The other ends of what is asked: native id where the resource names it, and our id where there is one."""
        session, organization_id = self.session, self.organization_id
        if asked.peers:
            pairs = await detection_facts.peers_of(session, organization_id, self.account_id, ids, asked.resource_type)
        elif asked.siblings:
            pairs = await detection_facts.siblings_of(session, organization_id, ids, asked.kind)
        else:
            return await detection_facts.targets_of(session, organization_id, ids, asked.kind, outgoing=asked.outgoing)
        return {id_: [("", other) for other in others] for id_, others in pairs.items()}

    async def _changes(self, rows: Sequence[Row], watched: set[str]) -> Mapping[UUID, Changes]:
        if not rows:
            return defaultdict(dict)
        ids = [row["id"] for row in rows]
        return await detection_facts.last_changes(self.session, self.organization_id, ids, sorted(watched))

    async def add_costs(self, found: Sequence[tuple[Gathered, Sequence[Check]]], today: date) -> None:
        """Tell resources what they cost, and what those of their neighbours cost of which some checks ask it."""
        wanted = {one.subject.id: one.costly(checks) for one, checks in found}
        ids = sorted({*wanted, *(id_ for each in wanted.values() for id_ in each)})
        costs = await bills_of(self.session, self.organization_id, ids, today)
        for one, _ in found:
            one.cost = costs.get(one.subject.id)
            one.neighbour_costs = {id_: costs[id_] for id_ in wanted[one.subject.id] if id_ in costs}


def neighbours_of(checks: Sequence[Check]) -> list[Neighbours]:
    """What some checks ask for, each kind and type once, with all that any of them reads of it."""
    found: dict[Neighbours, Neighbours] = {}
    for one in (one for check in checks for one in check.neighbours):
        place = replace(one, properties=(), watched=(), costs=False)
        held = found.get(place, place)
        properties = tuple(sorted({*held.properties, *one.properties}))
        found[place] = replace(place, properties=properties, watched=tuple(sorted({*held.watched, *one.watched})))
    return sorted(found.values(), key=repr)


def subject_of(row: Row, changes: Changes) -> Subject:
    """A resource as checks see it, of a row of `resources` and what was seen to change about it."""
    return Subject(
        id=row["id"],
        account_id=row["account_id"],
        provider=_PROVIDERS[row["provider"]],
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
        status_since=changes.get(None) if changes else None,
        changed_at={name: moment for name, moment in changes.items() if name is not None} if changes else _UNCHANGED,
    )
