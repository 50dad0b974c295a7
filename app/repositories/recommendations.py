"""SQL of recommendations: what is stored of subjects, batches of rows written, and which of them count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, Text, Uuid, any_, cast, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Recommendation, RecommendationHistory, new_id, now
from app.records import Actor
from app.records.recommendations import COUNTING, HistoryKind, RecommendationState

RECOMMENDATIONS: Table = Recommendation.__table__  # type: ignore[assignment]
HISTORY: Table = RecommendationHistory.__table__  # type: ignore[assignment]
_COUNTING = tuple(state.value for state in COUNTING)

_KEY = ("organization_id", "check_id", "subject_key")
_KEPT = ("id", *_KEY)
_SET = ", ".join(f"{column.name} = excluded.{column.name}" for column in RECOMMENDATIONS.c if column.name not in _KEPT)
# Whole rows as JSON: one parameter, however many rows and columns.
_WRITE = text(f"""
    INSERT INTO recommendations
    SELECT * FROM jsonb_populate_recordset(NULL::recommendations, CAST(:rows AS jsonb))
    ON CONFLICT (organization_id, check_id, subject_key) DO UPDATE SET {_SET}
""")  # noqa: S608  (names of columns)
_FOUND_AGAIN = text("""
    UPDATE recommendations SET last_found_at = :moment
    WHERE organization_id = :organization_id AND id = ANY(CAST(:ids AS uuid[]))
""")
_WRITE_HISTORY = text("""
    INSERT INTO recommendation_history
    SELECT * FROM jsonb_populate_recordset(NULL::recommendation_history, CAST(:rows AS jsonb))
    ON CONFLICT DO NOTHING
""")
_OF_GONE = text("""
    SELECT one.* FROM recommendations AS one
    JOIN resources ON resources.organization_id = :organization_id AND resources.id = one.resource_id
    WHERE one.organization_id = :organization_id AND one.account_id = :account_id AND resources.gone_at IS NOT NULL
        AND (one.state <> 'RESOLVED' OR (one.resolution = 'SAID_DONE' AND one.proved_at IS NULL))
    ORDER BY one.id LIMIT :limit FOR UPDATE OF one
""")
_OF_RESOURCES = text("""
    SELECT * FROM recommendations
    WHERE organization_id = :organization_id AND account_id = :account_id AND state IN ('OPEN', 'MARKED_FOR_DELETION')
        AND check_id <> ALL(CAST(:but AS text[]))
    ORDER BY id LIMIT :limit FOR UPDATE
""")
_IGNORED_UNTIL = text("""
    SELECT * FROM recommendations
    WHERE organization_id = :organization_id AND account_id = :account_id AND state = 'IGNORED'
        AND ignored_until <= :day
    ORDER BY id LIMIT :limit FOR UPDATE
""")
_ACCOUNTS_IGNORED_UNTIL = text("""
    SELECT DISTINCT one.account_id FROM recommendations AS one
    JOIN accounts ON accounts.organization_id = :organization_id AND accounts.id = one.account_id
    WHERE one.organization_id = :organization_id AND one.state = 'IGNORED' AND one.ignored_until <= :day
        AND accounts.disconnected_at IS NULL
    ORDER BY 1
""")
_LOCK_ALL = text("""
    SELECT count(pg_advisory_xact_lock(hashtextextended('recommendations:' || organization_id || ':' || id, 0))) FROM (
        SELECT organization_id, id FROM accounts WHERE organization_id = :organization_id ORDER BY id OFFSET 0
    ) AS account
""")
_COUNT = text("""
    UPDATE recommendations SET is_counted = (id = ANY(CAST(:ids AS uuid[])))
    WHERE organization_id = :organization_id AND account_id = :account_id
        AND is_counted IS DISTINCT FROM (id = ANY(CAST(:ids AS uuid[])))
