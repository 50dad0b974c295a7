"""SQL of looks at accounts: when each was last looked at, on which ground, and what has changed in the meantime."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AccountLook
from app.repositories.planning import plan_for_sets

LOOKS: Table = AccountLook.__table__  # type: ignore[assignment]
_LAST = text("""
    SELECT looked_at, ground FROM account_looks
    WHERE organization_id = :organization_id AND account_id = :account_id
""")
# The newest start of a look that has ended: each has seen what was there when it started. No row where the account
# went in the meantime.
_NOTE = text("""
    INSERT INTO account_looks (organization_id, account_id, looked_at, ground)
    SELECT organization_id, id, CAST(:looked_at AS timestamptz), :ground FROM accounts
    WHERE organization_id = :organization_id AND id = :account_id
    ON CONFLICT (organization_id, account_id) DO UPDATE
        SET looked_at = greatest(account_looks.looked_at, excluded.looked_at), ground = excluded.ground
""")
_WAITING = text("""
    SELECT account.id FROM accounts AS account
    LEFT JOIN account_looks AS look ON look.organization_id = :organization_id AND look.account_id = account.id
    WHERE account.organization_id = :organization_id AND account.disconnected_at IS NULL
        AND (look.looked_at IS NULL OR look.looked_at < :before)
        AND EXISTS (SELECT FROM resources WHERE organization_id = :organization_id AND account_id = account.id)
    ORDER BY account.id
""")
# Whatever a look tells checks of a resource beside the account's ground. `asked` are the neighbours that checks look
# at: a resource of `own_type` names one of `other_type` (outgoing), is named by it, or both name the same third one
# (sibling). What a changed resource named until then is in its history. What somebody has said to be done is to be
# proved or opened again, by whatever look comes next.
_TOUCHED = text("""
    WITH changed AS MATERIALIZED (
        SELECT id, account_id, native_id, resource_type FROM resources
        WHERE organization_id = :organization_id AND (updated_at >= :since OR last_used_at >= :since)
    ), asked AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:places AS text[]), CAST(:own_types AS text[]),
            CAST(:other_types AS text[])) AS asked(kind, place, own_type, other_type)
    ), named AS MATERIALIZED (
        SELECT changed.resource_type, relation.kind, relation.target_native_id AS native_id
        FROM changed JOIN resource_relationships AS relation
            ON relation.organization_id = :organization_id AND relation.resource_id = changed.id
        UNION
        SELECT changed.resource_type, was.pair ->> 0, was.pair ->> 1
        FROM changed
        JOIN resource_changes AS change
            ON change.organization_id = :organization_id AND change.resource_id = changed.id
            AND change.changed_at >= :since
        CROSS JOIN LATERAL jsonb_array_elements(change.changes #> '{relationships,removed}') AS was(pair)
    ), touched(id, own_type) AS (
        SELECT id, resource_type FROM changed WHERE account_id = :account_id
        UNION ALL
        SELECT usage.resource_id, NULL FROM resource_usage AS usage
        WHERE usage.organization_id = :organization_id AND usage.read_at >= :since
        UNION ALL
        SELECT said.resource_id, NULL FROM recommendations AS said
        WHERE said.organization_id = :organization_id AND said.account_id = :account_id AND said.state = 'RESOLVED'
            AND said.resolution = 'SAID_DONE' AND said.proved_at IS NULL
        UNION ALL
        SELECT relation.resource_id, asked.own_type
        FROM changed
        JOIN asked ON asked.other_type = changed.resource_type AND asked.place = 'OUTGOING'
        JOIN resource_relationships AS relation ON relation.organization_id = :organization_id
            AND relation.target_native_id = changed.native_id AND relation.kind = asked.kind
        UNION ALL
        SELECT own.id, asked.own_type
        FROM named
        JOIN asked ON asked.other_type = named.resource_type AND asked.kind = named.kind AND asked.place = 'INCOMING'
        JOIN resources AS own ON own.organization_id = :organization_id AND own.native_id = named.native_id
        UNION ALL
        SELECT relation.resource_id, asked.own_type
        FROM named
        JOIN asked ON asked.other_type = named.resource_type AND asked.kind = named.kind AND asked.place = 'SIBLING'
        JOIN resource_relationships AS relation ON relation.organization_id = :organization_id
            AND relation.target_native_id = named.native_id AND relation.kind = named.kind
        UNION ALL
        SELECT peer.id, peer.resource_type FROM (
            SELECT DISTINCT asked.own_type FROM changed
            JOIN asked ON asked.other_type = changed.resource_type AND asked.place = 'PEER'
            WHERE changed.account_id = :account_id
        ) AS of_type
        JOIN resources AS peer ON peer.organization_id = :organization_id AND peer.account_id = :account_id
            AND peer.resource_type = of_type.own_type
    )
    SELECT own.resource_type, array_agg(DISTINCT own.id) AS ids
    FROM touched JOIN resources AS own ON own.organization_id = :organization_id AND own.id = touched.id
        AND own.resource_type = coalesce(touched.own_type, own.resource_type)
    WHERE own.account_id = :account_id AND own.gone_at IS NULL
    GROUP BY own.resource_type ORDER BY own.resource_type
""")

OUTGOING: Final = "OUTGOING"
INCOMING: Final = "INCOMING"
SIBLING: Final = "SIBLING"
PEER: Final = "PEER"


@dataclass(frozen=True, slots=True)
class Sees:
    """A type of resources whose checks look at others of a type: how those are found, and by which relationship."""

    kind: str
    place: str
    own_type: str
    other_type: str


async def last_look(session: AsyncSession, organization_id: UUID, account_id: UUID) -> RowMapping | None:
    """When the last look at an account that has ended began, and its ground; None if there was none."""
    values = {"organization_id": organization_id, "account_id": account_id}
    return (await session.execute(_LAST, values)).mappings().one_or_none()


async def note_look(
    session: AsyncSession, organization_id: UUID, account_id: UUID, looked_at: datetime, ground: str
) -> None:
    """Note that a look has ended that began at a moment."""
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "looked_at": looked_at,
        "ground": ground,
    }
    await session.execute(_NOTE, values)


async def touched_since(
    session: AsyncSession, organization_id: UUID, account_id: UUID, since: datetime, sees: Collection[Sees]
) -> dict[str, Sequence[UUID]]:
    """The resources of an account, by type, of which something that checks are told may be new since a moment."""
    await plan_for_sets(session)
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "since": since,
        "kinds": [one.kind for one in sees],
        "places": [one.place for one in sees],
        "own_types": [one.own_type for one in sees],
        "other_types": [one.other_type for one in sees],
    }
    return {row.resource_type: row.ids for row in await session.execute(_TOUCHED, values)}


async def accounts_unseen(session: AsyncSession, organization_id: UUID, before: datetime) -> list[UUID]:
    """The accounts with resources that were not looked at since a moment."""
    values = {"organization_id": organization_id, "before": before}
    return list((await session.execute(_WAITING, values)).scalars())
