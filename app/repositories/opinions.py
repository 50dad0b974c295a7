"""SQL of what providers themselves recommend: a page written, what is told of a page of subjects, and the readings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import OpinionReading, ProviderOpinion

OPINIONS: Table = ProviderOpinion.__table__  # type: ignore[assignment]
READINGS: Table = OpinionReading.__table__  # type: ignore[assignment]
_KEPT = ("organization_id", "account_id", "source", "native_id", "first_seen_at")
_LAST_SEEN = "last_seen_at"
_SET = ", ".join(
    f"{column.name} = excluded.{column.name}" for column in OPINIONS.c if column.name not in (*_KEPT, _LAST_SEEN)
)
# Whole rows as JSON: one parameter, however many rows and columns. In the order of their keys, so that two who write
# the same rows wait for each other instead of meeting crosswise.
_WRITE = text(f"""
    INSERT INTO provider_opinions
    SELECT * FROM jsonb_populate_recordset(NULL::provider_opinions, CAST(:rows AS jsonb))
    ORDER BY organization_id, account_id, source, native_id
    ON CONFLICT (organization_id, account_id, source, native_id) DO UPDATE SET {_SET},
        {_LAST_SEEN} = greatest(excluded.{_LAST_SEEN}, provider_opinions.{_LAST_SEEN})
""")  # noqa: S608  (names of columns)
_FORGET = text("""
    DELETE FROM provider_opinions
    WHERE organization_id = :organization_id AND account_id = :account_id AND source = :source
        AND last_seen_at < :before
""")
_WRITE_READING = text("""
    INSERT INTO opinion_readings (organization_id, account_id, source, read_at, completed_at, problem)
    VALUES (:organization_id, :account_id, :source, :read_at, :completed_at, CAST(:problem AS jsonb))
    ON CONFLICT (organization_id, account_id, source) DO UPDATE SET read_at = excluded.read_at,
        completed_at = coalesce(excluded.completed_at, opinion_readings.completed_at), problem = excluded.problem
""")
_SUBJECT = "coalesce(o.resource_native_id, o.source || '|' || o.native_id)"
_SUBJECTS = text(f"""
    SELECT DISTINCT {_SUBJECT} AS subject FROM provider_opinions AS o
    WHERE o.organization_id = :organization_id AND o.account_id = :account_id
        AND o.source = ANY(CAST(:sources AS text[]))
    ORDER BY subject
""")  # noqa: S608  (made of constants)
_OF_SUBJECTS = text(f"""
    SELECT o.*, {_SUBJECT} AS subject, r.id AS resource_id, r.gone_at IS NOT NULL AS is_gone
    FROM provider_opinions AS o
    LEFT JOIN resources AS r ON r.organization_id = :organization_id AND r.account_id = :account_id
        AND r.native_id = o.resource_native_id
    WHERE o.organization_id = :organization_id AND o.account_id = :account_id
        AND {_SUBJECT} = ANY(CAST(:subjects AS text[])) AND o.source = ANY(CAST(:sources AS text[]))
    ORDER BY subject, o.source, o.native_id
""")  # noqa: S608  (made of constants)
_STANDING = text("""
    SELECT check_id, node, remedy, resolved_at FROM recommendations
    WHERE organization_id = :organization_id AND account_id = :account_id
        AND (state <> 'RESOLVED' OR (resolution = 'SAID_DONE' AND proved_at IS NULL))
        AND node = ANY(CAST(:nodes AS text[]))
""")
_UNTOLD = text(f"""
    SELECT one.id, one.check_id, one.subject_key FROM recommendations AS one
    JOIN unnest(CAST(:check_ids AS text[]), CAST(:sources AS text[])) AS asked(check_id, source)
        ON asked.check_id = one.check_id
    WHERE one.organization_id = :organization_id AND one.account_id = :account_id AND one.id > :after
        AND (one.state <> 'RESOLVED' OR (one.resolution = 'SAID_DONE' AND one.proved_at IS NULL))
        AND NOT EXISTS (
            SELECT FROM provider_opinions AS o
            WHERE o.organization_id = :organization_id AND o.account_id = :account_id AND o.source = asked.source
                AND {_SUBJECT} = one.node)
    ORDER BY one.id LIMIT :limit
