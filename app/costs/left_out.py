"""Billing accounts that a month had and its new delivery has not: what they cost still counts, and has to be told.

A delivery takes the place of what it speaks of, by billing account. Of an account that it does not name it says
nothing: the account may have ended, or its file may be missing. So nothing is removed, and somebody has to decide.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.conformance import ConformanceNotes, Gap, shortened
from app.repositories import cost_import_reads

NO_ACCOUNT = "(none)"


async def note_left_out(
    session: AsyncSession,
    organization_id: UUID,
    import_id: UUID,
    periods: Collection[tuple[str, date]],
    month: date | None,
    notes: ConformanceNotes,
) -> None:
    """Note what a delivery that has been stored leaves standing of its own months, in the same transaction.

    `periods` are its billing accounts with their periods, `month` is the one that was to be delivered. Told is what
    came together with one of these accounts before, or from the same cost source: accounts that were always delivered
    alone have nothing to do with it.
    """
    starts = {start for _, start in periods} | ({month} if month is not None else set())
    for row in await cost_import_reads.periods_left_out(session, organization_id, import_id, sorted(starts)):
        notes.record(Gap.STILL_COUNTED, "BillingAccountId", _detail(row), 1, row["charge_count"])


def _detail(row: RowMapping) -> str:
    account = shortened(row["billing_account_id"]) or NO_ACCOUNT
    currency = row["billing_currency"]
    amount = "amounts in several currencies" if currency is None else f"{row['billed_cost']:f} {currency} billed"
    month = f"{row['billing_period_start']:%Y-%m}"
    return (
        f"{month} of {account} was delivered before and is not in this delivery; its {amount} still count: "
        "`deleteBillingPeriod` removes them, a delivery with the account takes their place"
    )
