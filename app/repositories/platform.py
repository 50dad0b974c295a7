"""SQL of figures over the whole platform. System role, which sees states and times of what is a tenant's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.paging import Page, PageRequest
from app.records.criteria import Criteria, Direction
from app.repositories.organizations import ORGANIZATIONS, count_living_organizations
from app.repositories.plans import PLANS, SUBSCRIPTIONS, subscribed
from app.repositories.selection import literals, meaning, page_of_statement
from app.repositories.sessions import count_living_sessions
from app.repositories.users import count_users

# By the index of time and state: what is older is not read.
_RUNS = """
    SELECT count(*) FILTER (WHERE {moment} >= now() - interval '24 hours') AS day_total,
        count(*) FILTER (WHERE {moment} >= now() - interval '24 hours' AND state = ANY(:failed)) AS day_failed,
        count(*) AS month_total, count(*) FILTER (WHERE state = ANY(:failed)) AS month_failed
    FROM {table} WHERE {moment} >= now() - interval '30 days'
"""
_SCANS = text(_RUNS.format(table="scans", moment="queued_at"))
_IMPORTS = text(_RUNS.format(table="cost_imports", moment="created_at"))
_JOBS = text("SELECT state, count(*) AS jobs FROM jobs GROUP BY state ORDER BY state")
_STORAGE = text("""
    SELECT pg_database_size(current_database()) AS database_bytes,
        (SELECT coalesce(sum(bytes_received), 0)::bigint FROM uploads
            WHERE state IN ('RECEIVING', 'COMPLETE')) AS upload_bytes
""")
_FAILED_SCANS = ["FAILED"]
_FAILED_IMPORTS = ["FAILED", "REJECTED"]
_FILTERED: dict[str, ColumnElement[Any]] = {
    "slug": ORGANIZATIONS.c.slug,
    "name": ORGANIZATIONS.c.name,
    "created_at": ORGANIZATIONS.c.created_at,
    "plan": PLANS.c.slug,
    "status": SUBSCRIPTIONS.c.status,
}


@dataclass(frozen=True)
class PlatformCounts:
    """How many living organizations, users, and sign-ins that are neither ended nor expired."""

    organizations: int
    users: int
    sessions: int


async def platform_counts(session: AsyncSession) -> PlatformCounts:
    """Count."""
    return PlatformCounts(
        organizations=await count_living_organizations(session),
        users=await count_users(session),
        sessions=await count_living_sessions(session),
    )


async def platform_organization_page(
    session: AsyncSession, criteria: Criteria, request: PageRequest
) -> Page[RowMapping]:
    """Living organizations with their subscriptions, in the order of their creation; the key is (id,)."""
    columns = [column for column in subscribed() if column.name != "organization_id"]
    statement = _living(select(*ORGANIZATIONS.c, *columns), criteria)
    return await page_of_statement(session, statement, [ORGANIZATIONS.c.id], 0, Direction.ASC, request)


async def count_platform_organizations(session: AsyncSession, criteria: Criteria) -> int:
    """How many organizations `platform_organization_page` goes through."""
    return int((await session.execute(_living(select(func.count()), criteria))).scalar_one())


async def count_subscriptions(session: AsyncSession) -> Sequence[RowMapping]:
    """How many living organizations there are by plan and status; both are null for those without a subscription."""
    statement = _living(
        select(PLANS.c.slug.label("plan"), SUBSCRIPTIONS.c.status, func.count().label("organizations")), Criteria()
    )
    statement = statement.group_by(PLANS.c.slug, SUBSCRIPTIONS.c.status).order_by(PLANS.c.slug, SUBSCRIPTIONS.c.status)
    return (await session.execute(statement)).mappings().all()


async def count_scans(session: AsyncSession) -> RowMapping:
    """`day_total`, `day_failed`, `month_total` and `month_failed` of scans that were asked for in 24 h and 30 days."""
    return (await session.execute(_SCANS, {"failed": _FAILED_SCANS})).mappings().one()


async def count_imports(session: AsyncSession) -> RowMapping:
    """The same of imports of costs; those that were refused have failed."""
    return (await session.execute(_IMPORTS, {"failed": _FAILED_IMPORTS})).mappings().one()


async def count_jobs(session: AsyncSession) -> Sequence[RowMapping]:
    """How many background jobs there are by state; those that succeeded are removed after a while."""
    return (await session.execute(_JOBS)).mappings().all()


async def storage(session: AsyncSession) -> RowMapping:
    """`database_bytes`, with indexes, and `upload_bytes`, of files that are stored or on their way."""
    return (await session.execute(_STORAGE)).mappings().one()


def _living(statement: Select[*tuple[Any, ...]], criteria: Criteria) -> Select[*tuple[Any, ...]]:
    """The statement over living organizations, with subscription and plan, that meet the criteria."""
    joined = ORGANIZATIONS.outerjoin(SUBSCRIPTIONS, SUBSCRIPTIONS.c.organization_id == ORGANIZATIONS.c.id)
    statement = statement.select_from(joined.outerjoin(PLANS, PLANS.c.id == SUBSCRIPTIONS.c.plan_id))
    for name, operator, values in criteria.terms():
        statement = statement.where(meaning(_FILTERED[name], operator, literals(values)))
    return statement.where(ORGANIZATIONS.c.deleted_at.is_(None))
