"""Inputs and answers of setting up the platform and onboarding organizations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from app.errors import ErrorCode
from app.organizations.bootstrap import BootstrapKind, BootstrapOutcome, Bootstrapped
from app.organizations.onboarding import KEY_NAME, Onboarding, OnboardingProblemCode
from app.organizations.onboarding import OnboardingProblem as ProblemRecord
from app.records import Permission
from app.schema.api_keys import ApiKey
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound, UserError
from app.schema.invitations import Invitation
from app.schema.plans import Plan
from app.schema.platform import PlatformOrganization
from app.schema.repeatable import Repeatable

graph_enum(
    OnboardingProblemCode,
    "What stands in the way of an onboarding.",
    INVALID="A value cannot be used.",
    SLUG_TAKEN="Another organization has this slug.",
    PLAN_UNKNOWN="There is no such plan.",
    PLAN_RETIRED="The plan is offered to nobody any more.",
    PLAN_TOO_SMALL="The plan has no room for an owner and a key.",
)
graph_enum(
    BootstrapKind,
    "What `bootstrap` sees to.",
    PLAN="A plan that Skyledger brings along.",
    DEFAULT_PLAN="Which plan organizations begin with that people make themselves.",
    SUBSCRIPTIONS="That every organization has a plan.",
)
graph_enum(
    BootstrapOutcome,
    "What became of a thing.",
    CREATED="It was not there, and is now.",
    EXISTED="It was there already, and is as it was.",
)


@strawberry.input(description="What to begin with; `{}` for all.")
class BootstrapInput:
    """See `bootstrap`."""

    delivered_plans: bool = strawberry.field(
        default=True,
        description="Whether to make the plans that Skyledger brings along. Without them only the default one is made, "
        "where there is none.",
    )


@strawberry.type(description="One thing that the platform needs.")
class BootstrapItem:
    """See app.organizations.bootstrap.Bootstrapped."""

    kind: BootstrapKind = strawberry.field(description="What kind of thing it is.")
    name: str = strawberry.field(description="Which one, such as the slug of a plan.")
    outcome: BootstrapOutcome = strawberry.field(description="Whether it was made now.")
    detail: str = strawberry.field(description="A sentence for people.")

    @classmethod
    def from_record(cls, one: Bootstrapped) -> BootstrapItem:
        """Make it of a record."""
        return cls(kind=one.kind, name=one.name, outcome=one.outcome, detail=one.detail)


@strawberry.type(description="All that the platform needs is there.")
class BootstrapPayload:
    """See `bootstrap`."""

    items: list[BootstrapItem] = strawberry.field(description="What it needs, thing by thing.")


BootstrapResult = Annotated[
    BootstrapPayload | NotFound,
    strawberry.union("BootstrapResult", description="What `bootstrap` answers."),
]


@strawberry.input(description="The organization's first API key.")
class OnboardingKeyInput:
    """See OnboardOrganizationInput."""

    name: str = strawberry.field(default=KEY_NAME, description="Name for people; 1 to 100 characters.")
    scopes: list[Permission] | None = strawberry.field(
        default=None, description="What it may do; what a MEMBER may when left out."
    )
    expires_at: datetime | None = strawberry.field(default=None, description="Until when it is good; null for no end.")


@strawberry.input(description="An organization to onboard.")
class OnboardOrganizationInput(Repeatable):
    """See `onboardOrganization` and `validateOnboarding`, which needs no key."""

    name: str = strawberry.field(description="Name for people; 1 to 100 characters.")
    plan: str = strawberry.field(description="Slug of its plan, which begins with the plan's trial if it has one.")
    owner_email: str = strawberry.field(description="Who is invited as its owner, registered or not.")
    slug: str | None = strawberry.field(
        default=None,
        description="Its name in addresses: 2 to 63 of a-z, 0-9 and hyphens; made of the name if left out.",
    )
    currency: str | None = strawberry.field(
        default=None, description="Currency of its totals, a code of ISO 4217; USD when left out."
    )
    api_key: OnboardingKeyInput | None = strawberry.field(default=None, description="About its first API key.")

    def wanted(self) -> Onboarding:
        """As the product takes it."""
        key = self.api_key or OnboardingKeyInput()
        return Onboarding(
            name=self.name,
            owner_email=self.owner_email,
            plan=self.plan,
            slug=self.slug,
            currency=self.currency,
            key_name=key.name,
            key_scopes=key.scopes,
            key_expires_at=key.expires_at,
        )


@strawberry.type(description="One thing that stands in the way of an onboarding.")
class OnboardingProblem:
    """See app.organizations.onboarding.OnboardingProblem."""

    path: list[str] = strawberry.field(description="Where in the arguments it stands.")
    code: OnboardingProblemCode = strawberry.field(description="Machine-readable reason.")
    message: str = strawberry.field(description="What is wrong and what to do.")

    @classmethod
    def from_record(cls, one: ProblemRecord) -> OnboardingProblem:
        """Make it of a record."""
        return cls(path=list(one.path), code=one.code, message=one.message)


@strawberry.type(description="What `onboardOrganization` would come to at this moment.")
class OnboardingValidation:
    """See `validateOnboarding`."""

    valid: bool = strawberry.field(description="Whether nothing stands in the way.")
    problems: list[OnboardingProblem] = strawberry.field(description="Everything that stands in the way.")
    plan: Plan | None = strawberry.field(description="The plan that it would get; null where that cannot be.")
    owner_is_known: bool = strawberry.field(
        description="Whether the owner's address is registered. Otherwise they register with it and then accept."
    )


@strawberry.type(description="The organization is there. Both secrets are in this answer and nowhere else.")
class OnboardOrganizationPayload:
    """See `onboardOrganization`."""

    organization: PlatformOrganization = strawberry.field(description="The organization, with its plan.")
    api_key: ApiKey = strawberry.field(description="The facts of its API key.")
    key: str = strawberry.field(
        description="The key itself, for `Authorization: Bearer` or `X-API-Key`. Shown this once: keep it safe."
    )
    invitation: Invitation = strawberry.field(description="The invitation of its owner.")
    invitation_token: str = strawberry.field(
        description="Accepts the invitation by `acceptInvitation`, together with a sign-in under the owner's address. "
        "Shown this once: pass it on."
    )
    owner_is_known: bool = strawberry.field(description="Whether the owner's address is registered already.")


@strawberry.type(description="Something stands in the way of the onboarding; nothing was changed.")
class OnboardingRefused(UserError):  # noqa: N818  (a member of results, not an exception)
    """All that `validateOnboarding` tells."""

    problems: list[OnboardingProblem] = strawberry.field(description="Everything that stands in the way.")

    @classmethod
    def of(cls, problems: Sequence[ProblemRecord]) -> OnboardingRefused:
        """With the first of them in its own words."""
        first, more = problems[0], len(problems) - 1
        return cls(
            code=ErrorCode.BAD_USER_INPUT,
            message=first.message + (f" And {more} more: see `problems`." if more else ""),
            path=list(first.path),
            problems=[OnboardingProblem.from_record(one) for one in problems],
        )


OnboardOrganizationResult = Annotated[
    OnboardOrganizationPayload | OnboardingRefused | InvalidInput | NotFound | Conflict,
    strawberry.union("OnboardOrganizationResult", description="What `onboardOrganization` answers."),
]
