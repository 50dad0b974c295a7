"""When a billing period is final: its provider has had time to restate it, and has not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from app.database import Database
from app.models import now
from app.records.costs import Finality
from app.repositories import cost_imports
from app.repositories.organizations import each_organization

SETTLED_DAYS: Final = 10
"""Providers restate a month for about a week after its end (AWS adds support fees on the 6th or 7th)."""


def settled_by(today: date) -> date:
    """The last day on which a billing period may have ended, or have been restated, that is settled today."""
    return today - timedelta(days=SETTLED_DAYS)


def finality_of(period_end: date, today: date, *, restated: bool) -> Finality:
    """The finality of a billing period whose delivery comes in today; one that is restated may be so again."""
    return Finality.FINAL if period_end <= settled_by(today) and not restated else Finality.PROVISIONAL


async def settle_costs(database: Database) -> int:
    """Make final what nobody has restated for so long, in all organizations; returns how many import periods those are.

    Of whole deliveries only those that came after their billing period's end: of the others the last days are not
    there. Where rows are appended they need not be. Idempotent, also beside another worker and beside imports, which it
    does not wait for.
    """
    settled = 0
    async for organization_id in each_organization(database):
        async with database.write(organization_id) as session:
            settled += await cost_imports.settle_quiet_periods(session, organization_id, settled_by(now().date()))
    return settled
