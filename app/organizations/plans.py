"""Plans: what operators offer, and the one that every new organization begins with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.names import checked_name
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.organizations.slugs import checked_slug
from app.records.currencies import checked_currency
from app.records.plans import DEFAULT_PLAN, LIMITS
from app.repositories import plans

MOST_PLANS = 200
LARGEST_LIMIT = 1_000_000_000
LONGEST_TRIAL_DAYS = 365


async def default_plan_in(session: AsyncSession) -> RowMapping:
    """The default plan, which is made where there is none yet: before `bootstrap` was called. System role."""
    found = await plans.default_plan(session)
    if found is None:
        await plans.deliver_plan(session, DEFAULT_PLAN, is_default=True)
        found = await plans.default_plan(session)
    if found is None:  # somebody made a plan of that slug and no default one
        plan = await plan_of(session, DEFAULT_PLAN.slug, ("input", "plan"))
        found = await plans.change_plan(session, plan["id"], {"is_default": True, "retired_at": None})
    return found


async def plan_of(session: AsyncSession, slug: str, path: tuple[str, ...]) -> RowMapping:
    """A plan, retired or not. Raises BadUserInputError at the path."""
    found = await plans.plan_by_slug(session, slug) if is_storable(slug) else None
    if found is None:
        message = f"There is no plan {slug[:100]!r}; `plans` has them all."
        raise BadUserInputError(message, path=path)
    return found


def is_storable(slug: str) -> bool:
    """Whether PostgreSQL could have a plan of this slug: what it refuses is nobody's."""
    return slug.isascii() and slug.isprintable()


async def create_plan(
    database: Database,
    *,
    slug: str,
    name: str,
    price: Decimal | None,
    currency: str | None,
    trial_days: int | None,
    limits: Mapping[str, int | None],
) -> RowMapping:
    """Add a plan. Raises BadUserInputError, and ConflictError for a taken slug or more than `MOST_PLANS`."""
    values = {
        "slug": checked_slug(slug),
        **_checked({"name": name, "price": price, "currency": currency, "trial_days": trial_days, **limits}),
    }
    _check_price(values)
    async with database.system() as session:
        await plans.lock_plans(session)
        if await plans.count_plans(session) >= MOST_PLANS:
            message = f"There are {MOST_PLANS} plans already; change one with `updatePlan`."
            raise ConflictError(message)
        row = await plans.add_plan(session, values)
        if row is None:
            message = f"There is a plan {slug!r} already; change it with `updatePlan`, or choose another slug."
            raise ConflictError(message)
        return row


async def update_plan(database: Database, slug: str, changes: Mapping[str, Any], *, make_default: bool) -> RowMapping:
    """Change columns of a plan, which holds at once for all who are subscribed to it.

    Raises NotFoundError, BadUserInputError, ConflictError for a retired plan.
    """
    values = _checked(changes)
    async with database.system() as session:
        await plans.lock_plans(session)
        plan = await _present(session, slug)
        if plan["retired_at"] is not None:
            message = "This plan is retired; make another with `createPlan`."
            raise ConflictError(message)
        _check_price({**plan, **values})
        if make_default and not plan["is_default"]:
            await plans.unset_default(session)
            values["is_default"] = True
        return await plans.change_plan(session, plan["id"], values) if values else plan


async def retire_plan(database: Database, slug: str) -> RowMapping:
    """Offer a plan to nobody any more; who has it keeps it. One that is retired stays as it is.

    Raises NotFoundError, ConflictError for the default plan.
    """
    async with database.system() as session:
        await plans.lock_plans(session)
        plan = await _present(session, slug)
        if plan["is_default"]:
            message = "New organizations get this plan; make another the default one first, with `updatePlan`."
            raise ConflictError(message)
        if plan["retired_at"] is not None:
            return plan
        return await plans.change_plan(session, plan["id"], {"retired_at": now()})


async def _present(session: AsyncSession, slug: str) -> RowMapping:
    found = await plans.plan_by_slug(session, slug) if is_storable(slug) else None
    if found is None:
        message = "There is no such plan; `plans` has them all."
        raise NotFoundError(message)
    return found


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(values)
    if "name" in checked:
        checked["name"] = checked_name(checked["name"], ("input", "name"))
    if checked.get("currency") is not None:
        checked["currency"] = checked_currency(checked["currency"])
    if checked.get("price") is not None and checked["price"] < 0:
        message = "`price` must be 0 or more, or null for one that is told on request."
        raise BadUserInputError(message, path=("input", "price"))
    if checked.get("trial_days") is not None and not 1 <= checked["trial_days"] <= LONGEST_TRIAL_DAYS:
        message = f"`trialDays` must be 1 to {LONGEST_TRIAL_DAYS}, or null for no trial."
        raise BadUserInputError(message, path=("input", "trialDays"))
    for column in LIMITS:
        if checked.get(column) is not None and not 0 <= checked[column] <= LARGEST_LIMIT:
            head, *rest = column.split("_")
            name = head + "".join(map(str.title, rest))
            message = f"`{name}` must be 0 to {LARGEST_LIMIT:,}, or null for no limit."
            raise BadUserInputError(message, path=("input", "limits", name))
    return checked


def _check_price(values: Mapping[Any, Any]) -> None:
    if (values["price"] is None) != (values["currency"] is None):
        message = "Give `price` and `currency` together; without both the price is told on request."
        raise BadUserInputError(message, path=("input", "price" if values["price"] is None else "currency"))
