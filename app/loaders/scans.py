"""Reads of scans, their steps and totals, schedules, and what stands around a resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.records.criteria import Criteria, Direction, TextMatch
from app.repositories import inventory_summary, relationships, scans
from app.repositories.inventory_summary import InventorySummary
from app.repositories.kept_statements import Wanted, some_rows_of_each
from app.repositories.relationships import Neighbor, Related
from app.repositories.resource_changes import RESOURCE_CHANGES
from app.repositories.scan_schedules import SCHEDULES
from app.repositories.scans import SCANS, STEPS, ScanTotals
from app.repositories.selection import RowsUnder, some_of_each

_STEPS = RowsUnder(STEPS, "scan_id", (("service", Direction.ASC), ("region", Direction.ASC)))
_CHANGES = RowsUnder(RESOURCE_CHANGES, "resource_id", (("id", Direction.DESC),))


class Asked(NamedTuple):
    """What is asked about one row: equal arguments of many rows share a statement."""

    organization_id: UUID
    id: UUID
    arguments: tuple[Any, ...] = ()


async def answered(
    keys: Sequence[Asked], answers: Callable[[UUID, list[UUID], tuple[Any, ...]], Awaitable[dict[UUID, Any]]]
) -> list[Any]:
    """Answers in key order, asked for once for each organization and set of arguments among the keys."""
    # Once for each id, however often it is asked.
    one, _, same = keys[0] if keys else (None, None, ())
    if one is not None and all(key[0] == one and key[2] == same for key in keys):
        # Mostly there is one of both, and to compare takes a third of the time that hashing such as days does.
        told = await answers(one, list(dict.fromkeys(key[1] for key in keys)), same)
        return [told[key[1]] for key in keys]
    together: dict[tuple[UUID, tuple[Any, ...]], dict[UUID, None]] = defaultdict(dict)
    for key in keys:
        together[key.organization_id, key.arguments][key.id] = None
    found: dict[Asked, Any] = {}
    for (organization_id, arguments), ids in together.items():
        told = await answers(organization_id, list(ids), arguments)
        found |= {Asked(organization_id, id_, arguments): told[id_] for id_ in ids}
    return [found[key] for key in keys]


async def by_organization(
    keys: Sequence[tuple[UUID, UUID]], answers: Callable[[UUID, list[UUID]], Awaitable[list[Any]]]
) -> list[Any]:
    """Answers about (organization, id) pairs in their order, asked for once for each organization and once for each id.

    `answers` gives those about ids of an organization, in the order of these ids.
    """
    ids = [key[1] for key in keys]
    first = keys[0][0] if keys else None
    if first is not None and len(set(ids)) == len(ids) and not [key for key in keys if key[0] != first]:
        return await answers(first, ids)  # as they stand: mostly they are a page of one organization
    together: dict[UUID, dict[UUID, Any]] = {}
    for organization_id, id_ in keys:
        together.setdefault(organization_id, {})[id_] = None
    for organization_id, told in together.items():
        told.update(zip(told, await answers(organization_id, list(told)), strict=True))
    return [together[organization_id][id_] for organization_id, id_ in keys]


class AboutRows:
    """Answers about many rows: one statement for each organization and set of arguments among the keys."""

    def __init__(self, database: Database, read: Callable[..., Awaitable[dict[UUID, Any]]]) -> None:
        self.database = database
        self.read = read

    async def load_many(self, keys: Sequence[Asked]) -> list[Any]:
        """Answers in key order."""
        return await answered(keys, self.of)

    async def of(self, organization_id: UUID, ids: Sequence[UUID], arguments: tuple[Any, ...]) -> dict[UUID, Any]:
        """Answers by id."""
        async with self.database.read(organization_id) as session:
            return await self.read(session, organization_id, ids, *arguments)


class SomeOfEach:
    """The first rows under many keys: one statement for each organization and set of arguments among them.

    The last argument is how many rows of each at most; `criteria` makes conditions of the others.
    """

    def __init__(self, database: Database, rows: RowsUnder, criteria: Callable[..., Criteria] = Criteria) -> None:
        self.database = database
        self.rows = rows
        self.criteria = criteria

    async def load_many(self, keys: Sequence[Asked]) -> list[list[Any]]:
        """Lists in key order."""
        return await answered(keys, self.of)

    async def records(
        self, keys: Sequence[tuple[UUID, UUID]], arguments: tuple[Any, ...], wanted: Wanted
    ) -> list[list[Record]]:
        """Lists of records that begin with the wanted columns, for (organization, id) pairs in their order."""
        *others, limit = arguments
        criteria = self.criteria(*others)

        async def of(organization_id: UUID, ids: list[UUID]) -> list[list[Record]]:
            return await some_rows_of_each(self.database, self.rows, organization_id, ids, limit, criteria, wanted)

        return await by_organization(keys, of)

    async def of(
        self, organization_id: UUID, ids: Sequence[UUID], arguments: tuple[Any, ...]
    ) -> dict[UUID, list[RowMapping]]:
        """Lists of whole rows by id."""
        *others, limit = arguments
        async with self.database.read(organization_id) as session:
            return await some_of_each(session, self.rows, organization_id, ids, limit, self.criteria(*others))


class ScanLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def scans(self) -> Rows:
        """Pages of scans."""
        return Rows(self.database, SCANS)

    @cached_property
    def scan_by_id(self) -> KeyedRow:
        """Scans by our id."""
        return DataLoader(load_fn=RowByKey(self.database, SCANS, "id").load_one_each)

    @cached_property
    def scan_step_by_id(self) -> KeyedRow:
        """Steps of scans by our id."""
        return DataLoader(load_fn=RowByKey(self.database, STEPS, "id").load_one_each)

    @cached_property
    def scan_totals(self) -> DataLoader[Asked, ScanTotals]:
        """What the steps of a scan add up to."""
        return DataLoader(load_fn=AboutRows(self.database, scans.totals).load_many)

    @cached_property
    def scan_steps(self) -> DataLoader[Asked, list[RowMapping]]:
        """Steps of a scan; arguments (states, limit)."""

        def criteria(states: tuple[str, ...] | None) -> Criteria:
            return Criteria((("state", TextMatch(in_=states)),))

        return DataLoader(load_fn=SomeOfEach(self.database, _STEPS, criteria).load_many)

    @cached_property
    def scan_schedules(self) -> Rows:
        """Pages of schedules."""
        return Rows(self.database, SCHEDULES)

    @cached_property
    def scan_schedule_by_id(self) -> KeyedRow:
        """Schedules by our id."""
        return DataLoader(load_fn=RowByKey(self.database, SCHEDULES, "id").load_one_each)

    @cached_property
    def relationships(self) -> DataLoader[Asked, list[Related]]:
        """What a resource says of others and others of it; arguments (outgoing, incoming, kind, limit)."""

        async def read(
            session: AsyncSession,
            organization_id: UUID,
            ids: Sequence[UUID],
            outgoing: bool,
            incoming: bool,
            kind: str | None,
            limit: int,
        ) -> dict[UUID, list[Related]]:
            return await relationships.relationships_of(
                session, organization_id, ids, outgoing=outgoing, incoming=incoming, kind=kind, limit=limit
            )

        return DataLoader(load_fn=AboutRows(self.database, read).load_many)

    @cached_property
    def neighbors(self) -> DataLoader[Asked, list[Neighbor]]:
        """What stands around a resource; arguments (depth, limit)."""

        async def read(
            session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], depth: int, limit: int
        ) -> dict[UUID, list[Neighbor]]:
            return await relationships.neighbors_of(session, organization_id, ids, depth=depth, limit=limit)

        return DataLoader(load_fn=AboutRows(self.database, read).load_many)

    @cached_property
    def resource_changes(self) -> DataLoader[Asked, list[RowMapping]]:
        """What scans found different about a resource, the newest first; arguments (limit)."""
        return DataLoader(load_fn=SomeOfEach(self.database, _CHANGES).load_many)

    async def inventory_summary(
        self, organization_id: UUID, criteria: Criteria, sides: tuple[str, ...]
    ) -> InventorySummary:
        """Counts of the resources that are there, from some sides."""
        return await inventory_summary.inventory_summary(self.database, organization_id, criteria, sides)
