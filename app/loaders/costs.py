"""Reads of costs: answers to questions, what accounts and resources cost, currency rates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping

from app.costs.analysis.answers import answer_about
from app.costs.analysis.nodes import NodeCost, costs_of_accounts, costs_of_resources_rows, node_costs
from app.costs.analysis.report import CostAnswer
from app.costs.analysis.report_forecasts import Forecasts, ForecastWish, answer_with_forecasts
from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.scans import Asked, answered, by_organization
from app.paging import Page, PageRequest
from app.records.cost_analysis import CostCoverage, CostQuestion, DateRange
from app.records.costs import CostMetric
from app.records.criteria import Criteria
from app.repositories import currency_rates
from app.repositories.cost_coverage import cost_coverage
from app.repositories.kept_statements import Wanted


class AccountCost(NamedTuple):
    """What is asked about one account: equal periods and metrics of many accounts share their statements."""

    organization_id: UUID
    id: UUID
    provider: str
    native_id: str
    period: DateRange
    metric: CostMetric


class CostsOfAccounts:
    """What accounts cost. Two statements for each organization, period and metric among the keys."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def load_many(self, keys: Sequence[AccountCost]) -> list[NodeCost]:
        """Costs in key order."""
        together: dict[tuple[UUID, DateRange, CostMetric], dict[UUID, tuple[str, str]]] = defaultdict(dict)
        for key in keys:
            together[key.organization_id, key.period, key.metric][key.id] = (key.provider, key.native_id)
        found: dict[tuple[UUID, DateRange, CostMetric, UUID], NodeCost] = {}
        for (organization_id, period, metric), accounts in together.items():
            async with self.database.read(organization_id, one_state=True) as session:
                costs = await costs_of_accounts(session, organization_id, accounts, period, metric)
            found |= {(organization_id, period, metric, id_): cost for id_, cost in costs.items()}
        return [found[key.organization_id, key.period, key.metric, key.id] for key in keys]


class CostsOfResources:
    """What resources cost. One statement for each organization and set of arguments (period, metric) among the keys."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def load_many(self, keys: Sequence[Asked]) -> list[NodeCost]:
        """Costs in key order."""
        return await answered(keys, self.of)

    async def of(
        self, organization_id: UUID, ids: Sequence[UUID], arguments: tuple[DateRange, CostMetric]
    ) -> dict[UUID, NodeCost]:
        """Costs by id."""
        rows = await costs_of_resources_rows(self.database, organization_id, ids, *arguments)
        return dict(zip(ids, node_costs(rows, arguments[0]), strict=True))

    async def records(
        self,
        keys: Sequence[tuple[UUID, UUID]],
        periods: Mapping[UUID, DateRange],
        metric: CostMetric,
        wanted: Wanted,
    ) -> list[Any]:
        """Rows of the wanted columns of app.repositories.cost_rows for (organization, id) pairs in their order.

        `periods` are by organization.
        """

        async def of(organization_id: UUID, ids: list[UUID]) -> list[Any]:
            period = periods[organization_id]
            return list(await costs_of_resources_rows(self.database, organization_id, ids, period, metric, wanted))

        return await by_organization(keys, of)


@dataclass(frozen=True)
class Rates:
    """Pages and counts of currency rates."""

    database: Database

    async def page(self, organization_id: UUID, criteria: Criteria, request: PageRequest) -> Page[RowMapping]:
        """One page; the key of the request is (from currency, to currency, day)."""
        async with self.database.read(organization_id) as session:
            return await currency_rates.rate_page(session, organization_id, criteria, request)

    def counter(self, organization_id: UUID, criteria: Criteria) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""

        async def count() -> int:
            async with self.database.read(organization_id) as session:
                return await currency_rates.count_rates(session, organization_id, criteria)

        return count


class CostLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def account_costs(self) -> DataLoader[AccountCost, NodeCost]:
        """What accounts cost."""
        return DataLoader(load_fn=CostsOfAccounts(self.database).load_many)

    @cached_property
    def resource_costs(self) -> DataLoader[Asked, NodeCost]:
        """What resources cost; arguments (period, metric)."""
        return DataLoader(load_fn=self.costs_of_resources.load_many)

    @cached_property
    def costs_of_resources(self) -> CostsOfResources:
        """The same without waiting for others that ask."""
        return CostsOfResources(self.database)

    @cached_property
    def currency_rates(self) -> Rates:
        """Pages of currency rates."""
        return Rates(self.database)

    async def cost_coverage(self, organization_id: UUID, period: DateRange | None) -> CostCoverage:
        """What the imports say of a period, or of all time."""
        async with self.database.read(organization_id) as session:
            return await cost_coverage(session, organization_id, period)

    async def cost_answer(
        self, organization_id: UUID, span: DateRange | None, ask: Callable[[CostCoverage], CostQuestion]
    ) -> CostAnswer:
        """The answer to a question."""
        return await answer_about(self.database, organization_id, span, ask)

    async def cost_forecasts(
        self,
        organization_id: UUID,
        span: DateRange | None,
        ask: Callable[[CostCoverage], CostQuestion],
        wish: ForecastWish,
    ) -> tuple[CostAnswer, Forecasts]:
        """The answer to a question, with forecasts of the rest of its period."""
        return await answer_with_forecasts(self.database, organization_id, span, ask, wish)
