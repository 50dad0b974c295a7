"""SQL of the sealed credentials of accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AccountCredential, now

CREDENTIALS: Table = AccountCredential.__table__  # type: ignore[assignment]


async def put_credential(
    session: AsyncSession, organization_id: UUID, account_id: UUID, values: Mapping[str, Any]
) -> None:
    """Store what is sealed (`key_id`, `wrapped_key`, `sealed`) in the place of what was there."""
    moment = now()
    row = {"organization_id": organization_id, "account_id": account_id, "created_at": moment, "updated_at": moment}
    statement = insert(CREDENTIALS).values({**row, **values})
    statement = statement.on_conflict_do_update(
        index_elements=[CREDENTIALS.c.organization_id, CREDENTIALS.c.account_id],
        set_={**values, "updated_at": moment},
    )
    await session.execute(statement)


async def get_credential(session: AsyncSession, organization_id: UUID, account_id: UUID) -> RowMapping | None:
    """What is sealed for an account."""
    statement = select(CREDENTIALS).where(
        CREDENTIALS.c.organization_id == organization_id, CREDENTIALS.c.account_id == account_id
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def delete_credential(session: AsyncSession, organization_id: UUID, account_id: UUID) -> None:
    """Forget what is sealed for an account."""
    await session.execute(
        delete(CREDENTIALS).where(
            CREDENTIALS.c.organization_id == organization_id, CREDENTIALS.c.account_id == account_id
        )
    )


async def count_sealed_otherwise(session: AsyncSession, organization_id: UUID, key_id: str) -> int:
    """How many credentials are under another key than this one."""
    statement = select(func.count()).select_from(CREDENTIALS).where(_otherwise(organization_id, key_id))
    return int((await session.execute(statement)).scalar_one())


async def lock_sealed_otherwise(
    session: AsyncSession, organization_id: UUID, key_id: str, after: UUID | None, limit: int
) -> Sequence[RowMapping]:
    """At most `limit` credentials under another key, of accounts after this one, locked; readers go on meanwhile."""
    statement = select(CREDENTIALS).where(_otherwise(organization_id, key_id))
    if after is not None:
        statement = statement.where(CREDENTIALS.c.account_id > after)
    statement = statement.order_by(CREDENTIALS.c.account_id).limit(limit).with_for_update()
    return (await session.execute(statement)).mappings().all()


async def rewrap_credential(
    session: AsyncSession, organization_id: UUID, account_id: UUID, *, key_id: str, wrapped_key: bytes
) -> None:
    """Put the data key under another key; what it encrypts stays."""
    await session.execute(
        update(CREDENTIALS)
        .where(CREDENTIALS.c.organization_id == organization_id, CREDENTIALS.c.account_id == account_id)
        .values(key_id=key_id, wrapped_key=wrapped_key, updated_at=now())
    )


def _otherwise(organization_id: UUID, key_id: str) -> Any:
    return (CREDENTIALS.c.organization_id == organization_id) & (CREDENTIALS.c.key_id != key_id)
