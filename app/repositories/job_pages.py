"""SQL of jobs as operators see them: pages over all organizations. System role."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.paging import Page, PageRequest
from app.records.criteria import Criteria, Direction
from app.repositories.jobs import JOBS
from app.repositories.organizations import ORGANIZATIONS
from app.repositories.selection import column_conditions, page_of_statement

# Never the arguments: they are of the organization, and nobody needs them to put a job back.
_SHOWN = (
    *(JOBS.c[name] for name in ("id", "organization_id", "kind", "state", "attempts", "failure")),
    *(JOBS.c[name] for name in ("wake_at", "created_at", "finished_at")),
    ORGANIZATIONS.c.slug.label("organization_slug"),
    ORGANIZATIONS.c.name.label("organization_name"),
)
_WITH_OWNERS = JOBS.outerjoin(ORGANIZATIONS, ORGANIZATIONS.c.id == JOBS.c.organization_id)


async def job_page(session: AsyncSession, criteria: Criteria, request: PageRequest) -> Page[RowMapping]:
    """A page of jobs with the names of their organizations, the newest first; the key is (id,)."""
    statement = _chosen(select(*_SHOWN).select_from(_WITH_OWNERS), criteria)
    return await page_of_statement(session, statement, [JOBS.c.id], 0, Direction.DESC, request)


async def count_jobs(session: AsyncSession, criteria: Criteria) -> int:
    """How many jobs meet the criteria."""
    statement = _chosen(select(func.count()).select_from(JOBS), criteria)
    return int((await session.execute(statement)).scalar_one())


async def job_with_owner(session: AsyncSession, job_id: UUID) -> RowMapping | None:
    """One job as a page has it."""
    statement = select(*_SHOWN).select_from(_WITH_OWNERS).where(JOBS.c.id == job_id)
    return (await session.execute(statement)).mappings().one_or_none()


def _chosen(statement: Select[*tuple[Any, ...]], criteria: Criteria) -> Select[*tuple[Any, ...]]:
    for name, condition in criteria.columns:
        statement = statement.where(*column_conditions(JOBS.c[name], condition))
    return statement
