"""Charges by their keys, each with all its FOCUS columns: what the view says of them, asked for a few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    RowMapping,
    Select,
    TableValuedAlias,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostDim, DetailDim, ResourceDim, SkuDim, SummaryDim, TagSet
from app.models.views import FOCUS_CHARGES
from app.records.charge_ids import ChargeKey
from app.repositories.charge_conditions import (
    CHARGES,
    COST_DIM,
    PERIOD,
    PERIODS,
    RESOURCE_DIM,
    utc_day,
    utc_midnight,
)
from app.repositories.planning import driver_of

_SUMMARY_DIM = "summary_dim_id"
SUMMARY_DIMS: Any = SummaryDim.__table__
# What the columns of `charges` point to.
DIMENSIONS: dict[str, Any] = {
    PERIOD: PERIODS,
    COST_DIM: CostDim.__table__,
    RESOURCE_DIM: ResourceDim.__table__,
    "sku_dim_id": SkuDim.__table__,
    "tag_set_id": TagSet.__table__,
    "detail_dim_id": DetailDim.__table__,
}


async def plan_reads(session: AsyncSession, *, for_average: bool) -> None:
    """Never walk through the charges of all organizations; plan for one of average size, or for the one at hand.

    For the average where the order is that of the index: an organization that the statistics have not met counts as
    empty (see planning), and any index would do for it. For the one at hand where all its charges are read anyway.
    """
    mode = "force_generic_plan" if for_average else "force_custom_plan"
    driver = await driver_of(session)
    await driver.execute(f"SET LOCAL plan_cache_mode = {mode}; SET LOCAL enable_seqscan = off")


async def charges_at(
    session: AsyncSession, organization_id: UUID, keys: Sequence[RowMapping]
) -> dict[tuple[int, int], RowMapping]:
    """The charges of rows with `import_period_id`, `line_no` and `charge_period_start`, by the first two."""
    arrays = (
        literal([key["import_period_id"] for key in keys], ARRAY(BigInteger)),
        literal([key["line_no"] for key in keys], ARRAY(BigInteger)),
        literal([key["charge_period_start"] for key in keys], ARRAY(DateTime(timezone=True))),
    )
    wanted = func.unnest(*arrays).table_valued("import_period_id", "line_no", "start", name="keys").render_derived()
    rows = await _whole(session, organization_id, wanted, CHARGES.c.charge_period_start == wanted.c.start)
    return {(row["import_period_id"], row["line_no"]): row for row in rows}


async def charges_by_keys(
    session: AsyncSession, organization_id: UUID, wanted: Sequence[ChargeKey]
) -> dict[ChargeKey, RowMapping]:
    """The charges of some keys that are there, in one statement that looks at their days alone."""
    arrays = (
        literal([key.import_period_id for key in wanted], ARRAY(BigInteger)),
        literal([key.line_no for key in wanted], ARRAY(BigInteger)),
        literal([key.begin for key in wanted], ARRAY(DateTime(timezone=True))),
        literal([key.end for key in wanted], ARRAY(DateTime(timezone=True))),
    )
    names = ("import_period_id", "line_no", "begin", "end")
    keys = func.unnest(*arrays).table_valued(*names, name="keys").render_derived()
    start = CHARGES.c.charge_period_start
    rows = await _whole(session, organization_id, keys, start >= keys.c.begin, start < keys.c.end)
    return {
        ChargeKey(row["import_period_id"], utc_day(row["charge_period_start"].timestamp()), row["line_no"]): row
        for row in rows
    }


async def _whole(
    session: AsyncSession, organization_id: UUID, keys: TableValuedAlias, *when: ColumnElement[bool]
) -> Sequence[RowMapping]:
    """The columns of the view for the charges of some keys.

    The view itself joins row by row. Where PostgreSQL thinks that the organization is empty, it then reads all of its
    dimensions for each charge (28 ms a charge in a new organization beside one of 3 million charges); here it reads
    each dimension once for the page, at the worst.
    """
    await plan_reads(session, for_average=True)
    charge = (
        select(CHARGES)
        .where(
            CHARGES.c.organization_id == organization_id,
            CHARGES.c.import_period_id == keys.c.import_period_id,
            CHARGES.c.line_no == keys.c.line_no,
            *when,
        )
        .offset(0)
        .correlate(keys)
        .lateral("charge")
    )
    page = _materialized(select(*charge.c).select_from(keys.join(charge, true())), "page")
    met = {key: _met(organization_id, table, page.c[key], key) for key, table in DIMENSIONS.items()}
    met[_SUMMARY_DIM] = _met(organization_id, SUMMARY_DIMS, met[COST_DIM].c.summary_dim_id, _SUMMARY_DIM)
    joined: FromClause = page
    for key, dimension in met.items():
        pointing = met[COST_DIM] if key == _SUMMARY_DIM else page
        joined = joined.outerjoin(dimension, dimension.c.id == pointing.c[key])
    statement = select(*_columns(page, met)).select_from(joined)
    return (await session.execute(statement)).mappings().all()


def _met(organization_id: UUID, table: FromClause, ids: ColumnElement[Any], key: str) -> CTE:
    """The rows of a dimension that the page points to."""
    wanted = func.array(select(ids).distinct().scalar_subquery())
    statement = select(table).where(table.c.organization_id == organization_id, table.c.id == func.any(wanted))
    return _materialized(statement, key)


def _materialized(statement: Select[*tuple[Any, ...]], name: str) -> CTE:
    return statement.cte(name).prefix_with("MATERIALIZED")


def _columns(page: CTE, met: Mapping[str, CTE]) -> list[ColumnElement[Any]]:
    """The columns of the view, each from where it stands."""
    periods = met[PERIOD]
    made: dict[str, ColumnElement[Any]] = {
        "ingested_at": periods.c.created_at,
        "billing_period_start": utc_midnight(periods.c.billing_period_start),
        "billing_period_end": utc_midnight(periods.c.billing_period_end),
        "dataset": periods.c.dataset,
        "import_id": periods.c.import_id,
    }
    sources = [page, *(dimension for key, dimension in met.items() if key != PERIOD)]
    for column in FOCUS_CHARGES.c:
        if column.name not in made:
            source = next(source for source in sources if column.name in source.c)
            made[column.name] = source.c[column.name]
    return [expression.label(name) for name, expression in made.items()]
