"""What the jobs of a campaign have left in PostgreSQL, once all of them have ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import asyncpg

from tests.campaigns.settling import Settled

KINDS = ("purge_organization", "run_scan", "import_costs")
"""Jobs that the campaign asks for; others follow from them, or come by the clock."""
_JOBS = "SELECT kind, state, attempts FROM jobs WHERE kind = ANY($1)"
_DEAD = "SELECT kind || ': ' || coalesce(failure, '') FROM jobs WHERE state = 'DEAD'"
_ROWS_LEFT = "SELECT count(*) FROM activity_events WHERE organization_id = ANY($1)"
# A scan and an import tell of their begin and of their end, each once, however often they were begun; an import that
# changed nothing tells of its begin alone.
_TOLD = """
SELECT id, state, (SELECT count(*) FROM activity_events AS event WHERE event.organization_id = under.organization_id
    AND event.subject_id = under.id AND event.kind = $2) AS begun, (SELECT count(*) FROM activity_events AS event
    WHERE event.organization_id = under.organization_id AND event.subject_id = under.id AND event.kind = $3) AS ended
FROM {table} AS under WHERE organization_id = $1
"""
_FOUND = """
SELECT coalesce(sum(added), 0) AS added, coalesce(sum(changed), 0) AS changed, coalesce(sum(removed), 0) AS removed
FROM scan_steps WHERE organization_id = $1
"""
_INVENTORY = "SELECT native_id FROM resources WHERE organization_id = $1 AND gone_at IS NULL"
_CHARGES = "SELECT coalesce(sum(billed_cost), 0), count(*) FROM charges WHERE organization_id = $1"


@dataclass(frozen=True)
class Effects:
    """What is there."""

    states: Counter[str]
    attempts: Counter[int]
    """Of the jobs that the campaign asks for."""
    dead: list[str]
    """Of any kind, with the reason."""
    rows_left: int
    """Events of purged organizations."""
    scans: Counter[str]
    imports: Counter[str]
    """State → how many."""
    told_wrongly: list[str]
    """Scans and imports whose begin or end was told more or less than once."""
    found: tuple[int, int, int]
    """Resources that all scans together say they have added, changed and removed."""
    inventory: set[str]
    charges: tuple[Decimal, int]


async def effects_of(database_url: str, settled: Settled, seconds: float) -> Effects:
    """Wait until the jobs have ended, and look; TimeoutError when they have not."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        async with asyncio.timeout(seconds):
            while True:
                jobs = await connection.fetch(_JOBS, KINDS)
                if all(row["state"] in {"SUCCEEDED", "DEAD"} for row in jobs):
                    break
                await asyncio.sleep(0.2)
        key = settled.organization_id
        scans = await connection.fetch(_TOLD.format(table="scans"), key, "SCAN_STARTED", "SCAN_FINISHED")
        imports = await connection.fetch(
            _TOLD.format(table="cost_imports"), key, "COST_IMPORT_STARTED", "COSTS_INGESTED"
        )
        amount, charges = await connection.fetchrow(_CHARGES, key)
        return Effects(
            states=Counter(row["state"] for row in jobs),
            attempts=Counter(row["attempts"] for row in jobs),
            dead=[row[0] for row in await connection.fetch(_DEAD)],
            rows_left=await connection.fetchval(_ROWS_LEFT, settled.condemned),
            scans=Counter(row["state"] for row in scans),
            imports=Counter(row["state"] for row in imports),
            told_wrongly=[
                str(dict(row))
                for row in (*scans, *imports)
                if (row["begun"], row["ended"]) != (1, row["state"] == "SUCCEEDED")
            ],
            found=tuple(await connection.fetchrow(_FOUND, key)),
            inventory={row["native_id"] for row in await connection.fetch(_INVENTORY, key)},
            charges=(amount, charges),
        )
    finally:
        await connection.close()
