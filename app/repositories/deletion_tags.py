"""SQL of the tags in clouds on what is marked for deletion. Whoever changes them holds the account's lock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, Uuid, any_, cast, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import DeletionTag
from app.repositories.accounts import ACCOUNTS
from app.repositories.resources import RESOURCES

TAGS: Table = DeletionTag.__table__  # type: ignore[assignment]
_SET = ("state", "due_on", "may_exist", "message", "changed_at")
_BUSY = text("""
    SELECT EXISTS (
        SELECT FROM deletion_tags AS tag
        JOIN jobs ON jobs.organization_id = :organization_id AND jobs.id = tag.job_id
        WHERE tag.organization_id = :organization_id AND tag.account_id = :account_id AND tag.job_id <> :job_id
            AND jobs.state = 'RUNNING' AND jobs.lease_until > now())
""")
# The latest day for which any recommendation on the same resource asks: a tag must not tell an earlier one than that.
_TAKE = text("""
    WITH due AS MATERIALIZED (
        SELECT recommendation_id, due_on, may_exist FROM deletion_tags
        WHERE organization_id = :organization_id AND account_id = :account_id AND state = 'REQUESTED'
            AND recommendation_id > :after
        ORDER BY recommendation_id LIMIT :limit FOR UPDATE),
    taken AS (
        UPDATE deletion_tags AS tag SET job_id = :job_id, may_exist = tag.may_exist OR tag.due_on IS NOT NULL
        FROM due
        WHERE tag.organization_id = :organization_id AND tag.recommendation_id = due.recommendation_id)
    SELECT due.recommendation_id, due.due_on, due.may_exist, one.resource_id,
        resource.native_id, resource.resource_type, resource.region, resource.gone_at IS NOT NULL AS is_gone, (
            SELECT max(tag.due_on) FROM recommendations AS other
            JOIN deletion_tags AS tag ON tag.organization_id = :organization_id AND tag.recommendation_id = other.id
            WHERE other.organization_id = :organization_id AND other.resource_id = one.resource_id
                AND other.state = 'MARKED_FOR_DELETION' AND other.due_on = tag.due_on) AS day
    FROM due
    JOIN recommendations AS one ON one.organization_id = :organization_id AND one.id = due.recommendation_id
    JOIN resources AS resource ON resource.organization_id = :organization_id AND resource.id = one.resource_id
    ORDER BY due.recommendation_id
""")
_FINISH = text("""
    UPDATE deletion_tags SET job_id = NULL,
        state = CASE WHEN due_on IS NOT DISTINCT FROM CAST(:due_on AS date) THEN :state ELSE 'REQUESTED' END,
        message = CASE WHEN due_on IS NOT DISTINCT FROM CAST(:due_on AS date) THEN :message ELSE message END,
        may_exist = :may_exist OR due_on IS DISTINCT FROM CAST(:due_on AS date),
        changed_at = :moment
    WHERE organization_id = :organization_id AND recommendation_id = :id AND job_id = :job_id
    RETURNING due_on IS NOT DISTINCT FROM CAST(:due_on AS date) AS is_so
""")
# Marked no more by a scan; or the removal has failed, or the job of what is requested has died, a while ago.
_STALE = text("""
    SELECT tag.*, one.state = 'MARKED_FOR_DELETION' AND one.due_on IS NOT DISTINCT FROM tag.due_on AS is_wanted
    FROM deletion_tags AS tag
    JOIN recommendations AS one ON one.organization_id = :organization_id AND one.id = tag.recommendation_id
    WHERE tag.organization_id = :organization_id AND tag.account_id = :account_id
        AND ((tag.due_on IS NOT NULL AND (one.state <> 'MARKED_FOR_DELETION' OR one.due_on IS DISTINCT FROM tag.due_on))
            OR (tag.due_on IS NULL AND tag.may_exist AND tag.state = 'FAILED' AND tag.changed_at < :before)
            OR (tag.state = 'REQUESTED' AND tag.changed_at < :before))
""")


async def tags_of(session: AsyncSession, organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, RowMapping]:
    """What is stored, by recommendation."""
    statement = select(TAGS).where(
        TAGS.c.organization_id == organization_id, TAGS.c.recommendation_id == any_(cast(sorted(ids), ARRAY(Uuid)))
    )
    return {row["recommendation_id"]: row for row in (await session.execute(statement)).mappings()}


async def put_tags(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace rows, but for the job that is at them; one statement."""
    if rows:
        statement = insert(TAGS).values([dict(row) for row in rows])
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["organization_id", "recommendation_id"],
                set_={name: statement.excluded[name] for name in _SET},
            )
        )


async def stale_tags(
    session: AsyncSession, organization_id: UUID, account_id: UUID, before: datetime
) -> Sequence[RowMapping]:
    """Tags that are to go though nobody said so; those whose removal failed before a moment, or that still wait."""
    values = {"organization_id": organization_id, "account_id": account_id, "before": before}
    return (await session.execute(_STALE, values)).mappings().all()


async def is_busy(session: AsyncSession, organization_id: UUID, account_id: UUID, job_id: UUID) -> bool:
    """Whether another job is at tags of the account now."""
    values = {"organization_id": organization_id, "account_id": account_id, "job_id": job_id}
    return bool(await session.scalar(_BUSY, values))


async def take_tags(
    session: AsyncSession, organization_id: UUID, account_id: UUID, job_id: UUID, after: UUID, limit: int
) -> Sequence[RowMapping]:
    """The next of what is requested, with its resources, noted as being worked on; in the order of their ids.

    `day` is what the resource's tag is to tell, null where it is to have none; `may_exist` is as it was before;
    `is_gone` tells a resource that a scan no longer finds.
    """
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "job_id": job_id,
        "after": after,
        "limit": limit,
    }
    return (await session.execute(_TAKE, values)).mappings().all()


async def finish_tag(
    session: AsyncSession,
    organization_id: UUID,
    id_: UUID,
    job_id: UUID,
    *,
    due_on: date | None,
    state: str,
    message: str | None,
    may_exist: bool,
    moment: datetime,
) -> bool | None:
    """Write what became of a tag that a job has taken for `due_on`.

    False where something else was asked for in the meantime, which stays requested; None where it was taken away.
    """
    values = {
        "organization_id": organization_id,
        "id": id_,
        "job_id": job_id,
        "due_on": due_on,
        "state": state,
        "message": message,
        "may_exist": may_exist,
        "moment": moment,
    }
    found: bool | None = await session.scalar(_FINISH, values)
    return found


async def accounts_by_id(session: AsyncSession, organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, RowMapping]:
    """What decides whether an account may be tagged in."""
    columns = (ACCOUNTS.c[name] for name in ("id", "provider", "kind", "disconnected_at", "allows_tagging"))
    statement = select(*columns).where(
        ACCOUNTS.c.organization_id == organization_id, ACCOUNTS.c.id == any_(cast(sorted(ids), ARRAY(Uuid)))
    )
    return {row["id"]: row for row in (await session.execute(statement)).mappings()}


async def resources_by_id(
    session: AsyncSession, organization_id: UUID, ids: Collection[UUID]
) -> dict[UUID, RowMapping]:
    """What decides whether resources can carry a tag."""
    columns = (RESOURCES.c[name] for name in ("id", "resource_type", "native_id"))
    statement = select(*columns).where(
        RESOURCES.c.organization_id == organization_id, RESOURCES.c.id == any_(cast(sorted(ids), ARRAY(Uuid)))
    )
    return {row["id"]: row for row in (await session.execute(statement)).mappings()}
