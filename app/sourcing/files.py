"""Imports of files on this machine, as a command does them: no job stands behind them, the command is the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.datasets import DEFAULT_DATASET
from app.costs.imports.order import REJECT_SHARE, ImportOrder, create_import
from app.costs.imports.run import run_order
from app.costs.imports.storing import Progress
from app.database import Database
from app.models import new_id, now
from app.records import Actor
from app.records.costs import ImportMode, ImportOutcome, ImportSource, ImportSourceKind, ImportState
from app.repositories import cost_import_reads, cost_imports
from app.repositories.organizations import each_organization
from app.sourcing.ending import close_import, fail_import

MOST_NAMES: Final = 100
GRACE: Final = timedelta(minutes=10)
"""Before a command stores it looks at its files: so long it need not show that it lives."""
_PAGE: Final = 500


@dataclass(frozen=True)
class FileOptions:
    """How files are imported; `reject_share` is the largest share of rows, 0 to 1, that may be refused."""

    dataset: str = DEFAULT_DATASET
    mode: ImportMode = ImportMode.REPLACE
    billing_currency: str | None = None
    reject_share: float = REJECT_SHARE


async def import_from_disk(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    paths: Sequence[Path],
    options: FileOptions,
    progress: Progress,
) -> ImportOutcome:
    """Import files, a folder or a manifest as one delivery; what is wrong with them is told by the outcome.

    Cancelled or broken off it leaves nothing behind but its row, which says so.
    """
    await end_abandoned_of(database, organization_id)
    import_id = new_id()

    async def hold(session: AsyncSession) -> None:
        await cost_import_reads.own_import(session, import_id)

    order = ImportOrder(
        organization_id,
        import_id,
        actor,
        options.dataset,
        options.mode,
        options.billing_currency,
        options.reject_share,
        hold,
    )
    names = tuple(path.resolve().name for path in paths[:MOST_NAMES])
    await create_import(database, order, ImportSource(ImportSourceKind.FILE, names=names))
    try:
        return await run_order(database, order, paths, progress)
    except asyncio.CancelledError:
        row = await _close(database, order, ImportState.CANCELLED, "The command was stopped.")
        if row is None or row["state"] != ImportState.SUCCEEDED:
            raise
        # It was stopped in its last moment: what has landed must not be denied.
        return ImportOutcome(
            import_id,
            ImportState.SUCCEEDED,
            received=row["received"],
            added=row["added"],
            unchanged=row["unchanged"],
            rejected=row["rejected"],
            billed_cost=dict(progress.billed_cost),
        )
    except Exception as error:
        await _close(database, order, ImportState.FAILED, f"The command broke off ({type(error).__name__}).")
        raise


async def end_abandoned_imports(database: Database) -> int:
    """Declare the imports of all organizations FAILED whose command was killed; returns how many.

    Several processes may do it at once.
    """
    ended = 0
    async for organization_id in each_organization(database):
        ended += await end_abandoned_of(database, organization_id)
    return ended


async def end_abandoned_of(database: Database, organization_id: UUID) -> int:
    """The same in one organization."""
    ended = 0
    async with database.read(organization_id) as session:
        rows = await cost_import_reads.jobless_imports(session, organization_id, now() - GRACE, _PAGE)
    for row in rows:
        async with database.write(organization_id) as session:
            if not await cost_import_reads.is_owned(session, row["id"]):
                ended += await fail_import(session, row, "The command that ran it ended without a word.")
    return ended


async def _close(database: Database, order: ImportOrder, state: ImportState, message: str) -> RowMapping | None:
    """Note the end unless it has ended; the row then, or None where PostgreSQL does not answer.

    Then the next command notes it, or the clock.
    """
    try:
        async with database.write(order.organization_id) as session:
            row = await cost_imports.get_import(session, order.organization_id, order.import_id)
            if row is not None and state is ImportState.CANCELLED:
                await close_import(session, row, state, message)
            elif row is not None:
                await fail_import(session, row, message, order.actor)
            return await cost_imports.get_import(session, order.organization_id, order.import_id)
    except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server is away
        structlog.get_logger(__name__).warning("import_end_not_noted", error=type(error).__name__)
        return None
