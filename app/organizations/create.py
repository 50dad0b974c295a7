"""Making an organization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.authenticator import Authenticator
from app.auth.email_addresses import require_verified_email
from app.auth.names import checked_name
from app.auth.notices import reach_changed
from app.auth.sessions import Origin, SignIn, register
from app.database import Database
from app.errors import ConflictError, ForbiddenError
from app.models import new_id
from app.organizations.plans import default_plan_in
from app.organizations.slugs import another_slug, checked_slug, slug_of
from app.organizations.subscriptions import subscribe
from app.records import Actor, ActorKind, EventKind, NewEvent, Principal, Role
from app.records.currencies import checked_currency
from app.repositories.memberships import add_membership
from app.repositories.organizations import add_organization, enter_from_system

DEFAULT_CURRENCY = "USD"
_MOST_TRIES = 5  # a random end of 36^6 meets a taken slug hardly once


async def create_organization(
    database: Database, principal: Principal, *, name: str, slug: str | None = None, currency: str | None = None
) -> RowMapping:
    """Make an organization on the default plan, whose first owner is the signed-in user; returns its row.

    Without a slug one is made of the name. Raises BadUserInputError, ConflictError for a taken slug, ForbiddenError
    for keys.
    """
    if principal.user_id is None:
        message = "Only a person who is signed in can create an organization: it needs an owner."
        raise ForbiddenError(message)
    require_verified_email(principal)
    name = checked_name(name, ("input", "name"))
    slug = checked_slug(slug) if slug is not None else None
    currency = checked_currency(currency) if currency is not None else DEFAULT_CURRENCY
    organization_id = new_id()
    async with database.system() as session:
        plan = await default_plan_in(session)
        await enter_from_system(session, organization_id, principal.user_id)
        return await _create(session, organization_id, principal.user_id, plan, name=name, slug=slug, currency=currency)


async def register_with_organization(
    authenticator: Authenticator,
    origin: Origin,
    *,
    email: str,
    name: str,
    password: str,
    organization_name: str,
    email_is_verified: bool = False,
) -> tuple[SignIn, RowMapping]:
    """Register a person and make their first organization, both or neither; returns the sign-in and its row.

    Raises what `app.auth.sessions.register` raises.
    """
    organization_name = checked_name(organization_name, ("input", "organizationName"))
    organization_id = new_id()
    made: list[RowMapping] = []

    async def create(session: AsyncSession, user_id: UUID) -> None:
        plan = await default_plan_in(session)
        await enter_from_system(session, organization_id, user_id)
        currency = DEFAULT_CURRENCY
        made.append(
            await _create(session, organization_id, user_id, plan, name=organization_name, slug=None, currency=currency)
        )

    sign_in = await register(
        authenticator,
        origin,
        email=email,
        name=name,
        password=password,
        within=create,
        email_is_verified=email_is_verified,
    )
    return sign_in, made[0]


async def add_with_plan(
    session: AsyncSession,
    organization_id: UUID,
    actor: Actor,
    plan: Mapping[Any, Any],
    *,
    name: str,
    slug: str | None,
    currency: str,
) -> tuple[RowMapping, NewEvent]:
    """Add an organization and its subscription in the caller's transaction, which has entered it.

    Returns its row and its event, which is still to be recorded. Raises ConflictError for a taken slug.
    """
    row = await _with_slug(session, organization_id, name=name, slug=slug, currency=currency)
    await subscribe(session, organization_id, plan)
    event = NewEvent(
        EventKind.ORGANIZATION_CREATED,
        actor,
        subject_type="Organization",
        subject_id=organization_id,
        data={"name": name, "slug": row["slug"], "currency": currency},
    )
    return row, event


async def _create(
    session: AsyncSession,
    organization_id: UUID,
    user_id: UUID,
    plan: Mapping[Any, Any],
    *,
    name: str,
    slug: str | None,
    currency: str,
) -> RowMapping:
    actor = Actor(ActorKind.USER, user_id)
    row, event = await add_with_plan(session, organization_id, actor, plan, name=name, slug=slug, currency=currency)
    await add_membership(session, organization_id, user_id, Role.OWNER)
    await record(session, organization_id, event)
    reach_changed(session, user_id)
    return row


async def _with_slug(
    session: AsyncSession, organization_id: UUID, *, name: str, slug: str | None, currency: str
) -> RowMapping:
    base = slug or slug_of(name)
    wanted = base
    for _ in range(1 if slug else _MOST_TRIES):
        row = await add_organization(session, organization_id, slug=wanted, name=name, currency=currency)
        if row is not None:
            return row
        wanted = another_slug(base)
    message = f"The slug {base!r} is taken; choose another."
    raise ConflictError(message)
