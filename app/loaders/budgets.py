"""Reads of budgets, their standings and alerts, of anomalies, commitments and business metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.budgets.standing import Standing, read_standings
from app.costs.commitments import Quantities, read_quantities
from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.loaders.scans import AboutRows, Asked, SomeOfEach
from app.models import now
from app.records.cost_analysis import DateRange
from app.records.criteria import Direction
from app.repositories.budgets import ALERTS, BUDGETS, forecasts_of
from app.repositories.business_metrics import METRICS, value_ranges
from app.repositories.cost_anomalies import ANOMALIES
from app.repositories.selection import RowsUnder

_NEWEST_ALERTS = RowsUnder(ALERTS, "budget_id", (("crossed_at", Direction.DESC), ("id", Direction.DESC)))


@dataclass(frozen=True)
class BudgetPeriod:
    """A period of a budget, whose row it carries along."""

    organization_id: UUID
    budget_id: UUID
    days: DateRange
    budget: Mapping[Any, Any] = field(compare=False)


@dataclass(frozen=True)
class CommitmentKey:
    """A commitment in a stretch of days."""

    organization_id: UUID
    days: DateRange
    key: tuple[str, str, str]


class CostWatchLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def budgets(self) -> Rows:
        """Pages of budgets."""
        return Rows(self.database, BUDGETS)

    @cached_property
    def budget_by_id(self) -> KeyedRow:
        """Budgets by our id."""
        return DataLoader(load_fn=RowByKey(self.database, BUDGETS, "id").load_one_each)

    @cached_property
    def cost_anomalies(self) -> Rows:
        """Pages of anomalies."""
        return Rows(self.database, ANOMALIES)

    @cached_property
    def cost_anomaly_by_id(self) -> KeyedRow:
        """Anomalies by our id."""
        return DataLoader(load_fn=RowByKey(self.database, ANOMALIES, "id").load_one_each)

    @cached_property
    def business_metrics(self) -> Rows:
        """Pages of business metrics."""
        return Rows(self.database, METRICS)

    @cached_property
    def business_metric_by_id(self) -> KeyedRow:
        """Business metrics by our id."""
        return DataLoader(load_fn=RowByKey(self.database, METRICS, "id").load_one_each)

    @cached_property
    def business_metric_ranges(self) -> DataLoader[Asked, RowMapping | None]:
        """First and last day and the number of values of a metric; None where it has none."""

        async def read(
            session: AsyncSession, organization_id: UUID, ids: Sequence[UUID]
        ) -> dict[UUID, RowMapping | None]:
            found = await value_ranges(session, organization_id, ids)
            return {id_: found.get(id_) for id_ in ids}

        return DataLoader(load_fn=AboutRows(self.database, read).load_many)

    @cached_property
    def budget_alerts(self) -> DataLoader[Asked, list[RowMapping]]:
        """Alerts of a budget, the newest first; arguments (limit)."""
        return DataLoader(load_fn=SomeOfEach(self.database, _NEWEST_ALERTS).load_many)

    @cached_property
    def budget_standings(self) -> DataLoader[BudgetPeriod, Standing]:
        """How budgets stand in periods; at most nine statements for each organization among the keys."""

        async def load(keys: list[BudgetPeriod]) -> list[Standing]:
            found: dict[BudgetPeriod, Standing] = {}
            today: date = now().date()
            for organization_id in {key.organization_id for key in keys}:
                own = [key for key in keys if key.organization_id == organization_id]
                async with self.database.read(organization_id) as session:
                    asked = [(key.budget, key.days) for key in own]
                    standings = await read_standings(session, organization_id, asked, today, with_history=False)
                found |= dict(zip(own, standings.found, strict=True))
            return [found[key] for key in keys]

        return DataLoader(load_fn=load)

    @cached_property
    def budget_forecasts(self) -> DataLoader[BudgetPeriod, RowMapping | None]:
        """What is kept of the forecasts of periods; one statement for each organization among the keys."""

        async def load(keys: list[BudgetPeriod]) -> list[RowMapping | None]:
            found: dict[UUID, dict[tuple[UUID, date], RowMapping]] = {}
            for organization_id in {key.organization_id for key in keys}:
                ids = {key.budget_id for key in keys if key.organization_id == organization_id}
                async with self.database.read(organization_id) as session:
                    found[organization_id] = await forecasts_of(session, organization_id, ids)
            return [found[key.organization_id].get((key.budget_id, key.days.start)) for key in keys]

        return DataLoader(load_fn=load)

    @cached_property
    def commitment_quantities(self) -> DataLoader[CommitmentKey, Quantities]:
        """Quantities of commitments; one statement for each organization and period among the keys."""

        async def load(keys: list[CommitmentKey]) -> list[Quantities]:
            found: dict[CommitmentKey, Quantities] = {}
            for organization_id, days in {(key.organization_id, key.days) for key in keys}:
                own = [key for key in keys if (key.organization_id, key.days) == (organization_id, days)]
                async with self.database.read(organization_id) as session:
                    names = [key.key for key in own]
                    quantities = await read_quantities(session, organization_id, names, days.start, days.end)
                found |= {key: quantities[key.key] for key in own}
            return [found[key] for key in keys]

        return DataLoader(load_fn=load)
