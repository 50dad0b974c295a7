"""Onboarding: an organization with its plan, an API key and an invitation of its owner, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.names import checked_name, normal_email
from app.auth.permissions import PERMISSIONS
from app.database import Database
from app.errors import BadUserInputError, argument
from app.models import new_id, now
from app.organizations.api_keys import add_key, checked_scopes
from app.organizations.create import DEFAULT_CURRENCY, add_with_plan
from app.organizations.invitations import offer_place
from app.organizations.plans import is_storable
from app.organizations.slugs import checked_slug
from app.records import Permission, Principal, Role
from app.records.currencies import checked_currency
from app.repositories.organizations import enter_from_system, slug_is_taken
from app.repositories.plans import find_subscription, plan_by_slug
from app.repositories.users import is_known

KEY_NAME = "onboarding"
# What a member may do: enough for a program that connects clouds and brings costs, and nothing about people and keys.
KEY_SCOPES = PERMISSIONS[Role.MEMBER]
Value = TypeVar("Value")


class OnboardingProblemCode(StrEnum):
    """What stands in the way of an onboarding."""

    INVALID = "INVALID"
    SLUG_TAKEN = "SLUG_TAKEN"
    PLAN_UNKNOWN = "PLAN_UNKNOWN"
    PLAN_RETIRED = "PLAN_RETIRED"
    PLAN_TOO_SMALL = "PLAN_TOO_SMALL"


@dataclass(frozen=True)
class OnboardingProblem:
    """One thing that stands in the way: where in the input, what, and what to do."""

    path: tuple[str, ...]
    code: OnboardingProblemCode
    message: str


@dataclass(frozen=True)
class Onboarding:
    """Whom to onboard. Without a slug one is made of the name; without scopes the key has those of a member."""

    name: str
    owner_email: str
    plan: str
    slug: str | None = None
    currency: str | None = None
    key_name: str = KEY_NAME
    key_scopes: Sequence[Permission] | None = None
    key_expires_at: datetime | None = None


@dataclass
class Examined:
    """What was found: everything in the way, and what the values come to; they are good where nothing is."""

    problems: list[OnboardingProblem] = field(default_factory=list)
    name: str = ""
    slug: str | None = None
    currency: str = DEFAULT_CURRENCY
    email: str = ""
    owner_is_known: bool = False
    plan: RowMapping | None = None
    key_name: str = KEY_NAME
    key_scopes: frozenset[Permission] = KEY_SCOPES

    def problem(self, code: OnboardingProblemCode, message: str, *path: str) -> None:
        """Note what is in the way."""
        self.problems.append(OnboardingProblem(("input", *path), code, message))


@dataclass(frozen=True)
class Onboarded:
    """What was made: the organization with the columns of its subscription, its key, and its owner's invitation.

    The two secrets are shown this once.
    """

    organization: Mapping[str, Any]
    api_key: RowMapping
    key: str
    invitation: RowMapping
    token: str
    owner_is_known: bool


async def validate_onboarding(database: Database, wanted: Onboarding) -> Examined:
    """Everything that stands in the way of an onboarding at this moment; changes nothing."""
    async with database.system() as session:
        return await _examine(session, wanted)


async def onboard(
    database: Database, principal: Principal, wanted: Onboarding, *, invitation_days: int
) -> Onboarded | list[OnboardingProblem]:
    """Make it all in one transaction, or nothing: then everything that stands in the way.

    Raises ConflictError where somebody else takes the slug at this very moment.
    """
    organization_id = new_id()
    async with database.system() as session:
        found = await _examine(session, wanted)
        if found.problems or found.plan is None:
            return found.problems
        await enter_from_system(session, organization_id)
        return await _make(session, organization_id, principal, wanted, found, found.plan, invitation_days)


async def _make(
    session: AsyncSession,
    organization_id: UUID,
    principal: Principal,
    wanted: Onboarding,
    found: Examined,
    plan: RowMapping,
    invitation_days: int,
) -> Onboarded:
    organization, created = await add_with_plan(
        session, organization_id, principal.actor, plan, name=found.name, slug=found.slug, currency=found.currency
    )
    api_key, key, key_created = await add_key(
        session, organization_id, principal, found.key_name, found.key_scopes, wanted.key_expires_at
    )
    invitation, token, invited = await offer_place(
        session, organization_id, principal, found.email, Role.OWNER, invitation_days
    )
    await record(session, organization_id, created, key_created, invited)
    subscription = await find_subscription(session, organization_id)
    return Onboarded({**organization, **(subscription or {})}, api_key, key, invitation, token, found.owner_is_known)


async def _examine(session: AsyncSession, wanted: Onboarding) -> Examined:
    """Look at everything, whatever is wrong before. System role."""
    found = Examined()
    found.name = _tried(found, lambda: checked_name(wanted.name, ("input", "name")), "")
    if wanted.slug is not None:
        slug = wanted.slug
        found.slug = _tried(found, lambda: checked_slug(slug), None)
        if found.slug is not None and await slug_is_taken(session, found.slug):
            message = f"The slug {found.slug!r} is taken; choose another."
            found.problem(OnboardingProblemCode.SLUG_TAKEN, message, "slug")
    if wanted.currency is not None:
        currency = wanted.currency
        found.currency = _tried(found, lambda: checked_currency(currency), DEFAULT_CURRENCY)
    found.email = _tried(found, lambda: normal_email(wanted.owner_email, ("input", "ownerEmail")), "")
    if found.email:
        found.owner_is_known = await is_known(session, found.email)
    await _examine_plan(session, wanted, found)
    _examine_key(wanted, found)
    return found


async def _examine_plan(session: AsyncSession, wanted: Onboarding, found: Examined) -> None:
    plan = await plan_by_slug(session, wanted.plan) if is_storable(wanted.plan) else None
    if plan is None:
        message = f"There is no plan {wanted.plan[:100]!r}; `plans` has them all."
        found.problem(OnboardingProblemCode.PLAN_UNKNOWN, message, "plan")
    elif plan["retired_at"] is not None:
        message = f"The plan {plan['name']} is retired; `plans` has those that are offered."
        found.problem(OnboardingProblemCode.PLAN_RETIRED, message, "plan")
    elif 0 in {plan["members"], plan["api_keys"]}:
        message = f"The plan {plan['name']} has no room for an owner and a key; choose a larger one."
        found.problem(OnboardingProblemCode.PLAN_TOO_SMALL, message, "plan")
    else:
        found.plan = plan


def _examine_key(wanted: Onboarding, found: Examined) -> None:
    place = ("input", "apiKey")
    found.key_name = _tried(found, lambda: checked_name(wanted.key_name, (*place, "name")), KEY_NAME)
    if wanted.key_scopes is not None:
        scopes = wanted.key_scopes
        found.key_scopes = _tried(found, lambda: checked_scopes(scopes), KEY_SCOPES, argument(*place))
    if wanted.key_expires_at is not None and wanted.key_expires_at <= now():
        message = "`expiresAt` must be in the future."
        found.problem(OnboardingProblemCode.INVALID, message, "apiKey", "expiresAt")


def _tried(
    found: Examined, check: Callable[[], Value], otherwise: Value, place: AbstractContextManager[None] | None = None
) -> Value:
    """What a check gives; where it refuses, its message is noted and `otherwise` stands in."""
    try:
        with place or nullcontext():
            return check()
    except BadUserInputError as error:
        found.problem(OnboardingProblemCode.INVALID, error.message, *error.path[1:])
        return otherwise
