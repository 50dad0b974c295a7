"""SQL of accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Account, new_id, now
from app.records import Provider

ACCOUNTS: Table = Account.__table__  # type: ignore[assignment]
# What a row that stands keeps when it is connected.
_KEPT = frozenset({"organization_id", "id", "provider", "native_id", "name", "created_at"})

# One statement whatever the number of accounts; those that stand already are left alone.
_ADD_MISSING = text("""
    INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at)
    SELECT :organization_id, sent.id, sent.provider, 'MANUAL', sent.native_id, sent.name, :now, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(id uuid, provider text, native_id text, name text)
    ON CONFLICT (organization_id, provider, native_id) DO NOTHING
    RETURNING id, provider, native_id, name
""")
_IDS = text("""
    SELECT accounts.provider, accounts.native_id, accounts.id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(provider text, native_id text)
    JOIN accounts ON accounts.organization_id = :organization_id
        AND accounts.provider = sent.provider AND accounts.native_id = sent.native_id
""")


# Of two connected accounts the one is part of the other: a project of Google's of a folder or organization.
_NESTED = text("""
    SELECT part.native_id AS part, whole.native_id AS whole
    FROM accounts AS part
    JOIN accounts AS whole ON whole.organization_id = part.organization_id AND whole.provider = part.provider
        AND part.settings -> 'ancestors' @> to_jsonb(whole.native_id)
    WHERE part.organization_id = :organization_id AND part.provider = :provider
        AND part.kind = 'CONNECTED' AND part.disconnected_at IS NULL
        AND whole.kind = 'CONNECTED' AND whole.disconnected_at IS NULL
        AND (part.native_id = ANY(CAST(:native_ids AS text[])) OR whole.native_id = ANY(CAST(:native_ids AS text[])))
    ORDER BY part.native_id, whole.native_id LIMIT 1
""")


async def add_missing_accounts(
    session: AsyncSession, organization_id: UUID, names: dict[tuple[str, str], str]
) -> Sequence[RowMapping]:
    """Add a manual account for each (provider, native id) that has none; returns the added rows."""
    rows = [
        {"id": str(new_id()), "provider": provider, "native_id": native_id, "name": name}
        for (provider, native_id), name in sorted(names.items())  # sorted: two batches lock in the same order
    ]
    values = {"organization_id": organization_id, "rows": orjson.dumps(rows).decode(), "now": now()}
    return (await session.execute(_ADD_MISSING, values)).mappings().all()


async def account_ids(
    session: AsyncSession, organization_id: UUID, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Our ids of accounts by (provider, native id)."""
    rows = orjson.dumps([{"provider": provider, "native_id": native_id} for provider, native_id in keys]).decode()
    found = await session.execute(_IDS, {"organization_id": organization_id, "rows": rows})
    return {(provider, native_id): id_ for provider, native_id, id_ in found}


async def ids_of_accounts(session: AsyncSession, organization_id: UUID) -> dict[tuple[str, str], UUID]:
    """Our ids of all accounts by (provider, native id)."""
    columns = (ACCOUNTS.c.provider, ACCOUNTS.c.native_id, ACCOUNTS.c.id)
    found = await session.execute(select(*columns).where(ACCOUNTS.c.organization_id == organization_id))
    return {(provider, native_id): id_ for provider, native_id, id_ in found}


async def ids_of_providers(
    session: AsyncSession, organization_id: UUID, providers: Collection[Provider]
) -> Sequence[UUID]:
    """Our ids of all accounts of some providers."""
    statement = select(ACCOUNTS.c.id).where(
        ACCOUNTS.c.organization_id == organization_id, ACCOUNTS.c.provider.in_(sorted(providers))
    )
    return (await session.scalars(statement)).all()


async def get_account(session: AsyncSession, organization_id: UUID, account_id: UUID) -> Account | None:
    """One account, to be changed. Others may still point to it: nobody changes its key."""
    return await session.get(Account, (organization_id, account_id), with_for_update={"key_share": True})


async def find_account(session: AsyncSession, organization_id: UUID, account_id: UUID) -> RowMapping | None:
    """One account, to be read."""
    statement = select(ACCOUNTS).where(ACCOUNTS.c.organization_id == organization_id, ACCOUNTS.c.id == account_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def connected_native_ids(
    session: AsyncSession, organization_id: UUID, provider: str, native_ids: Sequence[str]
) -> Sequence[str]:
    """Which of these are connected now, in order."""
    statement = select(ACCOUNTS.c.native_id).where(
        ACCOUNTS.c.organization_id == organization_id,
        ACCOUNTS.c.provider == provider,
        ACCOUNTS.c.native_id.in_(native_ids),
        ACCOUNTS.c.kind == "CONNECTED",
        ACCOUNTS.c.disconnected_at.is_(None),
    )
    return (await session.execute(statement.order_by(ACCOUNTS.c.native_id))).scalars().all()


async def nested_account(
    session: AsyncSession, organization_id: UUID, provider: str, native_ids: Sequence[str]
) -> RowMapping | None:
    """The first connected account (`part`) that is part of another connected one (`whole`); one is among the ids."""
    values = {"organization_id": organization_id, "provider": provider, "native_ids": list(native_ids)}
    return (await session.execute(_NESTED, values)).mappings().one_or_none()


async def connect_account(
    session: AsyncSession, organization_id: UUID, values: Mapping[str, Any], *, name: str | None
) -> RowMapping | None:
    """Add a connected account, or connect the manual or disconnected one that stands there; None when it is connected.

    A row that stands keeps its id, and its name where none is given; `values` are those of the other columns.
    """
    moment = now()
    row = {
        "organization_id": organization_id,
        "id": new_id(),
        "created_at": moment,
        "kind": "CONNECTED",
        "updated_at": moment,
        "disconnected_at": None,
        **values,
    }
    changed = {column: value for column, value in row.items() if column not in _KEPT}
    if name is not None:
        changed["name"] = name
    statement = (
        insert(ACCOUNTS)
        .values(row)
        .on_conflict_do_update(
            index_elements=[ACCOUNTS.c.organization_id, ACCOUNTS.c.provider, ACCOUNTS.c.native_id],
            set_=changed,
            where=or_(ACCOUNTS.c.kind == "MANUAL", ACCOUNTS.c.disconnected_at.is_not(None)),
        )
        .returning(*ACCOUNTS.c)
    )
    return (await session.execute(statement)).mappings().one_or_none()
