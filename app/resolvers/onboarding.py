"""Root fields of setting up the platform and onboarding organizations."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.context import Info
from app.organizations import onboarding
from app.organizations.bootstrap import bootstrap
from app.resolvers.access import Access, check, mutation
from app.schema.api_keys import ApiKey
from app.schema.invitations import Invitation
from app.schema.onboarding import (
    BootstrapInput,
    BootstrapItem,
    BootstrapPayload,
    BootstrapResult,
    OnboardingProblem,
    OnboardingRefused,
    OnboardingValidation,
    OnboardOrganizationInput,
    OnboardOrganizationPayload,
    OnboardOrganizationResult,
)
from app.schema.plans import Plan
from app.schema.platform import PlatformOrganization


@strawberry.type
class OnboardingQueries:
    """Looking before leaping."""

    @strawberry.field(
        description="Everything that stands in the way of an onboarding, without changing anything. For platform "
        "admins and the root key alone: it tells which slugs and addresses there are."
    )
    async def validate_onboarding(
        self,
        info: Info,
        input: Annotated[  # noqa: A002  (the mutation's name)
            OnboardOrganizationInput, strawberry.argument(description="What `onboardOrganization` would be given.")
        ],
    ) -> OnboardingValidation | None:
        """See app.organizations.onboarding.validate_onboarding."""
        check(info, Access.ROOT, {})
        found = await onboarding.validate_onboarding(info.context.database, input.wanted())
        return OnboardingValidation(
            valid=not found.problems,
            problems=[OnboardingProblem.from_record(one) for one in found.problems],
            plan=None if found.plan is None else Plan.from_row(found.plan),
            owner_is_known=found.owner_is_known,
        )


@strawberry.type
class OnboardingMutations:
    """What operators do to begin with."""

    @mutation(
        Access.ROOT,
        "Make what the platform begins with: plans, a default one, and a plan for every organization. Safe to repeat; "
        "what is there stays as it is.",
    )
    async def bootstrap(self, info: Info, input: BootstrapInput) -> BootstrapResult:  # noqa: A002  (Relay's name)
        """See app.organizations.bootstrap."""
        done = await bootstrap(info.context.database, delivered_plans=input.delivered_plans)
        return BootstrapPayload(items=[BootstrapItem.from_record(one) for one in done])

    @mutation(
        Access.ROOT,
        "Make an organization with its plan and an API key, and invite its owner: all of it or nothing. "
        "`validateOnboarding` tells beforehand whether it would work.",
    )
    async def onboard_organization(
        self,
        info: Info,
        input: OnboardOrganizationInput,  # noqa: A002  (Relay's name)
    ) -> OnboardOrganizationResult:
        """See app.organizations.onboarding.onboard."""
        context = info.context
        made = await onboarding.onboard(
            context.database,
            context.signed_in(),
            input.wanted(),
            invitation_days=context.runtime.settings.invitation_days,
        )
        if isinstance(made, list):
            return OnboardingRefused.of(made)
        return OnboardOrganizationPayload(
            organization=PlatformOrganization.from_row(made.organization),
            api_key=ApiKey.from_row(made.api_key),
            key=made.key,
            invitation=Invitation.from_row(made.invitation),
            invitation_token=made.token,
            owner_is_known=made.owner_is_known,
        )
