"""Fills the cost store by SQL as an import does, and answers questions about the same charges in plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.tag_keys import allocation_of
from app.database import Database
from app.models import (
    AllocationSet,
    Charge,
    CostDim,
    CostImportPeriod,
    CurrencyRate,
    DetailDim,
    PromotedTagKey,
    ResourceDim,
    SkuDim,
    SummaryDim,
    TagSet,
    new_id,
)

EXACT = Context(prec=200)
AMOUNTS = (
    "billed_cost",
    "effective_cost",
    "list_cost",
    "contracted_cost",
    "pricing_quantity",
    "consumed_quantity",
    "commitment_discount_quantity",
    "pricing_currency_effective_cost",
)
_DAY = "(charge_period_start AT TIME ZONE 'UTC')::date"
_MONTH = "date_trunc('month', charge_period_start AT TIME ZONE 'UTC')::date"
_NAMES = ", ".join(AMOUNTS[:4])
_PIECES = {
    "day": _DAY,
    "month": _MONTH,
    "costs": ", ".join(f"sum({name})" for name in AMOUNTS[:4]) + ", count(*)",
    "rolled": ", ".join(f"sum(c.{name})" for name in AMOUNTS[:4]) + ", sum(c.charge_count)",
    "names": f"{_NAMES}, charge_count",
    "to_cost": "JOIN cost_dims k ON k.organization_id = c.organization_id AND k.id = c.cost_dim_id",
    "to_summary": "JOIN summary_dims s ON s.organization_id = c.organization_id AND s.id = c.summary_dim_id",
    "seller": "coalesce(s.provider, ''), coalesce(s.service_provider_name, '')",
    "service": "coalesce(s.service_category, ''), coalesce(s.service_name, '')",
    "kind": "coalesce(s.charge_category, ''), s.billing_currency",
}
# What an import does, in SQL alone: the fine roll-ups from charges, the coarse ones from those.
_ROLLUPS = (
    """INSERT INTO cost_daily (organization_id, day, cost_dim_id, import_period_id, {names})
        SELECT organization_id, {day}, cost_dim_id, import_period_id, {costs}
        FROM charges WHERE organization_id = :organization GROUP BY 1, 2, 3, 4""",
    """INSERT INTO service_daily (organization_id, day, summary_dim_id, import_period_id, {names})
        SELECT c.organization_id, c.day, k.summary_dim_id, c.import_period_id, {rolled}
        FROM cost_daily c {to_cost} WHERE c.organization_id = :organization GROUP BY 1, 2, 3, 4""",
    """INSERT INTO tag_daily (organization_id, day, allocation_id, summary_dim_id, import_period_id, {names})
        SELECT c.organization_id, {day}, coalesce(t.allocation_id, 0), k.summary_dim_id, import_period_id, {costs}
        FROM charges c {to_cost} LEFT JOIN tag_sets t ON t.organization_id = c.organization_id AND t.id = c.tag_set_id
        WHERE c.organization_id = :organization GROUP BY 1, 2, 3, 4, 5""",
    """INSERT INTO resource_monthly
            (organization_id, month, resource_dim_id, billing_currency, import_period_id, {names})
        SELECT c.organization_id, {month}, c.resource_dim_id, s.billing_currency, import_period_id, {costs}
        FROM charges c {to_cost}
        JOIN summary_dims s ON s.organization_id = c.organization_id AND s.id = k.summary_dim_id
        WHERE c.organization_id = :organization GROUP BY 1, 2, 3, 4, 5""",
    """INSERT INTO provider_daily SELECT c.organization_id, c.day, {seller}, {kind}, {rolled}
        FROM service_daily c {to_summary} WHERE c.organization_id = :organization GROUP BY 1, 2, 3, 4, 5, 6""",
    """INSERT INTO service_monthly
        SELECT c.organization_id, date_trunc('month', c.day)::date, {seller}, {service}, {kind}, {rolled}
        FROM service_daily c {to_summary} WHERE c.organization_id = :organization GROUP BY 1, 2, 3, 4, 5, 6, 7, 8""",
    """INSERT INTO summary_monthly
        SELECT c.organization_id, date_trunc('month', c.day)::date, c.summary_dim_id, {rolled}
        FROM service_daily c WHERE c.organization_id = :organization GROUP BY 1, 2, 3""",
    """INSERT INTO tag_service_daily
        SELECT c.organization_id, c.day, c.allocation_id, coalesce(s.service_name, ''), {kind}, {rolled}
        FROM tag_daily c {to_summary} WHERE c.organization_id = :organization GROUP BY 1, 2, 3, 4, 5, 6""",
    """INSERT INTO tag_total_daily
        SELECT c.organization_id, c.day, c.allocation_id, c.charge_category, c.billing_currency, {rolled}
        FROM tag_service_daily c WHERE c.organization_id = :organization GROUP BY 1, 2, 3, 4, 5""",
    """INSERT INTO cost_months SELECT organization_id, month, bool_or(rows > 1) FROM (
            SELECT organization_id, month, count(*) AS rows FROM resource_monthly
            WHERE organization_id = :organization GROUP BY organization_id, month, resource_dim_id, billing_currency
        ) AS resources GROUP BY 1, 2""",
)
ROLLUPS = tuple(statement.format_map(_PIECES) for statement in _ROLLUPS)


@dataclass
class Store:
    """Charges of one organization, in PostgreSQL and in memory.

    A charge is a dict of FOCUS columns in snake case: amounts, dimensions, `start`, `end`, `tags`, `period` (the number
    of its dataset, of which each billing account is an import period).
    """

    organization_id: UUID
    charges: list[dict[str, Any]] = field(default_factory=list)
    promoted: tuple[str, ...] = ()
    rates: list[tuple[str, str, date, Decimal]] = field(default_factory=list)
    _ids: dict[Any, int] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def fill(self, database: Database, charges: Sequence[Mapping[str, Any]]) -> None:
        """Store charges and everything that follows from them."""
        self.charges = [dict(charge) for charge in charges]
        async with database.write(self.organization_id) as session:
            for month in sorted({charge["start"].date().replace(day=1) for charge in charges}):
                await session.execute(text("SELECT app_charge_partition(:month)"), {"month": month})
            await self._add(
                session,
                PromotedTagKey,
                [{"key": key, "position": 1, "created_at": datetime.now(UTC)} for key in self.promoted],
            )
            periods = await self._periods(session)
            await self._dims(session, periods)
            for statement in ROLLUPS:
                await session.execute(text(statement), {"organization": self.organization_id})
            rates = [
                {"from_currency": one[0], "to_currency": one[1], "valid_from": one[2], "rate": one[3], "source": "test"}
                | {"updated_at": datetime.now(UTC)}
                for one in self.rates
            ]
            await self._add(session, CurrencyRate, rates)

    async def _periods(self, session: AsyncSession) -> dict[tuple[int, str], int]:
        ids: dict[tuple[int, str], int] = {}
        for number, payer in sorted({_period_of(charge) for charge in self.charges}):
            own = [charge for charge in self.charges if _period_of(charge) == (number, payer)]
            days = [charge["start"].date() for charge in own]
            currencies = {charge["billing_currency"] for charge in own}
            values = {
                "organization_id": self.organization_id,
                "import_id": new_id(),
                "dataset": f"dataset {number}",
                "billing_account_id": payer,
                "billing_period_start": min(days).replace(day=1),
                "billing_period_end": (max(days).replace(day=28) + timedelta(days=4)).replace(day=1),
                "status": "ACTIVE",
                "finality": "PROVISIONAL",
                "first_day": min(days),
                "last_day": max(days),
                "charge_count": len(own),
                "last_line": len(self.charges),
                "billing_currency": currencies.pop() if len(currencies) == 1 else None,
                "billed_cost": sum(charge["billed_cost"] for charge in own),
                "unknown": {
                    name: missing for name in AMOUNTS if (missing := sum(charge.get(name) is None for charge in own))
                },
                "created_at": datetime.combine(max(days), datetime.min.time(), UTC),
            }
            table: Table = CostImportPeriod.__table__  # type: ignore[assignment]
            ids[number, payer] = (
                await session.execute(insert(table).values(values).returning(table.c.id))
            ).scalar_one()
            for charge in own:
                charge |= {"dataset": values["dataset"]}
                charge |= {name: values[name] for name in ("billing_period_start", "billing_period_end")}
        return ids

    async def _dims(self, session: AsyncSession, periods: Mapping[tuple[int, str], int]) -> None:
        rows: dict[type, dict[int, dict[str, Any]]] = {}

        def intern(model: type, values: dict[str, Any]) -> int:
            key = (model, repr(sorted(values.items(), key=lambda item: item[0])))
            id_ = self._ids.setdefault(key, next(self._numbers))
            rows.setdefault(model, {})[id_] = {"id": id_, **values}
            return id_

        facts = []
        for line, charge in enumerate(self.charges, 1):
            summary = intern(SummaryDim, _of(SummaryDim, charge))
            cost = intern(CostDim, _of(CostDim, charge) | {"summary_dim_id": summary})
            ids = {"cost_dim_id": cost}
            for name, dimension in (("sku", SkuDim), ("resource", ResourceDim), ("detail", DetailDim)):
                values = _of(dimension, charge)
                if name == "detail" and any(values.values()):
                    values["extra"] = {}
                ids[f"{name}_dim_id"] = intern(dimension, values) if any(v is not None for v in values.values()) else 0
            tags = charge.get("tags") or {}
            allocation = allocation_of(tags, self.promoted)
            allocation_id = intern(AllocationSet, {"tags": allocation}) if allocation else 0
            ids["tag_set_id"] = intern(TagSet, {"tags": tags, "allocation_id": allocation_id}) if tags else 0
            facts.append(
                {
                    "import_period_id": periods[_period_of(charge)],
                    "line_no": line,
                    "charge_period_start": charge["start"],
                    "charge_period_end": charge["end"],
                    **ids,
                    **{name: charge.get(name) for name in AMOUNTS},
                    "identity": None,
                }
            )
        for model, found in rows.items():
            await self._add(session, model, list(found.values()))
        await self._add(session, Charge, facts)

    async def _add(self, session: AsyncSession, model: Any, rows: list[dict[str, Any]]) -> None:
        for first in range(0, len(rows), 500):
            page = [{"organization_id": self.organization_id, **row} for row in rows[first : first + 500]]
            await session.execute(insert(model.__table__), page)


def _period_of(charge: Mapping[str, Any]) -> tuple[int, str]:
    """The number of its dataset, and its billing account."""
    return charge.get("period", 0), charge.get("billing_account_id") or ""


def _of(model: Any, charge: Mapping[str, Any]) -> dict[str, Any]:
    skipped = {"organization_id", "id", "summary_dim_id"}
    return {column.name: charge.get(column.name) for column in model.__table__.c if column.name not in skipped}


def charge(start: date | datetime, billed: str, **more: Any) -> dict[str, Any]:
    """A charge of one day, in USD by AWS for one service unless said otherwise; its effective cost is the billed."""
    moment = start if isinstance(start, datetime) else datetime.combine(start, datetime.min.time(), UTC)
    values = {
        "start": moment,
        "end": moment + timedelta(days=1),
        "billed_cost": Decimal(billed),
        "effective_cost": Decimal(billed),
        "provider": "AWS",
        "service_provider_name": "Amazon Web Services",
        "service_name": "Amazon EC2",
        "billing_currency": "USD",
        "charge_category": "Usage",
    }
    return values | more


def exact_sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is known, None where nothing is."""
    total: Decimal | None = None
    for amount in amounts:
        if amount is not None:
            total = EXACT.add(total or Decimal(0), amount)
    return total
