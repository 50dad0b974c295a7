"""What workers do after dead jobs, of whatever room: at once when one dies, and every minute for those of others."""

from __future__ import annotations

import asyncio
import random
from typing import Final

import structlog

from app.costs.exports.purge import OF_COSTS, recovery_of
from app.database import Database
from app.dead_jobs import recover
from app.exporting.purge import OF_ROWS
from app.scanning.recover import RECOVERIES as OF_SCANS
from app.sourcing.recover import RECOVERIES as OF_SOURCES
from app.webhooks.recover import RECOVERIES as OF_WEBHOOKS

RECOVER_SECONDS: Final = 60.0
RECOVERIES: Final = (*OF_SCANS, *OF_SOURCES, recovery_of(OF_COSTS), recovery_of(OF_ROWS), *OF_WEBHOOKS)


async def recover_all(database: Database) -> int:
    """Tell the objects of all dead jobs; of how many that was news."""
    return await recover(database, RECOVERIES)


async def recover_for_ever(database: Database) -> None:
    """The same again and again, in every worker."""
    while True:
        await asyncio.sleep(RECOVER_SECONDS * random.uniform(0.5, 1))  # noqa: S311 - not a secret
        try:
            await recover_all(database)
        except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server is away
            structlog.get_logger(__name__).warning("dead_jobs_not_told", error=type(error).__name__)
