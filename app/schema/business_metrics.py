"""Business metrics, and what one unit of them costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.business_metrics import find_metric
from app.costs.unit_costs import UnitCost, read_unit_costs
from app.errors import BadUserInputError
from app.loaders.scans import Asked
from app.records.budgets import CostGranularity
from app.records.cost_analysis import DateRange
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.schema.cost_words import Money, money_of
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.ingestion import RowIssue
from app.schema.node import Node, global_id
from app.schema.repeatable import Repeatable


@strawberry.type(description="Something that the organization counts, such as orders, to hold its costs against.")
class BusinessMetric(Node):
    """A row of `business_metrics`."""

    name: str = strawberry.field(description="Its name; unique in the organization, whatever the case.")
    unit: str = strawberry.field(description="What is counted, such as orders.")
    created_at: datetime = strawberry.field(description="When it was first recorded.")
    updated_at: datetime = strawberry.field(description="When its values were last changed.")
    key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> BusinessMetric:
        """Make it of a row."""
        return cls(
            id=global_id("BusinessMetric", row["id"], row["organization_id"]),
            name=row["name"],
            unit=row["unit"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            key=(row["organization_id"], row["id"]),
        )

    @strawberry.field(description="The first day with a value; null where there is none.")
    async def first_day(self, info: Info) -> date | None:
        """One statement for all metrics of a page."""
        found = await self._range(info)
        return None if found is None else found["first_day"]

    @strawberry.field(description="The last day with a value; null where there is none.")
    async def last_day(self, info: Info) -> date | None:
        """One statement for all metrics of a page."""
        found = await self._range(info)
        return None if found is None else found["last_day"]

    @strawberry.field(description="On how many days it has a value.")
    async def value_count(self, info: Info) -> int:
        """One statement for all metrics of a page."""
        found = await self._range(info)
        return 0 if found is None else found["value_count"]

    async def _range(self, info: Info) -> Mapping[Any, Any] | None:
        return await info.context.loaders.business_metric_ranges.load(Asked(*self.key))


@strawberry.type(description="What one unit cost in a step of the period.")
class UnitCostPoint:
    """See app.costs.unit_costs.UnitCost."""

    start: date = strawberry.field(description="The first day of the step.")
    end: date = strawberry.field(description="The day after its last one.")
    cost: Decimal | None = strawberry.field(description="What the charges cost; null where that is unknown.")
    quantity: Decimal | None = strawberry.field(description="The sum of the metric; null where no day has a value.")
    quantity_days: int = strawberry.field(description="On how many days of the step the metric has a value.")
    matched_days: int = strawberry.field(description="On how many days both the cost and the quantity are known.")
    matched_cost: Decimal | None = strawberry.field(description="What those days cost; null where there are none.")
    matched_quantity: Decimal | None = strawberry.field(
        description="The sum of the metric on those days; null where there are none."
    )
    unit_cost: Decimal | None = strawberry.field(
        description="`matchedCost` / `matchedQuantity` with ten digits after the point; null where it is unknown."
    )
    change: Decimal | None = strawberry.field(
        description="Part by which the unit cost differs from the step before: 0.1 is 10 % more."
    )
    reason: str | None = strawberry.field(description="Why the unit cost is unknown, or what it leaves out.")
    unconverted: list[Money] = strawberry.field(
        description="Costs for which the organization has no rate into its currency; in no other figure."
    )

    @classmethod
    def of(cls, found: UnitCost) -> UnitCostPoint:
        """Make it of a record."""
        return cls(
            start=found.days.start,
            end=found.days.end,
            cost=found.cost,
            quantity=found.quantity,
            quantity_days=found.quantity_days,
            matched_days=found.matched_days,
            matched_cost=found.matched_cost,
            matched_quantity=found.matched_quantity,
            unit_cost=found.unit_cost,
            change=found.change,
            reason=found.reason,
            unconverted=money_of(found.unconverted),
        )


@strawberry.type(description="What one unit of a business metric cost over time.")
class UnitCosts:
    """See `Organization.unitCosts`."""

    metric: BusinessMetric = strawberry.field(description="The business metric.")
    currency: str = strawberry.field(description="Currency of costs: the organization's.")
    points: list[UnitCostPoint] = strawberry.field(description="The steps of the period in their order.")


async def unit_costs(
    info: Info,
    organization_id: UUID,
    name: str,
    days: DateRange,
    *,
    currency: str,
    granularity: CostGranularity,
    scope: CostScope,
    metric: CostMetric,
) -> UnitCosts:
    """Raises BadUserInputError for a metric that there is not."""
    async with info.context.database.read(organization_id) as session:
        metric_id = await find_metric(session, organization_id, name)
    key = (organization_id, metric_id)
    row = None if metric_id is None else await info.context.loaders.business_metric_by_id.load(key)
    if row is None:
        message = f"There is no business metric named {name!r}. Record its values with `recordBusinessMetrics`."
        raise BadUserInputError(message, path=("metric",))
    async with info.context.database.read(organization_id) as session:
        points = await read_unit_costs(
            session,
            organization_id,
            row["id"],
            days,
            granularity=granularity,
            scope=scope,
            metric=metric,
            currency=currency,
        )
    return UnitCosts(
        metric=BusinessMetric.from_row(row), currency=currency, points=[UnitCostPoint.of(each) for each in points]
    )


@strawberry.input(
    description="A value of a day. Both fields are lenient, so that a bad value is reported and the others land."
)
class BusinessMetricValueInput:
    """See app.costs.business_metrics.read_values."""

    day: str | None = strawberry.field(default=None, description="Required: the day, such as 2026-11-01.")
    quantity: str | None = strawberry.field(
        default=None, description="Required: how much there was, as text such as 1250 or 12.5; not negative."
    )


@strawberry.input(description="Values of one business metric.")
class RecordBusinessMetricsInput(Repeatable):
    """See `recordBusinessMetrics`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    name: str = strawberry.field(
        description="Name of the metric, 1 to 256 characters, whatever the case; it is added where it is new."
    )
    unit: str | None = strawberry.field(default=None, description="What is counted; needed for a new metric.")
    values: list[BusinessMetricValueInput] = strawberry.field(
        description="The values, at most 1,000; numbered from 1 in issues. A day that has a value gets the new one."
    )


@strawberry.type(description="What became of the values.")
class RecordBusinessMetricsPayload:
    """See `recordBusinessMetrics`."""

    metric: BusinessMetric = strawberry.field(description="The metric.")
    received: int = strawberry.field(description="Values that were sent.")
    added: int = strawberry.field(description="Values of new days.")
    changed: int = strawberry.field(description="Values that took the place of others.")
    unchanged: int = strawberry.field(description="Values that were known already.")
    issues: list[RowIssue] = strawberry.field(description="What was wrong, value by value; those did not land.")


RecordBusinessMetricsResult = Annotated[
    RecordBusinessMetricsPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RecordBusinessMetricsResult", description="What `recordBusinessMetrics` answers."),
]


@strawberry.input(description="A business metric to delete, with its values.")
class DeleteBusinessMetricInput:
    """See `deleteBusinessMetric`."""

    id: strawberry.ID = strawberry.field(description="The metric.")


@strawberry.type(description="The business metric is gone.")
class DeleteBusinessMetricPayload:
    """See `deleteBusinessMetric`."""

    deleted_business_metric_id: strawberry.ID = strawberry.field(description="The id that it had.")


DeleteBusinessMetricResult = Annotated[
    DeleteBusinessMetricPayload | InvalidInput | NotFound,
    strawberry.union("DeleteBusinessMetricResult", description="What `deleteBusinessMetric` answers."),
]
