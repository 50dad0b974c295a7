"""Root fields of plans and subscriptions."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.organizations import plans, subscriptions
from app.resolvers.access import Access, mutation
from app.schema.node import parse_id
from app.schema.plan_acts import (
    CreatePlanInput,
    CreatePlanPayload,
    CreatePlanResult,
    RetirePlanInput,
    RetirePlanPayload,
    RetirePlanResult,
    UpdatePlanInput,
    UpdatePlanPayload,
    UpdatePlanResult,
    UpdateSubscriptionInput,
    UpdateSubscriptionPayload,
    UpdateSubscriptionResult,
)
from app.schema.plans import Plan, PlanSubscription


@strawberry.type
class PlanQueries:
    """What there is to be subscribed to."""

    @strawberry.field(
        description="The plans that are offered, at most 200; for platform admins and the root key also those that are "
        "retired."
    )
    async def plans(self, info: Info) -> list[Plan] | None:
        """One statement. For everyone who is signed in."""
        principal = info.context.signed_in()
        rows = await info.context.loaders.plans(retired=principal.is_platform_admin)
        return [Plan.from_row(row) for row in rows]


@strawberry.type
class PlanMutations:
    """What operators do about plans."""

    @mutation(Access.ROOT, "Offer a plan.")
    async def create_plan(self, info: Info, input: CreatePlanInput) -> CreatePlanResult:  # noqa: A002  (Relay's name)
        """See app.organizations.plans.create_plan."""
        row = await plans.create_plan(
            info.context.database,
            slug=input.slug,
            name=input.name,
            price=input.price,
            currency=input.currency,
            trial_days=input.trial_days,
            limits=input.limits.given() if input.limits is not None else {},
        )
        return CreatePlanPayload(plan=Plan.from_row(row))

    @mutation(Access.ROOT, "Change a plan, at once for all who are subscribed to it.")
    async def update_plan(self, info: Info, input: UpdatePlanInput) -> UpdatePlanResult:  # noqa: A002  (Relay's name)
        """See app.organizations.plans.update_plan."""
        row = await plans.update_plan(
            info.context.database, input.slug, input.changes(), make_default=input.make_default
        )
        return UpdatePlanPayload(plan=Plan.from_row(row))

    @mutation(Access.ROOT, "Offer a plan to nobody any more; who is subscribed to it stays so.")
    async def retire_plan(self, info: Info, input: RetirePlanInput) -> RetirePlanResult:  # noqa: A002  (Relay's name)
        """See app.organizations.plans.retire_plan."""
        return RetirePlanPayload(plan=Plan.from_row(await plans.retire_plan(info.context.database, input.slug)))

    @mutation(Access.ROOT, "Give an organization another plan, or its subscription another status.")
    async def update_subscription(self, info: Info, input: UpdateSubscriptionInput) -> UpdateSubscriptionResult:  # noqa: A002  (Relay's name)
        """See app.organizations.subscriptions.update_subscription."""
        key = parse_id(input.organization_id, "Organization", path=("input", "organizationId"))
        change = subscriptions.SubscriptionChange(
            plan=input.plan,
            status=input.status,
            trial_ends_at=input.trial_ends_at,
            period_anchor=input.period_start,
        )
        row = await subscriptions.update_subscription(
            info.context.database, key.id, info.context.signed_in().actor, change
        )
        return UpdateSubscriptionPayload(subscription=PlanSubscription.from_row(row))
