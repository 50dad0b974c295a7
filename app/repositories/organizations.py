"""SQL of organizations, and of taking one down table by table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import RowMapping, Select, Table, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import APP_ROLE, SYSTEM_ROLE, Database, set_tenant
from app.models import AuditEvent, AuditHead, Base, Job, Organization, now
from app.paging import Page, PageRequest
from app.records.criteria import Direction
from app.repositories.selection import page_of_statement

ORGANIZATIONS: Table = Organization.__table__  # type: ignore[assignment]
_JOBS: Table = Job.__table__  # type: ignore[assignment]
_IDS = 500  # read at a time
_KEPT = frozenset({AuditHead.__tablename__, AuditEvent.__tablename__})


_LIVING = """
    SELECT id, slug, name, currency, created_at, updated_at, deleted_at FROM organizations
    WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL
"""


async def enter_from_system(session: AsyncSession, organization_id: UUID, user_id: UUID | None = None) -> None:
    """Leave the system role for the tenant's, in the same transaction: for who makes a tenant, or changes its plan."""
    await session.execute(text(f"SET LOCAL ROLE {APP_ROLE}"))
    await set_tenant(session, organization_id, user_id)


@asynccontextmanager
async def beside_tenant(session: AsyncSession) -> AsyncIterator[None]:
    """The system role within a tenant's transaction: for what an act of the tenant ends outside of it, as sessions."""
    await session.execute(text(f"SET LOCAL ROLE {SYSTEM_ROLE}"))
    yield
    # Not after a failure: the transaction, or its savepoint, is undone then, and the role with it.
    await session.execute(text(f"SET LOCAL ROLE {APP_ROLE}"))


async def add_organization(
    session: AsyncSession, organization_id: UUID, *, slug: str, name: str, currency: str
) -> RowMapping | None:
    """Add an organization and return its row; None when the slug is taken."""
    moment = now()
    values = {
        "id": organization_id,
        "slug": slug,
        "name": name,
        "currency": currency,
        "created_at": moment,
        "updated_at": moment,
    }
    statement = insert(ORGANIZATIONS).values(values).on_conflict_do_nothing().returning(*ORGANIZATIONS.c)
    return (await session.execute(statement)).mappings().one_or_none()


