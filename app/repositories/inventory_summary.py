"""SQL that counts an inventory from several sides at once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.criteria import Criteria
from app.repositories.resources import RESOURCES
from app.repositories.selection import conditions

SIDES = ("provider", "service", "resource_type", "region", "status")


@dataclass(frozen=True)
class InventorySummary:
    """How many resources are there, and how many with each value of a column, the most first; None is no value."""

    total: int
    by: dict[str, list[tuple[str | None, int]]]


async def inventory_summary(session: AsyncSession, organization_id: UUID, criteria: Criteria) -> InventorySummary:
    """Count the resources that are there (not gone) and meet the criteria, in one statement and one pass."""
    columns = [RESOURCES.c[name] for name in SIDES]
    number = func.count()
    # GROUPING() has a bit for each column, 0 where the row is a group of it: a NULL alone could be either.
    statement = (
        select(func.grouping(*columns), *columns, number)
        .where(*conditions(RESOURCES, organization_id, criteria), RESOURCES.c.gone_at.is_(None))
        .group_by(func.grouping_sets(tuple_(), *(tuple_(column) for column in columns)))
        .order_by(number.desc(), *columns)
    )
    every = (1 << len(SIDES)) - 1
    side_of = {every ^ (1 << (len(SIDES) - 1 - place)): place for place in range(len(SIDES))}
    total = 0
    by: dict[str, list[tuple[str | None, int]]] = {name: [] for name in SIDES}
    for bits, *values, count in await session.execute(statement):
        if bits == every:
            total = count
        else:
            place = side_of[bits]
            by[SIDES[place]].append((values[place], count))
    return InventorySummary(total, by)
