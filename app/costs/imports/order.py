"""What to import, and noting that it is about to be: all that who asks for an import needs of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import now
from app.records import Actor
from app.records.costs import ImportMode, ImportSource, ImportState
from app.repositories import cost_imports

REJECT_SHARE: Final = 0.05
"""A delivery of which more rows are refused is refused as a whole."""
Hold = Callable[[AsyncSession], Awaitable[None]]


@dataclass(frozen=True)
class ImportOrder:
    """What to import into which organization, and how.

    `hold` is called first in the transaction that stores: it raises where the job belongs to another worker now.
    `billing_currency` stands in where a row has none. `reject_share` is the largest share of rows, 0 to 1, that may be
    refused. `wait_seconds` is how long to wait for another import of the organization, None for as long as it takes.
    `month` is the first day of the one month that is delivered; None where it may be several. `manifests`: a file whose
    name ends in .json names the files beside it; otherwise it has costs as any other.
    """

    organization_id: UUID
    import_id: UUID
    actor: Actor
    dataset: str
    mode: ImportMode
    billing_currency: str | None = None
    reject_share: float = REJECT_SHARE
    hold: Hold | None = None
    wait_seconds: float | None = None
    month: date | None = None
    manifests: bool = True


async def create_import(
    database: Database, order: ImportOrder, source: ImportSource, session: AsyncSession | None = None, **more: Any
) -> None:
    """Note a delivery that is about to be imported, in a transaction of its own or in the caller's."""
    values = {
        "id": order.import_id,
        "organization_id": order.organization_id,
        "dataset": order.dataset,
        "mode": order.mode,
        "state": ImportState.QUEUED,
        "source": source.stored(),
        "billing_currency": order.billing_currency,
        "bytes_read": 0,
        "received": 0,
        "added": 0,
        "unchanged": 0,
        "rejected": 0,
        "conformance": [],
        "created_at": now(),
        **more,
    }
    if session is not None:
        await cost_imports.add_import(session, values)
        return
    async with database.write(order.organization_id) as own:
        await cost_imports.add_import(own, values)