async def lock_organization(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """The living organization, locked until the transaction ends: changes of members and roles wait for each other."""
    return (await session.execute(_living(organization_id).with_for_update(key_share=True))).mappings().one_or_none()


async def organizations_by_id(session: AsyncSession, organization_ids: Collection[UUID]) -> Sequence[RowMapping]:
    """The living organizations among these that the transaction may see."""
    return list((await session.execute(_among(select(ORGANIZATIONS), organization_ids))).mappings())


async def own_organizations(
    database: Database, organization_ids: Sequence[UUID], *, user_id: UUID | None
) -> list[Record]:
    """The same without a transaction, of those that the user is a member of; a key has no user and one of them."""
    as_tenant = organization_ids[0] if user_id is None or len(organization_ids) == 1 else None
    whose = None if as_tenant is not None else user_id
    return await database.fetch(_LIVING, (organization_ids,), organization_id=as_tenant, user_id=whose)


async def organization_by_slug(session: AsyncSession, slug: str) -> RowMapping | None:
    """The living organization with this slug, when the transaction may see it."""
    statement = select(ORGANIZATIONS).where(ORGANIZATIONS.c.slug == slug, ORGANIZATIONS.c.deleted_at.is_(None))
    return (await session.execute(statement)).mappings().one_or_none()


async def slug_is_taken(session: AsyncSession, slug: str) -> bool:
    """Whether an organization has this slug, also one that is deleted and not yet removed. System role."""
    return (await session.execute(select(ORGANIZATIONS.c.id).where(ORGANIZATIONS.c.slug == slug))).first() is not None


async def is_living(session: AsyncSession, organization_id: UUID) -> bool:
    """Whether there is such an organization that is not deleted."""
    statement = select(ORGANIZATIONS.c.id).where(ORGANIZATIONS.c.id == organization_id)
    return (await session.execute(statement.where(ORGANIZATIONS.c.deleted_at.is_(None)))).first() is not None


async def organization_page(
    session: AsyncSession, organization_ids: Collection[UUID], request: PageRequest
) -> Page[RowMapping]:
    """Those of the organizations that live, in the order of their creation; the key of the request is (id,)."""
    statement = _among(select(ORGANIZATIONS), organization_ids)
    return await page_of_statement(session, statement, [ORGANIZATIONS.c.id], 0, Direction.ASC, request)


async def count_organizations(session: AsyncSession, organization_ids: Collection[UUID]) -> int:
    """How many of the organizations live."""
    statement = _among(select(func.count()).select_from(ORGANIZATIONS), organization_ids)
    return int((await session.execute(statement)).scalar_one())


async def each_organization(database: Database) -> AsyncIterator[UUID]:
    """The ids of all organizations, living or not, in order; no transaction is open while one is worked on."""
    after: UUID | None = None
    while True:
        statement = select(ORGANIZATIONS.c.id).order_by(ORGANIZATIONS.c.id).limit(_IDS)
        if after is not None:
            statement = statement.where(ORGANIZATIONS.c.id > after)
        async with database.system() as session:
            page = (await session.execute(statement)).scalars().all()
        for organization_id in page:
            yield organization_id
        if len(page) < _IDS:
            return
        after = page[-1]


async def count_living_organizations(session: AsyncSession) -> int:
    """How many organizations live at all. System role."""
    statement = select(func.count()).select_from(ORGANIZATIONS).where(ORGANIZATIONS.c.deleted_at.is_(None))
    return int((await session.execute(statement)).scalar_one())


async def change_organization(session: AsyncSession, organization_id: UUID, values: dict[str, Any]) -> RowMapping:
    """Set columns of an organization and return its row."""
    statement = (
        update(ORGANIZATIONS)
        .where(ORGANIZATIONS.c.id == organization_id)
        .values(**values, updated_at=now())
        .returning(*ORGANIZATIONS.c)
    )
    return (await session.execute(statement)).mappings().one()


async def deletion_of(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """`deleted_at` and `slug` of an organization, living or not; None when there never was one."""
    statement = select(ORGANIZATIONS.c.deleted_at, ORGANIZATIONS.c.slug).where(ORGANIZATIONS.c.id == organization_id)
    return (await session.execute(statement)).mappings().one_or_none()


def tenant_tables() -> Sequence[Table]:
    """Every table with an `organization_id`, those that point to others first, so that no row loses its parent.

    Without the chain of the audit, which outlives its organization, and of which only the details are deleted.
    """
    tables = reversed(Base.metadata.sorted_tables)
    return [table for table in tables if "organization_id" in table.c and table.name not in _KEPT]


async def delete_rows(
    session: AsyncSession, table: Table, organization_id: UUID, limit: int, *, spared_job_kind: str
) -> int:
    """Delete at most `limit` rows of an organization, except its jobs of one kind; returns how many."""
    key = tuple_(*table.primary_key.columns)
    chosen = select(*table.primary_key.columns).where(table.c.organization_id == organization_id).limit(limit)
    if table is _JOBS:
        chosen = chosen.where(_JOBS.c.kind != spared_job_kind)
    statement = delete(table).where(table.c.organization_id == organization_id, key.in_(chosen))
    removed = await session.execute(statement.returning(table.c.organization_id))
    return len(removed.all())


def _living(organization_id: UUID) -> Select[*tuple[Any, ...]]:
    return select(ORGANIZATIONS).where(ORGANIZATIONS.c.id == organization_id, ORGANIZATIONS.c.deleted_at.is_(None))


def _among(statement: Select[*tuple[Any, ...]], organization_ids: Collection[UUID]) -> Select[tuple[Any, ...]]:
    return statement.where(ORGANIZATIONS.c.id.in_(organization_ids), ORGANIZATIONS.c.deleted_at.is_(None))
