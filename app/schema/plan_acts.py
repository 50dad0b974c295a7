"""Inputs and answers of the mutations on plans and subscriptions."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from app.records.plans import LIMITS, SubscriptionStatus
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.plans import Plan, PlanSubscription

_PRICE = "What a month costs, with `currency`; null for one that is told on request."
_TRIAL = "Days for which it begins as a trial, 1 to 365; null for none."


@strawberry.input(description="What a plan limits: 0 or more each, and null is no limit.")
class PlanLimitsInput:
    """See PlanLimits; what is left out stays, and is no limit of a new plan."""

    accounts: int | None = strawberry.field(default=strawberry.UNSET, description="Accounts that are connected.")
    members: int | None = strawberry.field(
        default=strawberry.UNSET, description="Members, and invitations that are open."
    )
    api_keys: int | None = strawberry.field(
        default=strawberry.UNSET, description="API keys that are neither revoked nor expired."
    )
    concurrent_scans: int | None = strawberry.field(
        default=strawberry.UNSET, description="Scans that are queued or running at a time."
    )
    scans_per_day: int | None = strawberry.field(
        default=strawberry.UNSET, description="Scans, one for each account, that are started in a day."
    )
    scans_per_month: int | None = strawberry.field(
        default=strawberry.UNSET, description="The same in a calendar month."
    )
    imports_per_day: int | None = strawberry.field(default=strawberry.UNSET, description="Imports of costs in a day.")
    imports_per_month: int | None = strawberry.field(
        default=strawberry.UNSET, description="The same in a calendar month."
    )

    def given(self) -> dict[str, int | None]:
        """The limits that were sent, by column."""
        return {name: getattr(self, name) for name in LIMITS if getattr(self, name) is not strawberry.UNSET}


@strawberry.input(description="A plan to make.")
class CreatePlanInput:
    """See `createPlan`."""

    slug: str = strawberry.field(description="Its name in inputs for ever: 2 to 63 of a-z, 0-9 and hyphens.")
    name: str = strawberry.field(description="Name for people; 1 to 100 characters.")
    price: Decimal | None = strawberry.field(default=None, description=_PRICE)
    currency: str | None = strawberry.field(default=None, description="Currency of the price, a code of ISO 4217.")
    trial_days: int | None = strawberry.field(default=None, description=_TRIAL)
    limits: PlanLimitsInput | None = strawberry.field(
        default=None, description="What it limits; nothing when left out."
    )


@strawberry.type(description="The plan is offered.")
class CreatePlanPayload:
    """See `createPlan`."""

    plan: Plan = strawberry.field(description="The plan.")


CreatePlanResult = Annotated[
    CreatePlanPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreatePlanResult", description="What `createPlan` answers."),
]


@strawberry.input(description="What to change about a plan; what is left out stays.")
class UpdatePlanInput:
    """See `updatePlan`."""

    slug: str = strawberry.field(description="Which plan.")
    name: str | None = strawberry.field(default=None, description="New name for people; 1 to 100 characters.")
    price: Decimal | None = strawberry.field(default=strawberry.UNSET, description=_PRICE)
    currency: str | None = strawberry.field(
        default=strawberry.UNSET, description="Currency of the price, a code of ISO 4217."
    )
    trial_days: int | None = strawberry.field(default=strawberry.UNSET, description=f"{_TRIAL} Of later subscriptions.")
    limits: PlanLimitsInput | None = strawberry.field(default=None, description="Limits to change.")
    make_default: bool = strawberry.field(
        default=False, description="Let organizations that people make themselves begin with it from now on."
    )

    def changes(self) -> dict[str, Any]:
        """The columns that were sent."""
        sent = {name: getattr(self, name) for name in ("price", "currency", "trial_days")}
        given = {name: value for name, value in sent.items() if value is not strawberry.UNSET}
        names = {} if self.name is None else {"name": self.name}
        return {**names, **given, **(self.limits.given() if self.limits is not None else {})}


@strawberry.type(description="The plan is as you want it, at once for all who are subscribed to it.")
class UpdatePlanPayload:
    """See `updatePlan`."""

    plan: Plan = strawberry.field(description="The plan as it is now.")


UpdatePlanResult = Annotated[
    UpdatePlanPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdatePlanResult", description="What `updatePlan` answers."),
]


@strawberry.input(description="A plan to retire.")
class RetirePlanInput:
    """See `retirePlan`."""

    slug: str = strawberry.field(description="Which plan.")


@strawberry.type(description="Nobody can be subscribed to the plan any more; who is stays so.")
class RetirePlanPayload:
    """See `retirePlan`."""

    plan: Plan = strawberry.field(description="The plan as it is now.")


RetirePlanResult = Annotated[
    RetirePlanPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RetirePlanResult", description="What `retirePlan` answers."),
]


@strawberry.input(description="What to change about the subscription of an organization; what is left out stays.")
class UpdateSubscriptionInput:
    """See `updateSubscription`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    plan: str | None = strawberry.field(default=None, description="Slug of its plan from now on.")
    status: SubscriptionStatus | None = strawberry.field(default=None, description="Its status from now on.")
    trial_ends_at: datetime | None = strawberry.field(
        default=None,
        description="When a trial ends; as many days from now as the plan tells when a trial begins without it.",
    )
    period_start: date | None = strawberry.field(
        default=None, description="First day of a month-long period, today or earlier: the others follow from it."
    )


@strawberry.type(description="The subscription is as you want it; its limits hold at once.")
class UpdateSubscriptionPayload:
    """See `updateSubscription`."""

    subscription: PlanSubscription = strawberry.field(description="The subscription as it is now.")


UpdateSubscriptionResult = Annotated[
    UpdateSubscriptionPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateSubscriptionResult", description="What `updateSubscription` answers."),
]
