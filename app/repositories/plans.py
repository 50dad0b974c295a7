"""SQL of plans and subscriptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Plan, Subscription, new_id, now
from app.records.plans import LIMITS, DeliveredPlan

PLANS: Table = Plan.__table__  # type: ignore[assignment]
SUBSCRIPTIONS: Table = Subscription.__table__  # type: ignore[assignment]
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('plans', 0))")
# Who has none follows the default plan as it is; the answer is empty only where there is no plan at all.
_TERMS = text(f"""
    SELECT plans.name AS plan, subscriptions.status, subscriptions.trial_ends_at,
        {", ".join(f"plans.{column}" for column in LIMITS)}
    FROM plans LEFT JOIN subscriptions ON subscriptions.organization_id = :organization_id
    WHERE plans.id = subscriptions.plan_id OR (subscriptions.plan_id IS NULL AND plans.is_default)
""")  # noqa: S608  (names of columns)
_SUBSCRIBE_REST = text("""
    INSERT INTO subscriptions (organization_id, plan_id, status, period_anchor, created_at, updated_at)
    SELECT organizations.id, plans.id, 'ACTIVE', (organizations.created_at AT TIME ZONE 'UTC')::date, :now, :now
    FROM organizations CROSS JOIN plans WHERE plans.is_default AND organizations.deleted_at IS NULL
    ON CONFLICT DO NOTHING RETURNING organization_id
""")


async def lock_plans(session: AsyncSession) -> None:
    """Be the only one who changes plans until the transaction ends."""
    await session.execute(_LOCK)


async def add_plan(session: AsyncSession, values: Mapping[str, Any]) -> RowMapping | None:
    """Add a plan and return its row; None when its slug is taken. System role."""
    moment = now()
    row = {"id": new_id(), "is_default": False, "created_at": moment, "updated_at": moment, **values}
    statement = insert(PLANS).values(row).on_conflict_do_nothing().returning(*PLANS.c)
    return (await session.execute(statement)).mappings().one_or_none()


async def deliver_plan(session: AsyncSession, plan: DeliveredPlan, *, is_default: bool = False) -> bool:
    """Add a delivered plan; whether it was not there. System role."""
    values = {
        "slug": plan.slug,
        "name": plan.name,
        "price": plan.price,
        "currency": None if plan.price is None else plan.currency,
        "trial_days": plan.trial_days,
        "is_default": is_default,
        **plan.limits,
    }
    return await add_plan(session, values) is not None


async def change_plan(session: AsyncSession, plan_id: UUID, values: Mapping[str, Any]) -> RowMapping:
    """Set columns of a plan and return its row. System role."""
    statement = update(PLANS).where(PLANS.c.id == plan_id).values(**values, updated_at=now()).returning(*PLANS.c)
    return (await session.execute(statement)).mappings().one()


async def unset_default(session: AsyncSession) -> None:
    """Take the mark off the default plan, so that another can have it. System role."""
    await session.execute(update(PLANS).where(PLANS.c.is_default).values(is_default=False, updated_at=now()))


async def plan_by_slug(session: AsyncSession, slug: str) -> RowMapping | None:
    """A plan, retired or not."""
    return (await session.execute(select(PLANS).where(PLANS.c.slug == slug))).mappings().one_or_none()


async def default_plan(session: AsyncSession) -> RowMapping | None:
    """The plan that new organizations get."""
    return (await session.execute(select(PLANS).where(PLANS.c.is_default))).mappings().one_or_none()


async def list_plans(session: AsyncSession, *, retired: bool) -> Sequence[RowMapping]:
    """All plans in the order of their making; those that are retired only when asked."""
    statement = select(PLANS).order_by(PLANS.c.created_at, PLANS.c.slug)
    if not retired:
        statement = statement.where(PLANS.c.retired_at.is_(None))
    return (await session.execute(statement)).mappings().all()


async def count_plans(session: AsyncSession) -> int:
    """How many plans there are, retired or not."""
    return int((await session.execute(select(func.count()).select_from(PLANS))).scalar_one())


async def add_subscription(session: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> None:
    """Subscribe an organization that has no subscription yet."""
    moment = now()
    row = {"organization_id": organization_id, "created_at": moment, "updated_at": moment, **values}
    await session.execute(insert(SUBSCRIPTIONS).values(row))


async def subscribe_rest(session: AsyncSession) -> int:
    """Give living organizations without a subscription the default plan; how many there were. System role."""
    return len((await session.execute(_SUBSCRIBE_REST, {"now": now()})).all())


async def lock_subscription(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """The subscription of an organization, to be changed. System role."""
    statement = select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.organization_id == organization_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def change_subscription(session: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> None:
    """Set columns of a subscription. System role."""
    statement = update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.organization_id == organization_id)
    await session.execute(statement.values(**values, updated_at=now()))


async def find_subscription(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """The subscription of an organization with its plan, as `subscribed` names the columns."""
    statement = select(*subscribed()).join(PLANS, PLANS.c.id == SUBSCRIPTIONS.c.plan_id)
    statement = statement.where(SUBSCRIPTIONS.c.organization_id == organization_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def subscriptions_of(session: AsyncSession, organization_ids: Collection[UUID]) -> Sequence[RowMapping]:
    """The same of many organizations. System role: a tenant's door shows one at a time."""
    statement = select(*subscribed()).join(PLANS, PLANS.c.id == SUBSCRIPTIONS.c.plan_id)
    statement = statement.where(SUBSCRIPTIONS.c.organization_id.in_(organization_ids))
    return (await session.execute(statement)).mappings().all()


def subscribed() -> list[ColumnElement[Any]]:
    """Columns of a subscription, and those of its plan with `plan_` before their names."""
    own = [SUBSCRIPTIONS.c[name] for name in ("organization_id", "status", "trial_ends_at", "period_anchor")]
    return [*own, *(column.label(f"plan_{column.name}") for column in PLANS.c)]


async def terms(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """What holds for an organization: name and limits of its plan, status and end of trial of its subscription."""
    return (await session.execute(_TERMS, {"organization_id": organization_id})).mappings().one_or_none()
