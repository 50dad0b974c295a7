"""What is watched about an organization's costs, as fields of `Organization`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import strawberry

from app.context import Info
from app.costs.scopes import checked_scope
from app.errors import NotFoundError
from app.records import Permission
from app.records.budgets import CostGranularity
from app.records.costs import CostMetric
from app.records.criteria import BudgetOrderField, BusinessMetricOrderField, Direction
from app.schema.anomalies import CostAnomaly, CostAnomalyFilter, CostAnomalyOrder, anomaly_page
from app.schema.budgets import Budget
from app.schema.business_metrics import BusinessMetric, UnitCosts, unit_costs
from app.schema.commitments import CommitmentReport
from app.schema.cost_filters import CostFilter, conditions_of
from app.schema.cost_forecasts import CostForecast, IntervalPart, MostDays, cost_forecast
from app.schema.cost_periods import Period, days_of
from app.schema.cost_report_forecasts import OF_FORECAST
from app.schema.filters import WHERE
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.server.costs.directives import weighs

Where = Annotated[
    CostFilter | None,
    strawberry.argument(
        description="Which charges; all when left out. Sums of days are read, so that fields of resources, prices and "
        "single charges are refused, and tags must be promoted."
    ),
]
Metric = Annotated[CostMetric, strawberry.argument(description="What is summed.")]


@strawberry.type
class OrganizationCostWatch(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its budgets, by name.")
    async def budgets(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Budget] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (BudgetOrderField.NAME, Direction.ASC)
        return await rows_page(info, info.context.loaders.budgets, Budget.from_row, key, None, order, page)

    @strawberry.field(
        description="Anomalies of its costs, found after each import in the days that are complete. Looked for in the "
        "five billing currencies that cost most in the last 35 days; a check logs which others there are."
    )
    async def anomalies(
        self,
        info: Info,
        where: Annotated[CostAnomalyFilter | None, strawberry.argument(description="Which anomalies.")] = None,
        order_by: Annotated[
            CostAnomalyOrder | None, strawberry.argument(description="The latest found first when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CostAnomaly] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        return await anomaly_page(info, key, where, order_by, PageArguments(first, after, last, before))

    @strawberry.field(
        description="What its costs will be, in its currency. Computed when asked, up to 0.3 s.",
        directives=[weighs(OF_FORECAST)],
    )
    async def cost_forecast(
        self,
        info: Info,
        where: Where = None,
        metric: Metric = CostMetric.EFFECTIVE_COST,
        days: MostDays = 90,
        interval: IntervalPart = Decimal("0.80"),
    ) -> CostForecast | None:
        """Four statements."""
        key = self.require(Permission.ORGANIZATION_READ)
        scope = checked_scope(conditions_of(where), WHERE)
        return await cost_forecast(info, key, await self._currency(info), scope, metric, days, interval)

    @strawberry.field(
        description="Commitments, such as reservations and savings plans: used, unused, covered, saved.",
        directives=[weighs(20)],
    )
    async def commitments(self, info: Info, period: Period) -> CommitmentReport | None:
        """One statement for each of its fields."""
        key = self.require(Permission.ORGANIZATION_READ)
        return CommitmentReport(organization_id=key, days=await days_of(info, key, period))

    @strawberry.field(description="What it counts to hold its costs against, by name.")
    async def business_metrics(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[BusinessMetric] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (BusinessMetricOrderField.NAME, Direction.ASC)
        return await rows_page(
            info, info.context.loaders.business_metrics, BusinessMetric.from_row, key, None, order, page
        )

    @strawberry.field(
        description="What one unit of a business metric cost over time, in the organization's currency.",
        directives=[weighs(20)],
    )
    async def unit_costs(
        self,
        info: Info,
        metric: Annotated[str, strawberry.argument(description="Name of the business metric, whatever the case.")],
        period: Period,
        granularity: Annotated[
            CostGranularity, strawberry.argument(description="How long the steps are; at most 1,100.")
        ] = CostGranularity.MONTH,
        where: Where = None,
        cost_metric: Metric = CostMetric.EFFECTIVE_COST,
    ) -> UnitCosts | None:
        """Six statements."""
        key = self.require(Permission.ORGANIZATION_READ)
        return await unit_costs(
            info,
            key,
            metric,
            await days_of(info, key, period),
            currency=await self._currency(info),
            granularity=granularity,
            scope=checked_scope(conditions_of(where), WHERE),
            metric=cost_metric,
        )

    async def _currency(self, info: Info) -> str:
        row = await info.context.loaders.organizations.by_id(self.key)
        if row is None:  # deleted while this was read
            message = "There is no such organization within your reach."
            raise NotFoundError(message)
        currency: str = row["currency"]
        return currency
