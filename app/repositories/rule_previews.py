"""SQL of the preview of detection rules: all resources of some types as plain rows, and what is said of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Text, any_, cast, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.recommendations import COUNTING
from app.repositories.detection_facts import picked
from app.repositories.planning import driver_of
from app.repositories.recommendations import RECOMMENDATIONS

CHUNK = 2_000
_OF_TYPES = """
    FROM resources WHERE organization_id = $1 AND resource_type = ANY($2::text[]) AND account_id = ANY($3::uuid[])
        AND gone_at IS NULL"""
_ACCOUNTS = text("""
    SELECT accounts.id FROM accounts WHERE accounts.organization_id = :organization_id
        AND (CAST(:provider AS text) IS NULL OR provider = :provider)
""")
_CLAIMS = f"""
    SELECT account_id, id, node, part_of, covers_parts, converted_saving FROM recommendations
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
        AND state IN ({", ".join(f"'{state.value}'" for state in sorted(COUNTING))})
        AND (node = ANY($3::text[]) OR part_of = ANY($3::text[]))
"""  # noqa: S608  (constants)


async def accounts_of_provider(session: AsyncSession, organization_id: UUID, provider: str | None) -> list[UUID]:
    """All accounts at a provider (at any for None), also such that were disconnected: their resources stay."""
    values = {"organization_id": organization_id, "provider": provider}
    return sorted((await session.execute(_ACCOUNTS, values)).scalars())


async def count_of_types(
    session: AsyncSession, organization_id: UUID, types: Sequence[str], account_ids: Sequence[UUID], most: int
) -> int:
    """How many resources of some types accounts have; counts no further than one above `most`."""
    statement = f"SELECT count(*) FROM (SELECT 1 {_OF_TYPES} LIMIT $4) AS found"  # noqa: S608  (names of columns)
    driver = await driver_of(session)
    return int(await driver.fetchval(statement, organization_id, list(types), list(account_ids), most + 1))


async def rows_of_types(
    session: AsyncSession,
    organization_id: UUID,
    types: Sequence[str],
    account_ids: Sequence[UUID],
    properties: Collection[str],
) -> AsyncIterator[Sequence[Any]]:
    """Resources of some types with some of their properties, some thousand at a time.

    By the driver itself: what SQLAlchemy adds to a row takes as long as running a check on it.
    """
    statement = f"""
        SELECT id, account_id, provider, resource_type, native_id, name, region, status, first_seen_at, tags,
            {picked(properties)},
            provider_created_at, last_used_at {_OF_TYPES}"""
    driver = await driver_of(session)
    cursor = await driver.cursor(statement, organization_id, list(types), list(account_ids))
    while rows := await cursor.fetch(CHUNK):
        yield rows


async def ledger_of_check(
    session: AsyncSession, organization_id: UUID, check_id: str, subject_keys: Collection[str]
) -> Sequence[RowMapping]:
    """What is stored of a check and some subjects."""
    names = ("id", "account_id", "subject_key", "state", "node", "part_of", "covers_parts", "converted_saving")
    more = ("severity", "saving", "monthly_saving", "currency", "price_basis")
    statement = select(*(RECOMMENDATIONS.c[name] for name in (*names, *more))).where(
        RECOMMENDATIONS.c.organization_id == organization_id,
        RECOMMENDATIONS.c.check_id == check_id,
        RECOMMENDATIONS.c.subject_key == any_(cast(sorted(subject_keys), ARRAY(Text))),
    )
    return (await session.execute(statement)).mappings().all()


async def claims_of_nodes(
    session: AsyncSession, organization_id: UUID, account_ids: Collection[UUID], nodes: Collection[str]
) -> Sequence[Any]:
    """What may count of some resources and their parts, as far as overlaps need it."""
    driver = await driver_of(session)
    found: Sequence[Any] = await driver.fetch(_CLAIMS, organization_id, list(account_ids), list(nodes))
    return found
