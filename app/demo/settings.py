"""What the people of the demo have set: teams, promoted tags, who bears which costs, and a budget."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from app.costs.allocation.change_rules import create_rule
from app.costs.allocation.promote import set_promoted_tag_keys
from app.costs.allocation.teams import create_team
from app.costs.budgets.change import NewBudget, create_budget
from app.database import Database
from app.demo.estate import TEAMS
from app.records import Actor
from app.records.allocation import AllocationMethod, Rule, Target
from app.records.budgets import BudgetRecurrence, Threshold, ThresholdBasis
from app.records.cost_analysis import CostDimension, Grouping, TextCondition
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric

TAG_KEYS = ("team", "environment", "cost-center")
THRESHOLDS = (
    Threshold(Decimal(80), ThresholdBasis.ACTUAL),
    Threshold(Decimal(100), ThresholdBasis.ACTUAL),
    Threshold(Decimal(100), ThresholdBasis.FORECAST),
)
# A month costs about 20,000 USD with tax, 6,200 of it virtual machines of AWS: one budget holds, the other does not.
BUDGETS = (("All clouds", Decimal(24_000), ()), ("EC2 of AWS", Decimal(5_500), ("Amazon Elastic Compute Cloud",)))
_NOBODY = UUID(int=0)


async def make_settings(database: Database, organization_id: UUID, actor: Actor, first_month: date) -> None:
    """Make them in a new organization, before its first charges come; budgets begin with the first month."""
    await set_promoted_tag_keys(database, organization_id, actor, TAG_KEYS)
    teams = [
        (await create_team(database, organization_id, actor, name=name.capitalize(), code=code))["id"]
        for name, code in TEAMS
    ]
    for rule in (
        _rule("By the tag team", AllocationMethod.BY_TAG, tag_key="team"),
        _rule(
            "Taxes by what each team costs",
            AllocationMethod.PROPORTIONAL,
            match=(TextCondition(Grouping(CostDimension.CHARGE_CATEGORY), in_=("Tax",)),),
            targets=tuple(map(Target, teams)),
        ),
    ):
        await create_rule(database, organization_id, actor, rule, None)
    for name, amount, services in BUDGETS:
        conditions = (TextCondition(Grouping(CostDimension.SERVICE_NAME), in_=services),) if services else ()
        budget = NewBudget(
            name=name,
            recurrence=BudgetRecurrence.MONTHLY,
            starts_on=first_month,
            ends_on=None,
            amount=amount,
            currency=None,
            metric=CostMetric.EFFECTIVE_COST,
            scope=CostScope(conditions),
            thresholds=THRESHOLDS,
            enabled=True,
        )
        await create_budget(database, organization_id, actor, budget)


def _rule(
    name: str,
    method: AllocationMethod,
    *,
    match: tuple[TextCondition, ...] = (),
    tag_key: str | None = None,
    targets: tuple[Target, ...] = (),
) -> Rule:
    return Rule(
        id=_NOBODY,  # and position: given when it is made
        position=0,
        name=name,
        match=match,
        method=method,
        tag_key=tag_key,
        mapping={},
        targets=targets,
        valid_from=None,
        valid_to=None,
        enabled=True,
    )
