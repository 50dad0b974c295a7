"""Inputs and answers of the mutations on budgets."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import strawberry

from app.records import budgets as words
from app.records.budgets import BudgetRecurrence, ThresholdBasis
from app.records.costs import CostMetric
from app.schema.budgets import Budget
from app.schema.cost_filters import CostFilter
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.repeatable import Repeatable


@strawberry.input(description="A percentage of the amount at which an alert is raised.")
class BudgetThresholdInput:
    """See app.records.budgets.Threshold."""

    percent: Decimal = strawberry.field(description="Above 0, at most 1,000 percent of the amount.")
    basis: ThresholdBasis = strawberry.field(
        default=ThresholdBasis.ACTUAL, description="What is held against it: the actual cost when left out."
    )


def thresholds_of(sent: list[BudgetThresholdInput]) -> list[words.Threshold]:
    """The thresholds that were sent."""
    return [words.Threshold(each.percent, each.basis) for each in sent]


def _usual() -> list[BudgetThresholdInput]:
    return [BudgetThresholdInput(percent=Decimal(percent), basis=basis) for percent, basis in _USUAL]


_USUAL = ((80, ThresholdBasis.ACTUAL), (100, ThresholdBasis.ACTUAL), (100, ThresholdBasis.FORECAST))


@strawberry.input(description="A budget to make.")
class CreateBudgetInput(Repeatable):
    """See `createBudget`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    name: str = strawberry.field(
        description="Name for people, 1 to 256 characters; unique in the organization, whatever the case."
    )
    recurrence: BudgetRecurrence = strawberry.field(description="How often it begins anew.")
    starts_on: date = strawberry.field(description="The first day of its first period.")
    ends_on: date | None = strawberry.field(
        default=None, description="The day after its last one; a FIXED budget needs it."
    )
    amount: Decimal = strawberry.field(description="What a period may cost; above 0.")
    currency: str | None = strawberry.field(
        default=None, description="Currency of the amount; the organization's when left out."
    )
    metric: CostMetric = strawberry.field(default=CostMetric.EFFECTIVE_COST, description="What is summed.")
    where: CostFilter | None = strawberry.field(
        default=None,
        description="Which charges; all when left out. Sums of days are read, so that fields of resources, prices and "
        "single charges are refused, and tags must be promoted.",
    )
    thresholds: list[BudgetThresholdInput] = strawberry.field(
        default_factory=_usual,
        description="When alerts are raised, at most 10; at 80 and 100 % of the actual cost and at 100 % of the "
        "forecast when left out.",
    )
    enabled: bool = strawberry.field(default=True, description="Whether alerts are raised.")


@strawberry.type(description="The budget was made; a worker checks it at once.")
class CreateBudgetPayload:
    """See `createBudget`."""

    budget: Budget = strawberry.field(description="The new budget.")


CreateBudgetResult = Annotated[
    CreateBudgetPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreateBudgetResult", description="What `createBudget` answers."),
]


@strawberry.input(description="What to change about a budget; what is left out stays.")
class UpdateBudgetInput:
    """See `updateBudget`."""

    id: strawberry.ID = strawberry.field(description="The budget.")
    name: strawberry.Maybe[str] = strawberry.field(description="New name.")
    recurrence: strawberry.Maybe[BudgetRecurrence] = strawberry.field(description="New recurrence.")
    starts_on: strawberry.Maybe[date] = strawberry.field(description="New first day.")
    ends_on: strawberry.Maybe[date | None] = strawberry.field(description="New end; null for none.")
    amount: strawberry.Maybe[Decimal] = strawberry.field(description="New amount.")
    currency: strawberry.Maybe[str] = strawberry.field(description="New currency.")
    metric: strawberry.Maybe[CostMetric] = strawberry.field(description="New metric.")
    where: strawberry.Maybe[CostFilter | None] = strawberry.field(
        description="New filter in place of the old; null for all charges."
    )
    thresholds: strawberry.Maybe[list[BudgetThresholdInput]] = strawberry.field(
        description="New thresholds in place of the old."
    )
    enabled: strawberry.Maybe[bool] = strawberry.field(description="Whether alerts are raised.")


@strawberry.type(description="The budget is as you want it; a worker checks it at once.")
class UpdateBudgetPayload:
    """See `updateBudget`."""

    budget: Budget = strawberry.field(description="The budget as it is now.")


UpdateBudgetResult = Annotated[
    UpdateBudgetPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateBudgetResult", description="What `updateBudget` answers."),
]


@strawberry.input(description="A budget to delete, with its alerts.")
class DeleteBudgetInput:
    """See `deleteBudget`."""

    id: strawberry.ID = strawberry.field(description="The budget.")


@strawberry.type(description="The budget is gone.")
class DeleteBudgetPayload:
    """See `deleteBudget`."""

    deleted_budget_id: strawberry.ID = strawberry.field(description="The id that it had.")


DeleteBudgetResult = Annotated[
    DeleteBudgetPayload | InvalidInput | NotFound,
    strawberry.union("DeleteBudgetResult", description="What `deleteBudget` answers."),
]
