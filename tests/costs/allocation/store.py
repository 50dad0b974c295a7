"""Fills the cost store by plain SQL, as its owner: charges, their dimensions and the roll-ups that they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.allocation.tag_keys import allocation_id, allocation_of
from app.costs.analysis.periods import add_months, month_of
from app.database import Database

DIMENSIONS = (
    "provider",
    "service_provider_name",
    "billing_account_id",
    "billing_account_name",
    "sub_account_id",
    "sub_account_name",
    "service_category",
    "service_name",
    "charge_category",
    "billing_currency",
)
SUMS = "sum(billed_cost), sum(effective_cost), sum(list_cost), sum(contracted_cost), count(*)::bigint"  # of charges
MERGED = "sum(billed_cost), sum(effective_cost), sum(list_cost), sum(contracted_cost), sum(charge_count)::bigint"


@dataclass(frozen=True)
class Spent:
    """A charge: `effective_cost` and the others are the billed cost where they are not given, null where None."""

    day: date
    billed_cost: Decimal
    service_name: str | None = "Amazon EC2"
    tags: dict[str, Any] = field(default_factory=dict)
    sub_account_id: str | None = "111122223333"
    billing_currency: str = "USD"
    effective_cost: Decimal | str | None = "billed"
    list_cost: Decimal | None = None
    charge_category: str = "Usage"
    provider: str = "AWS"

    @property
    def effective(self) -> Decimal | None:
        return self.billed_cost if isinstance(self.effective_cost, str) else self.effective_cost

    @property
    def dimension(self) -> dict[str, str | None]:
        return {
            "provider": self.provider,
            "service_provider_name": self.provider,
            "billing_account_id": "999988887777",
            "billing_account_name": None,
            "sub_account_id": self.sub_account_id,
            "sub_account_name": None,
            "service_category": "Compute",
            "service_name": self.service_name,
            "charge_category": self.charge_category,
            "billing_currency": self.billing_currency,
        }


async def fill(owner: Database, organization_id: UUID, spent: Sequence[Spent], promoted: Sequence[str] = ()) -> None:
    """Store charges of a new import period in an organization, and its roll-ups anew."""
    async with owner.engine.begin() as connection:
        for month in sorted({each.day.replace(day=1) for each in spent}):
            await connection.execute(text("SELECT app_charge_partition(:month)"), {"month": month})
        period = await _period(connection, organization_id, spent)
        dims: dict[tuple[Any, ...], int] = {}
        sets: dict[bytes, int] = {}
        for each in spent:
            await _dimensions(connection, organization_id, each, dims, sets, promoted)
        await connection.execute(
            text("""
                INSERT INTO charges (organization_id, import_period_id, line_no, charge_period_start, charge_period_end,
                    cost_dim_id, sku_dim_id, resource_dim_id, tag_set_id, detail_dim_id, billed_cost, effective_cost,
                    list_cost)
                VALUES (:organization_id, :period, :line, :begin, :end, :dim, 0, 0, :tags, 0, :billed, :effective,
                    :list)
            """),
            [
                {
                    "organization_id": organization_id,
                    "period": period,
                    "line": line,
                    "begin": datetime(each.day.year, each.day.month, each.day.day, tzinfo=UTC),
                    "end": datetime(each.day.year, each.day.month, each.day.day, tzinfo=UTC) + timedelta(days=1),
                    "dim": dims[tuple(each.dimension.values())],
                    "tags": sets[_json(each.tags)] if each.tags else 0,
                    "billed": each.billed_cost,
                    "effective": each.effective,
                    "list": each.list_cost,
                }
                for line, each in enumerate(spent, start=1)
            ],
        )
        await roll_up(connection, organization_id)


def _json(tags: dict[str, Any]) -> bytes:
    return orjson.dumps(tags, option=orjson.OPT_SORT_KEYS)


async def _period(connection: AsyncConnection, organization_id: UUID, spent: Sequence[Spent]) -> int:
    days = [each.day for each in spent]
    count = await connection.scalar(text("SELECT count(*) FROM cost_import_periods"))
    statement = text("""
        INSERT INTO cost_import_periods (organization_id, import_id, dataset, billing_account_id,
            billing_period_start, billing_period_end, status, finality, first_day, last_day, charge_count,
            billed_cost, unknown, created_at, last_line)
        VALUES (:organization_id, gen_random_uuid(), :dataset, '999988887777', :start, :end, 'ACTIVE', 'FINAL',
            :first, :last, :count, :billed, '{}', now(), :count) RETURNING id
    """)
    values = {
        "organization_id": organization_id,
        "dataset": f"dataset {count}",
        "start": month_of(min(days)),
        "end": add_months(month_of(max(days)), 1),
        "first": min(days),
        "last": max(days),
        "count": len(spent),
        "billed": sum((each.billed_cost for each in spent), Decimal(0)),
    }
    return int((await connection.execute(statement, values)).scalar_one())


async def _dimensions(
    connection: AsyncConnection,
    organization_id: UUID,
    each: Spent,
    dims: dict[tuple[Any, ...], int],
    sets: dict[bytes, int],
    promoted: Sequence[str],
) -> None:
    key = tuple(each.dimension.values())
    if key not in dims:
        dims[key] = number = hash(key) & 0x7FFFFFFFFFFF
        names = ", ".join(DIMENSIONS)
        marks = ", ".join(f":{name}" for name in DIMENSIONS)
        await connection.execute(
            text(
                f"INSERT INTO summary_dims (organization_id, id, {names}) VALUES (:organization_id, :id, {marks}) "  # noqa: S608
                "ON CONFLICT DO NOTHING"
            ),
            {"organization_id": organization_id, "id": number, **each.dimension},
        )
        await connection.execute(
            text(
                "INSERT INTO cost_dims (organization_id, id, summary_dim_id) VALUES (:organization_id, :id, :id) "
                "ON CONFLICT DO NOTHING"
            ),
            {"organization_id": organization_id, "id": number},
        )
    if each.tags and (written := _json(each.tags)) not in sets:
        sets[written] = hash(written) & 0x7FFFFFFFFFFF
        await _tag_set(connection, organization_id, each, sets[written], promoted)


async def _tag_set(
    connection: AsyncConnection, organization_id: UUID, each: Spent, number: int, promoted: Sequence[str]
) -> None:
    allocation = allocation_of(each.tags, promoted)
    values = {"organization_id": organization_id, "allocation": allocation_id(allocation)}
    await connection.execute(
        text(
            "INSERT INTO tag_sets (organization_id, id, tags, allocation_id) "
            "VALUES (:organization_id, :id, CAST(:tags AS jsonb), :allocation) ON CONFLICT DO NOTHING"
        ),
        values | {"id": number, "tags": _json(each.tags).decode()},
    )
    if allocation:
        await connection.execute(
            text(
                "INSERT INTO allocation_sets (organization_id, id, tags) "
                "VALUES (:organization_id, :allocation, CAST(:tags AS jsonb)) ON CONFLICT DO NOTHING"
            ),
            values | {"tags": orjson.dumps(allocation).decode()},
        )


async def roll_up(connection: AsyncConnection, organization_id: UUID) -> None:
    """The roll-ups that allocation reads, of all charges of an organization."""
    for table, statement in ROLL_UPS.items():
        clear = f"DELETE FROM {table} WHERE organization_id = :organization_id"  # noqa: S608  (constants)
        await connection.execute(text(clear), {"organization_id": organization_id})
        await connection.execute(text(statement), {"organization_id": organization_id})


DAY = "(c.charge_period_start AT TIME ZONE 'UTC')::date"
CHARGES = "charges c JOIN cost_dims k ON k.organization_id = c.organization_id AND k.id = c.cost_dim_id"
WITH_TAGS = "LEFT JOIN tag_sets t ON t.organization_id = c.organization_id AND t.id = c.tag_set_id"
WITH_DIM = "r JOIN summary_dims s ON s.organization_id = r.organization_id AND s.id = r.summary_dim_id"
MINE = "WHERE c.organization_id = :organization_id"
ITS = "WHERE r.organization_id = :organization_id"
ROLL_UPS = {
    "tag_daily": (
        f"INSERT INTO tag_daily SELECT c.organization_id, {DAY}, coalesce(t.allocation_id, 0), k.summary_dim_id, "  # noqa: S608
        f"c.import_period_id, {SUMS} FROM {CHARGES} {WITH_TAGS} {MINE} GROUP BY 1, 2, 3, 4, 5"
    ),
    "service_daily": (
        f"INSERT INTO service_daily SELECT c.organization_id, {DAY}, k.summary_dim_id, c.import_period_id, {SUMS} "  # noqa: S608
        f"FROM {CHARGES} {MINE} GROUP BY 1, 2, 3, 4"
    ),
    "provider_daily": (
        "INSERT INTO provider_daily SELECT r.organization_id, r.day, s.provider, "  # noqa: S608
        f"coalesce(s.service_provider_name, ''), coalesce(s.charge_category, ''), s.billing_currency, {MERGED} "
        f"FROM service_daily {WITH_DIM} {ITS} GROUP BY 1, 2, 3, 4, 5, 6"
    ),
    "tag_service_daily": (
        "INSERT INTO tag_service_daily SELECT r.organization_id, r.day, r.allocation_id, "  # noqa: S608
        f"coalesce(s.service_name, ''), coalesce(s.charge_category, ''), s.billing_currency, {MERGED} "
        f"FROM tag_daily {WITH_DIM} {ITS} GROUP BY 1, 2, 3, 4, 5, 6"
    ),
    "tag_total_daily": (
        "INSERT INTO tag_total_daily SELECT r.organization_id, r.day, r.allocation_id, r.charge_category, "  # noqa: S608
        f"r.billing_currency, {MERGED} FROM tag_service_daily r {ITS} GROUP BY 1, 2, 3, 4, 5"
    ),
}
