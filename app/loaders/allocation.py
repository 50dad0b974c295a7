"""Reads of teams and what they bear, of tag keys, and of allocation rules and runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation import borne, preview
from app.costs.allocation.borne import Borne, Report
from app.costs.allocation.preview import Draft, Preview
from app.costs.analysis.coverage import PeriodCoverage
from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.loaders.scans import AboutRows, Asked
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.repositories import allocation, tag_key_figures
from app.repositories.allocation import RULES, RUNS
from app.repositories.teams import TEAMS


class AllocationLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def teams(self) -> Rows:
        """Pages of teams."""
        return Rows(self.database, TEAMS)

    @cached_property
    def team_by_id(self) -> KeyedRow:
        """Teams by our id."""
        return DataLoader(load_fn=RowByKey(self.database, TEAMS, "id").load_one_each)

    @cached_property
    def allocation_rule_by_id(self) -> KeyedRow:
        """Allocation rules by our id."""
        return DataLoader(load_fn=RowByKey(self.database, RULES, "id").load_one_each)

    @cached_property
    def allocation_run_by_id(self) -> KeyedRow:
        """Runs of allocation by our id."""
        return DataLoader(load_fn=RowByKey(self.database, RUNS, "id").load_one_each)

    @cached_property
    def team_costs(self) -> DataLoader[Asked, tuple[str, Borne, PeriodCoverage]]:
        """What a team bears, with the organization's currency and what is known; arguments (period, metric)."""

        async def read(
            session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], period: DateRange, metric: CostMetric
        ) -> dict[UUID, tuple[str, Borne, PeriodCoverage]]:
            found = await borne.bearing(session, organization_id, period, metric, ids)
            return {id_: (found.currency, found.of(id_), found.coverage) for id_ in ids}

        return DataLoader(load_fn=AboutRows(self.database, read).load_many)

    async def allocation_rules(self, organization_id: UUID) -> Sequence[RowMapping]:
        """All rules of an organization in their order."""
        async with self.database.read(organization_id) as session:
            return await allocation.all_rules(session, organization_id)

    async def allocation_runs(self, organization_id: UUID, limit: int) -> Sequence[RowMapping]:
        """The last runs, the newest first."""
        async with self.database.read(organization_id) as session:
            return await allocation.newest_runs(session, organization_id, limit)

    async def tag_keys(self, organization_id: UUID, limit: int) -> Sequence[RowMapping]:
        """Tag keys with their figures, the promoted ones first."""
        async with self.database.read(organization_id) as session:
            return await tag_key_figures.figures(session, organization_id, limit)

    async def allocation_report(self, organization_id: UUID, period: DateRange, metric: CostMetric) -> Report:
        """What teams bear of a period."""
        async with self.database.read(organization_id) as session:
            return await borne.report(session, organization_id, period.start, period.end, metric)

    async def allocation_preview(self, organization_id: UUID, month: date, draft: Draft, metric: CostMetric) -> Preview:
        """What would move between teams if a rule were another."""
        async with self.database.read(organization_id) as session:
            return await preview.preview_rule(session, organization_id, month, draft, metric)
