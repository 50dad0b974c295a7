"""SQL that counts an inventory from several sides at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from sqlalchemy import func, literal_column, null, select, tuple_

from app.database import Database
from app.records.criteria import Criteria, Shape
from app.repositories.kept_statements import MOST_KEPT, Binds, KeptStatement, conditions, kept
from app.repositories.resources import RESOURCES

SIDES = ("provider", "service", "resource_type", "region", "status")


@dataclass(frozen=True)
class InventorySummary:
    """How many resources are there, and how many with each value of a column, the most first; None is no value.

    A column that was not asked for has none.
    """

    total: int
    by: dict[str, list[tuple[str | None, int]]]


async def inventory_summary(
    database: Database, organization_id: UUID, criteria: Criteria, sides: tuple[str, ...] = SIDES
) -> InventorySummary:
    """Count the resources that are there (not gone) and meet the criteria, in one statement and one pass."""
    shape, values = criteria.parted()
    statement = _statement(sides, shape)
    rows = await database.fetch(
        statement.sql, statement.arrange((organization_id, *values)), organization_id=organization_id
    )
    by: dict[str, list[tuple[str | None, int]]] = {name: [] for name in SIDES}
    # GROUPING() has a bit for each column, 0 where the row is a group of it: a NULL alone could be either.
    every = (1 << len(sides)) - 1
    side_of = {every ^ (1 << place): by[name] for place, name in enumerate(reversed(sides))}
    total = 0
    for bits, value, count in rows:
        if bits == every:
            total = count
        else:
            side_of[bits].append((value, count))
    return InventorySummary(total, by)


@lru_cache(MOST_KEPT)
def _statement(sides: tuple[str, ...], shape: Shape) -> KeptStatement:
    where = (*conditions(RESOURCES, shape, Binds()), RESOURCES.c.gone_at.is_(None))
    number = func.count()
    if not sides:
        return kept(select(literal_column("0"), null(), number).where(*where))
    columns = [RESOURCES.c[name] for name in sides]
    # Of each row all columns but one are null, or all.
    value = columns[0] if len(columns) == 1 else func.coalesce(*columns)
    return kept(
        select(func.grouping(*columns), value, number)
        .where(*where)
        .group_by(func.grouping_sets(tuple_(), *(tuple_(column) for column in columns)))
        .order_by(number.desc(), *columns)
    )