""")  # noqa: S608  (made of constants)
_OF_NODES = text("""
    SELECT o.* FROM unnest(CAST(:accounts AS uuid[]), CAST(:nodes AS text[])) AS asked(account_id, node)
    JOIN provider_opinions AS o ON o.organization_id = :organization_id AND o.account_id = asked.account_id
        AND o.resource_native_id = asked.node
    ORDER BY o.monthly_saving DESC NULLS LAST, o.source, o.native_id
""")
_READINGS = text("""
    SELECT reading.*, (
        SELECT count(*) FROM provider_opinions AS o
        WHERE o.organization_id = :organization_id AND o.account_id = reading.account_id AND o.source = reading.source
    ) AS count
    FROM opinion_readings AS reading
    WHERE reading.organization_id = :organization_id AND reading.account_id = ANY(CAST(:account_ids AS uuid[]))
    ORDER BY reading.account_id, reading.source
""")


async def write_opinions(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace whole rows with keys of their own; one statement. `first_seen_at` stays as it was."""
    if rows:
        sent = orjson.dumps([dict(row) for row in rows], default=str).decode()  # numbers to the last digit, as text
        await session.execute(_WRITE, {"rows": sent})


async def forget_opinions(
    session: AsyncSession, organization_id: UUID, account_id: UUID, source: str, before: datetime
) -> None:
    """Delete what an adviser has not told since a moment."""
    values = {"organization_id": organization_id, "account_id": account_id, "source": source, "before": before}
    await session.execute(_FORGET, values)


async def write_reading(
    session: AsyncSession,
    organization_id: UUID,
    account_id: UUID,
    source: str,
    read_at: datetime,
    problem: Mapping[str, Any] | None,
) -> None:
    """Note how a reading went: complete, or with a problem; then when it was last complete stays as it was."""
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "source": source,
        "read_at": read_at,
        "completed_at": read_at if problem is None else None,
        "problem": None if problem is None else orjson.dumps(dict(problem)).decode(),
    }
    await session.execute(_WRITE_READING, values)


async def readings_of(
    session: AsyncSession, organization_id: UUID, account_ids: Collection[UUID]
) -> Sequence[RowMapping]:
    """How the last readings of accounts went, and how many opinions each adviser has; one statement."""
    values = {"organization_id": organization_id, "account_ids": sorted(account_ids)}
    return (await session.execute(_READINGS, values)).mappings().all()


async def subjects_of_advice(
    session: AsyncSession, organization_id: UUID, account_id: UUID, sources: Collection[str]
) -> list[str]:
    """What advisers speak of in an account: native ids of resources, and `source|native id` where it is of none."""
    values = {"organization_id": organization_id, "account_id": account_id, "sources": sorted(sources)}
    return list((await session.execute(_SUBJECTS, values)).scalars())


async def opinions_of(
    session: AsyncSession,
    organization_id: UUID,
    account_id: UUID,
    subjects: Collection[str],
    sources: Collection[str],
) -> Sequence[RowMapping]:
    """All that advisers say of some subjects, with the resource of the inventory that each is about."""
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "subjects": sorted(subjects),
        "sources": sorted(sources),
    }
    return (await session.execute(_OF_SUBJECTS, values)).mappings().all()


async def standing_of(
    session: AsyncSession, organization_id: UUID, account_id: UUID, nodes: Collection[str]
) -> Sequence[RowMapping]:
    """Check, node and remedy of what is found of some nodes and not resolved, or only said to be done."""
    values = {"organization_id": organization_id, "account_id": account_id, "nodes": sorted(nodes)}
    return (await session.execute(_STANDING, values)).mappings().all()


async def untold(
    session: AsyncSession, organization_id: UUID, account_id: UUID, check_of: Mapping[str, str], after: UUID, limit: int
) -> Sequence[RowMapping]:
    """Check and subject of what stands though its adviser does not say it any more, in the order of ids.

    `check_of` is by source; `after` is the last id of the batch before.
    """
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "sources": list(check_of),
        "check_ids": list(check_of.values()),
        "after": after,
        "limit": limit,
    }
    return (await session.execute(_UNTOLD, values)).mappings().all()


async def opinions_of_nodes(
    session: AsyncSession, organization_id: UUID, places: Collection[tuple[UUID, str]]
) -> Sequence[RowMapping]:
    """What advisers say of resources, by account and native id, the dearest first; one statement."""
    asked = sorted(places)
    values = {
        "organization_id": organization_id,
        "accounts": [account_id for account_id, _ in asked],
        "nodes": [node for _, node in asked],
    }
    return (await session.execute(_OF_NODES, values)).mappings().all()
