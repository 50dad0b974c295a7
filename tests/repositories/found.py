"""Made-up resources, and the doors through which tests store and read them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from app.database import Database
from app.models import Resource
from app.repositories.inventory_store import Outcome, prepare_batch, store_batch, sweep
from app.repositories.resources import ResourceValues

ORGANIZATION = uuid.UUID(int=1)
OTHER = uuid.UUID(int=2)
ACCOUNT = uuid.UUID(int=11)
SECOND_ACCOUNT = uuid.UUID(int=12)
SCAN = uuid.UUID(int=21)
STEP = uuid.UUID(int=31)
MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
VOLUME = "AWS::EC2::Volume"


async def add_accounts(database: Database) -> None:
    """Two accounts in ORGANIZATION, and one with the id of the first in OTHER."""
    pairs = [(ORGANIZATION, ACCOUNT), (ORGANIZATION, SECOND_ACCOUNT), (OTHER, ACCOUNT)]
    for organization_id, account_id in pairs:
        async with database.write(organization_id) as session:
            await session.execute(
                text("""
                    INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at)
                    VALUES (:organization_id, :id, 'AWS', 'CONNECTED', :native_id, 'Production', :now, :now)
                """),
                {"organization_id": organization_id, "id": account_id, "native_id": str(account_id), "now": MOMENT},
            )


def volume(native_id: str = "vol-1", **changes: Any) -> ResourceValues:
    """A volume with everything that can differ."""
    values: dict[str, Any] = {
        "account_id": ACCOUNT,
        "provider": "AWS",
        "service": "AmazonEC2",
        "resource_type": VOLUME,
        "native_id": native_id,
        "name": native_id,
        "region": "eu-central-1",
        "availability_zone": "eu-central-1a",
        "status": "in-use",
        "tags": {"team": "web"},
        "properties": {"size": 8, "encrypted": True, "attachments": [{"instanceId": "i-1"}]},
        "provider_created_at": MOMENT,
        "relations": (("ATTACHED_TO", "i-1"),),
    }
    return ResourceValues(**(values | changes))


async def store(
    database: Database,
    *resources: ResourceValues,
    step: UUID | None = STEP,
    organization: UUID = ORGANIZATION,
) -> Outcome:
    """One batch in a transaction of its own."""
    rows = prepare_batch(resources)
    async with database.write(organization) as session:
        return await store_batch(session, organization, rows, step_id=step, scan_id=SCAN if step else None)


async def sweep_volumes(database: Database, step: UUID, regions: Sequence[str] | None = None) -> int:
    """Sweep the volumes of ACCOUNT."""
    async with database.write(ORGANIZATION) as session:
        return await sweep(
            session, ORGANIZATION, ACCOUNT, step_id=step, scan_id=SCAN, resource_types=[VOLUME], regions=regions
        )


async def inventory(database: Database, organization: UUID = ORGANIZATION) -> dict[str, Resource]:
    """All resources of an organization by native id."""
    async with database.read(organization) as session:
        return {resource.native_id: resource for resource in await session.scalars(select(Resource))}


async def history(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    """(native id, kind, changes) in the order in which it happened."""
    async with database.read(ORGANIZATION) as session:
        rows = await session.execute(
            text("""
                SELECT native_id, kind, changes FROM resource_changes
                JOIN resources USING (organization_id) WHERE resources.id = resource_id ORDER BY resource_changes.id
            """)
        )
        return [(row.native_id, row.kind, row.changes) for row in rows]


async def relations(database: Database) -> set[tuple[str, str, str]]:
    """(native id, kind, target) of all relationships."""
    async with database.read(ORGANIZATION) as session:
        rows = await session.execute(
            text("""
                SELECT native_id, kind, target_native_id FROM resource_relationships
                JOIN resources USING (organization_id) WHERE resources.id = resource_id
            """)
        )
        return {(row[0], row[1], row[2]) for row in rows}
