"""Looks at made-up volumes, and the ledger as it is stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import now
from app.pricing.book import seed_book
from app.recommendations.look import look, start_look
from app.recommendations.store import Changes
from app.records.recommendations import HistoryKind
from app.repositories.resources import ResourceValues
from tests.repositories.found import ACCOUNT, ORGANIZATION, store, volume


async def add_company(owner: Database) -> None:
    """The organization that the made-up accounts belong to."""
    async with owner.write(None) as session:
        await session.execute(
            text("""
                INSERT INTO organizations (id, slug, name, currency, created_at, updated_at)
                VALUES (:id, 'acme', 'Acme', 'USD', :now, :now)
            """),
            {"id": ORGANIZATION, "now": now()},
        )


def lone(native_id: str = "vol-1", kind: str = "gp3", size: int = 100, **values: Any) -> ResourceValues:
    """A volume that is attached to nothing."""
    properties = {"volumeType": kind, "sizeGiB": size, "iops": 3000, "throughputMiBps": 125, "attachments": []}
    plain: dict[str, Any] = {"status": "available", "region": "us-east-1", "relations": (), "properties": properties}
    return volume(native_id, **(plain | values))


async def keep(database: Database, owner: Database, *resources: ResourceValues, days: float = 30) -> None:
    """Store resources as if they had been first seen so many days ago."""
    await store(database, *resources)
    async with owner.write(None) as session:
        await session.execute(
            text("UPDATE resources SET first_seen_at = :seen WHERE native_id = ANY(:names)"),
            {"seen": now() - timedelta(days=days), "names": [one.native_id for one in resources]},
        )


async def looked(database: Database) -> dict[HistoryKind, int]:
    """Look at the account; what has changed, by kind."""

    async def hold(_: AsyncSession) -> None:
        """Nobody else looks."""

    looking = await start_look(database, ORGANIZATION, ACCOUNT, seed_book(), hold)
    assert looking is not None
    changes: Changes = await look(looking)
    return changes.counts


async def ledger(database: Database) -> dict[tuple[str, str], RowMapping]:
    """All recommendations, by check and native id."""
    async with database.read(ORGANIZATION) as session:
        rows = (await session.execute(text("SELECT * FROM recommendations ORDER BY id"))).mappings().all()
    return {(row["check_id"], row["node"]): row for row in rows}


async def told(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    """(native id, kind, data) of the history, in the order in which it happened."""
    async with database.read(ORGANIZATION) as session:
        rows = await session.execute(
            text("""
                SELECT one.node, history.kind, history.data FROM recommendation_history AS history
                JOIN recommendations AS one ON one.id = history.recommendation_id ORDER BY history.id
            """)
        )
        return [(row.node, row.kind, row.data) for row in rows]
