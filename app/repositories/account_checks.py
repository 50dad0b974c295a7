"""SQL of the history of accounts' health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, insert, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Uuid

from app.models import AccountCheck, new_id

CHECKS: Table = AccountCheck.__table__  # type: ignore[assignment]
MOST_KEPT = 1_000


async def add_check(session: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> None:
    """Add a check of `account_id`, and forget those before its newest 1,000."""
    await session.execute(insert(CHECKS).values({"organization_id": organization_id, "id": new_id(), **values}))
    own = (CHECKS.c.organization_id == organization_id) & (CHECKS.c.account_id == values["account_id"])
    oldest_kept = select(CHECKS.c.id).where(own).order_by(CHECKS.c.id.desc()).offset(MOST_KEPT - 1).limit(1)
    # Without that many there is no oldest one, and nothing is less than NULL.
    await session.execute(delete(CHECKS).where(own, CHECKS.c.id < oldest_kept.scalar_subquery()))


async def newest_checks(
    session: AsyncSession, organization_id: UUID, account_ids: Sequence[UUID], limit: int
) -> Sequence[RowMapping]:
    """The newest `limit` checks of each account, the newest first; an index scan for each account."""
    wanted = func.unnest(literal(list(account_ids), ARRAY(Uuid))).table_valued("id").render_derived(name="wanted")
    newest = (
        select(CHECKS)
        .where(CHECKS.c.organization_id == organization_id, CHECKS.c.account_id == wanted.c.id)
        .order_by(CHECKS.c.id.desc())
        .limit(limit)
        .lateral("newest")
    )
    statement = select(newest).select_from(wanted.join(newest, true())).order_by(newest.c.id.desc())
    return (await session.execute(statement)).mappings().all()