""")


async def of_subjects(
    session: AsyncSession, organization_id: UUID, account_id: UUID, subject_keys: Collection[str]
) -> Sequence[RowMapping]:
    """All that is stored of some subjects, to be changed by whoever holds the account's lock, as all writers do.

    Rows are not locked besides: that wrote to each of them, a twentieth of what PostgreSQL did for a look.
    """
    statement = (
        select(RECOMMENDATIONS)
        .where(
            RECOMMENDATIONS.c.organization_id == organization_id,
            RECOMMENDATIONS.c.account_id == account_id,
            RECOMMENDATIONS.c.subject_key == any_(cast(sorted(subject_keys), ARRAY(Text))),
        )
        .order_by(RECOMMENDATIONS.c.id)
    )
    return (await session.execute(statement)).mappings().all()


async def active_of_resources(
    session: AsyncSession, organization_id: UUID, resource_ids: Collection[UUID]
) -> Sequence[RowMapping]:
    """All that is found on some resources and not resolved, to be changed."""
    statement = (
        select(RECOMMENDATIONS)
        .where(
            RECOMMENDATIONS.c.organization_id == organization_id,
            RECOMMENDATIONS.c.resource_id == any_(cast(sorted(resource_ids), ARRAY(Uuid))),
            RECOMMENDATIONS.c.state != RecommendationState.RESOLVED.value,
        )
        .order_by(RECOMMENDATIONS.c.id)
        .with_for_update()
    )
    return (await session.execute(statement)).mappings().all()


async def of_gone_resources(
    session: AsyncSession, organization_id: UUID, account_id: UUID, limit: int
) -> Sequence[RowMapping]:
    """What still stands of resources that are gone, to be changed."""
    values = {"organization_id": organization_id, "account_id": account_id, "limit": limit}
    return (await session.execute(_OF_GONE, values)).mappings().all()


async def of_resources(
    session: AsyncSession, organization_id: UUID, account_id: UUID, but: Collection[str], limit: int
) -> Sequence[RowMapping]:
    """What is open or marked of an account but by some checks, to be changed."""
    values = {"organization_id": organization_id, "account_id": account_id, "but": sorted(but), "limit": limit}
    return (await session.execute(_OF_RESOURCES, values)).mappings().all()


async def ignored_until(
    session: AsyncSession, organization_id: UUID, account_id: UUID, day: date, limit: int
) -> Sequence[RowMapping]:
    """What is ignored until a day or one before, to be changed."""
    values = {"organization_id": organization_id, "account_id": account_id, "day": day, "limit": limit}
    return (await session.execute(_IGNORED_UNTIL, values)).mappings().all()


async def accounts_ignored_until(session: AsyncSession, organization_id: UUID, day: date) -> Sequence[UUID]:
    """The accounts with anything that is ignored until a day or one before, without those that are disconnected."""
    values = {"organization_id": organization_id, "day": day}
    return (await session.execute(_ACCOUNTS_IGNORED_UNTIL, values)).scalars().all()


async def accounts_of(session: AsyncSession, organization_id: UUID, ids: Collection[UUID]) -> list[UUID]:
    """The accounts that some recommendations are of, in the order of their ids; none of them ever changes."""
    statement = (
        select(RECOMMENDATIONS.c.account_id)
        .where(
            RECOMMENDATIONS.c.organization_id == organization_id,
            RECOMMENDATIONS.c.id == any_(cast(sorted(ids), ARRAY(Uuid))),
        )
        .distinct()
    )
    return sorted((await session.execute(statement)).scalars())


async def by_ids(session: AsyncSession, organization_id: UUID, ids: Collection[UUID]) -> Sequence[RowMapping]:
    """Recommendations, to be changed, in the order of their ids."""
    statement = (
        select(RECOMMENDATIONS)
        .where(
            RECOMMENDATIONS.c.organization_id == organization_id,
            RECOMMENDATIONS.c.id == any_(cast(sorted(ids), ARRAY(Uuid))),
        )
        .order_by(RECOMMENDATIONS.c.id)
        .with_for_update()
    )
    return (await session.execute(statement)).mappings().all()


async def write_rows(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace whole rows; one statement. A row keeps its id for ever."""
    if rows:
        await session.execute(_WRITE, {"rows": _json(rows)})


async def write_found_again(
    session: AsyncSession, organization_id: UUID, ids: Collection[UUID], moment: datetime
) -> None:
    """Note that rows were found as they are; one statement."""
    if ids:
        values = {"organization_id": organization_id, "ids": sorted(ids), "moment": moment}
        await session.execute(_FOUND_AGAIN, values)


async def write_history(
    session: AsyncSession,
    organization_id: UUID,
    actor: Actor,
    entries: Sequence[tuple[UUID, HistoryKind, Mapping[str, Any]]],
) -> None:
    """Add what happened to recommendations; one statement."""
    if not entries:
        return
    moment = now()
    rows = [
        {
            "organization_id": organization_id,
            "id": new_id(),
            "recommendation_id": id_,
            "kind": kind.value,
            "actor_kind": actor.kind.value,
            "actor_id": actor.id,
            "data": data,
            "happened_at": moment,
        }
        for id_, kind, data in entries
    ]
    await session.execute(_WRITE_HISTORY, {"rows": _json(rows)})


async def claims_of(session: AsyncSession, organization_id: UUID, account_id: UUID) -> Sequence[RowMapping]:
    """What may count, as far as overlaps need it."""
    columns = (RECOMMENDATIONS.c[name] for name in ("id", "node", "part_of", "covers_parts", "converted_saving"))
    statement = select(*columns).where(
        RECOMMENDATIONS.c.organization_id == organization_id,
        RECOMMENDATIONS.c.account_id == account_id,
        RECOMMENDATIONS.c.state.in_(_COUNTING),
    )
    return (await session.execute(statement)).mappings().all()


async def set_counted(session: AsyncSession, organization_id: UUID, account_id: UUID, ids: Collection[UUID]) -> None:
    """Say which of an account's recommendations count; only rows that change are written."""
    values = {"organization_id": organization_id, "account_id": account_id, "ids": sorted(ids)}
    await session.execute(_COUNT, values)


async def lock_all_accounts(session: AsyncSession, organization_id: UUID) -> None:
    """Be the only one who changes what counts of any account, until it ends; taken in the order of ids, as by all."""
    await session.execute(_LOCK_ALL, {"organization_id": organization_id})


async def lock_account(session: AsyncSession, organization_id: UUID, account_id: UUID) -> None:
    """Be the only one who changes what counts of an account, until the transaction ends."""
    name = f"recommendations:{organization_id}:{account_id}"
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


async def update_rows(
    session: AsyncSession, organization_id: UUID, ids: Collection[UUID], **values: Any
) -> Sequence[RowMapping]:
    """Write the same columns of several recommendations; returns them."""
    statement = (
        update(RECOMMENDATIONS)
        .where(
            RECOMMENDATIONS.c.organization_id == organization_id,
            RECOMMENDATIONS.c.id == any_(cast(sorted(ids), ARRAY(Uuid))),
        )
        .values(**values)
        .returning(RECOMMENDATIONS)
    )
    changed: Sequence[RowMapping] = (await session.execute(statement)).mappings().all()
    return changed


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps([dict(row) for row in rows], default=_exact).decode()


def _exact(value: Any) -> Any:
    """A number as text, which PostgreSQL reads back to the last digit; asyncpg's own UUIDs too."""
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    message = f"{type(value).__name__} is no JSON value"
    raise TypeError(message)
