"""What accounts and resources cost, as fields of theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.analysis.nodes import costs_beside
from app.execution import BESIDE, batch, wanted_of
from app.loaders.costs import AccountCost
from app.loaders.scans import Asked
from app.records import Provider
from app.records.costs import CostMetric
from app.schema.cost_periods import MONTH_TO_DATE, CostPeriodInput, Metric, Period, PeriodCost, days_of

OWN_KEY = ("organization_id", "id")


@strawberry.type
class AccountCosts:
    """A base of `Account`."""

    key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(
        description="What its charges in a period cost: those with its id as SubAccountId, or as BillingAccountId "
        "where they have no sub account, and of its provider."
    )
    async def costs(self, info: Info, period: Period, metric: Metric = CostMetric.EFFECTIVE_COST) -> PeriodCost | None:
        """Two statements for all accounts of a page."""
        return await account_cost(self, info, period, metric)

    @strawberry.field(description="The same from the first of this month to today.")
    async def month_to_date_cost(self, info: Info, metric: Metric = CostMetric.EFFECTIVE_COST) -> PeriodCost:
        """Two statements for all accounts of a page."""
        return await account_cost(self, info, MONTH_TO_DATE, metric)


async def account_cost(account: AccountCosts, info: Info, period: CostPeriodInput, metric: CostMetric) -> PeriodCost:
    """What an account cost."""
    days = await days_of(info, account.key[0], period)
    provider: Provider = account.provider  # type: ignore[attr-defined]  # of `Account`
    native_id: str = account.native_id  # type: ignore[attr-defined]  # of `Account`
    asked = AccountCost(*account.key, provider.value, native_id, days, metric)
    return PeriodCost.of(await info.context.loaders.account_costs.load(asked), days, metric)


async def resource_costs_of(
    info: Info,
    keys: Sequence[tuple[UUID, UUID]],
    period: CostPeriodInput,
    metric: CostMetric = CostMetric.EFFECTIVE_COST,
) -> list[Any]:
    """What resources cost in a period, or rows of the wanted columns; one statement for each organization."""
    days = {each: await days_of(info, each, period) for each in {key[0] for key in keys}}
    wanted = wanted_of(info)
    if wanted is not None:
        return await info.context.loaders.costs_of_resources.records(keys, days, metric, wanted)
    asked = [Asked(*key, (days[key[0]], metric)) for key in keys]
    found = await info.context.loaders.resource_costs.load_many(asked)
    return [PeriodCost.of(each, days[key[0]], metric) for key, each in zip(keys, found, strict=True)]


async def resource_month_costs_of(
    info: Info, keys: Sequence[tuple[UUID, UUID]], metric: CostMetric = CostMetric.EFFECTIVE_COST
) -> list[Any]:
    """The same from the first of this month to today."""
    return await resource_costs_of(info, keys, MONTH_TO_DATE, metric)


def resource_costs_beside(
    info: Info, period: CostPeriodInput = MONTH_TO_DATE, metric: CostMetric = CostMetric.EFFECTIVE_COST
) -> Callable[[UUID], Awaitable[Any]]:
    """The same for a page of resources of an organization, whose rows it is to come with."""

    async def beside(organization_id: UUID) -> Any:
        return costs_beside(await days_of(info, organization_id, period), metric, BESIDE)

    return beside


@strawberry.type
class ResourceCosts:
    """A base of `Resource`."""

    key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(
        description="What its charges in a period cost: those that name it by ResourceId, of its account and provider. "
        "Services that bill without naming resources are not in it.",
        metadata=batch(
            resource_costs_of, columns=OWN_KEY, key=attrgetter("key"), rows=True, beside=resource_costs_beside
        ),
    )
    async def costs(self, info: Info, period: Period, metric: Metric = CostMetric.EFFECTIVE_COST) -> PeriodCost | None:
        """Read with a page of resources; one statement for those of other lists."""
        found: list[PeriodCost] = await resource_costs_of(info, [self.key], period, metric)
        return found[0]

    @strawberry.field(
        description="The same from the first of this month to today.",
        metadata=batch(
            resource_month_costs_of, columns=OWN_KEY, key=attrgetter("key"), rows=True, beside=resource_costs_beside
        ),
    )
    async def month_to_date_cost(self, info: Info, metric: Metric = CostMetric.EFFECTIVE_COST) -> PeriodCost:
        """Read with a page of resources; one statement for those of other lists."""
        found: list[PeriodCost] = await resource_month_costs_of(info, [self.key], metric)
        return found[0]
